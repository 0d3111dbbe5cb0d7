//! Files on the server: reading and uploading.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _, stream};
use reqwest::{
    Response, header,
    multipart::{Form, Part},
};
use tokio::time;
use workflow_graph::Json;

use crate::{
    client::Client,
    error::{Call, Error},
    http::{self, Body},
    limits::Limits,
};

/// One of the folders that a server keeps files in.
///
/// ```
/// use comfy_client::Folder;
/// assert_eq!(Folder::from("temp"), Folder::Temp);
/// assert_eq!(Folder::from("elsewhere").as_str(), "elsewhere");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Folder {
    /// What was saved.
    #[default]
    Output,
    /// Previews; a restart of the server empties it.
    Temp,
    /// What was uploaded.
    Input,
    /// One that this client does not know.
    Other(String),
}

impl Folder {
    /// ComfyUI's name for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Output => "output",
            Self::Temp => "temp",
            Self::Input => "input",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for Folder {
    fn from(name: &str) -> Self {
        match name {
            "output" => Self::Output,
            "temp" => Self::Temp,
            "input" => Self::Input,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// Where a file lies on a server. What is there can change: names are used again.
///
/// ```
/// use comfy_client::{FileRef, Folder};
/// let file = FileRef { filename: "a.png".into(), subfolder: "x/y".into(), folder: Folder::Input };
/// assert_eq!(file.to_string(), "x/y/a.png [input]");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileRef {
    /// The name, without folders.
    pub filename: String,
    /// The folders below `folder`; often empty. A Windows server writes backslashes.
    pub subfolder: String,
    /// Which folder.
    pub folder: Folder,
}

impl FileRef {
    /// Reads an object with `filename`, and perhaps `subfolder` and `type`.
    pub fn from_json(json: &Json) -> Option<Self> {
        Self::read(json, "filename")
    }

    /// The same with another member for the name: the reply to an upload has `name`.
    fn read(json: &Json, name: &str) -> Option<Self> {
        let text = |name| json.get(name).and_then(Json::as_str);
        Some(Self {
            filename: text(name)?.to_owned(),
            subfolder: text("subfolder").unwrap_or_default().to_owned(),
            folder: text("type").map(Folder::from).unwrap_or_default(),
        })
    }

    /// Refuses what the server would answer with a bare status.
    fn check(&self) -> Result<(), Error> {
        let climbs = |text: &str| text.split(['/', '\\']).any(|part| part == "..");
        let problem = if self.filename.is_empty() {
            "the name of a file on the server must not be empty".to_owned()
        } else if self.filename.starts_with('/') || self.filename.contains("..") {
            format!("ComfyUI serves no file whose name begins with `/` or contains `..`: {self}")
        } else if self.subfolder.starts_with('/') || climbs(&self.subfolder) {
            format!("the subfolder must lie below the server's own folder: {self}")
        } else {
            return Ok(());
        };
        Err(Error::Unusable { problem })
    }
}

impl fmt::Display for FileRef {
    /// As the inputs of nodes such as `LoadImage` take it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.subfolder.is_empty() { "" } else { "/" };
        write!(f, "{}{separator}{} [{}]", self.subfolder, self.filename, self.folder.as_str())
    }
}

/// A file that is being read: a stream of its pieces. Each piece has to come within
/// [`Limits::view_timeout`], and all of them within [`Limits::view_bytes_max`] bytes.
pub struct View {
    /// What the server says it is. It goes by the name's extension, and says
    /// `application/octet-stream` for what a browser could run, SVG included.
    pub content_type: Option<String>,
    /// Its size in bytes, when the server says so.
    pub length: Option<u64>,
    call: Call,
    pieces: Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>,
}

impl View {
    fn new(call: Call, response: Response, limits: &Limits) -> Result<Self, Error> {
        let (after, bytes_max) = (limits.view_timeout, limits.view_bytes_max);
        let too_large =
            move |call| Error::BodyTooLarge { call, limit: "view_bytes_max", bytes_max };
        let length = response.content_length();
        if length.is_some_and(|length| length > bytes_max) {
            return Err(too_large(call));
        }
        let content_type = http::text_of(response.headers(), header::CONTENT_TYPE);
        let opened = call.clone();
        let pieces = stream::try_unfold((response, 0_u64), move |(mut response, before)| {
            let call = call.clone();
            async move {
                let Ok(piece) = time::timeout(after, response.chunk()).await else {
                    return Err(Error::Timeout { call, limit: "view_timeout", after });
                };
                let Some(piece) = piece.map_err(|source| http::lost(call.clone(), source))? else {
                    return Ok(None);
                };
                let so_far =
                    u64::try_from(piece.len()).ok().and_then(|new| before.checked_add(new));
                match so_far.filter(|length| *length <= bytes_max) {
                    Some(so_far) => Ok(Some((piece, (response, so_far)))),
                    None => Err(too_large(call)),
                }
            }
        });
        Ok(Self { content_type, length, call: opened, pieces: Box::pin(pieces) })
    }

    /// All of it, in memory, which can be as much as [`Limits::view_bytes_max`].
    pub async fn bytes(self) -> Result<Bytes, Error> {
        self.bytes_at_most(u64::MAX).await
    }

    /// All of it, in memory, unless it is larger than `bytes_max`: then
    /// [`Error::BodyTooLarge`], as soon as that is known.
    pub async fn bytes_at_most(mut self, bytes_max: u64) -> Result<Bytes, Error> {
        let limit = "bytes_at_most";
        let too_large = |call: &Call| Error::BodyTooLarge { call: call.clone(), limit, bytes_max };
        if self.length.is_some_and(|length| length > bytes_max) {
            return Err(too_large(&self.call));
        }
        let mut all = BytesMut::new();
        while let Some(piece) = self.next().await {
            all.extend_from_slice(&piece?);
            if u64::try_from(all.len()).is_ok_and(|length| length > bytes_max) {
                return Err(too_large(&self.call));
            }
        }
        Ok(all.freeze())
    }
}

impl Stream for View {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.as_mut().poll_next(context)
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { content_type, length, call, pieces: _ } = self;
        f.debug_struct("View")
            .field("call", call)
            .field("content_type", content_type)
            .field("length", length)
            .finish_non_exhaustive()
    }
}

/// A file to upload. The server takes any kind and decodes none.
///
/// ```
/// use comfy_client::{Folder, OnConflict, Upload};
/// let upload = Upload::new("a.png", &b"not a picture"[..]);
/// assert_eq!((upload.folder, upload.on_conflict), (Folder::Input, OnConflict::Rename));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The name to give it, without folders.
    pub filename: String,
    /// Its contents.
    pub bytes: Bytes,
    /// Where to.
    pub folder: Folder,
    /// Folders below that; made when missing.
    pub subfolder: String,
    /// What to do when the name is taken by other contents.
    pub on_conflict: OnConflict,
}

/// What happens to an upload whose name is taken.
///
/// ```
/// use comfy_client::OnConflict;
/// assert_eq!(OnConflict::default(), OnConflict::Rename);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// It gets another name, unless the contents are the same.
    #[default]
    Rename,
    /// It replaces the old file.
    Overwrite,
}

impl Upload {
    /// An upload to the top of the input folder that overwrites nothing.
    pub fn new(filename: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self {
            filename: filename.into(),
            bytes: bytes.into(),
            folder: Folder::Input,
            subfolder: String::new(),
            on_conflict: OnConflict::Rename,
        }
    }

    fn into_form(self) -> Result<Form, Error> {
        let target =
            FileRef { filename: self.filename, subfolder: self.subfolder, folder: self.folder };
        target.check()?;
        if target.filename.contains(['/', '\\']) {
            let problem =
                format!("the name of an upload must not hold folders; use `subfolder`: {target}");
            return Err(Error::Unusable { problem });
        }
        let overwrite = match self.on_conflict {
            OnConflict::Rename => "false",
            OnConflict::Overwrite => "true",
        };
        let length = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        let file = Part::stream_with_length(self.bytes, length).file_name(target.filename);
        Ok(Form::new()
            .part("image", file)
            .text("type", target.folder.as_str().to_owned())
            .text("subfolder", target.subfolder)
            .text("overwrite", overwrite))
    }
}

impl Client {
    /// Opens a file for reading. [`Error::NoSuchFile`] when there is none,
    /// [`Error::NotComfyUi`] for a page in its place.
    pub async fn view(&self, file: &FileRef) -> Result<View, Error> {
        file.check()?;
        let query = [
            ("filename", file.filename.as_str()),
            ("subfolder", &file.subfolder),
            ("type", file.folder.as_str()),
        ];
        let (call, response) = self.http.open(&["view"], &query).await?;
        // ComfyUI serves pages as files without a type, so one that says what it is comes from
        // somebody else, as in answer to a request without a login.
        let content_type = http::text_of(response.headers(), header::CONTENT_TYPE);
        let is_page = http::is_html(content_type.as_deref());
        match response.status().as_u16() {
            200 if !is_page => View::new(call, response, &self.http.limits),
            404 if !is_page => {
                Err(Error::NoSuchFile { server: self.url().clone(), file: file.clone() })
            }
            status => {
                let after = self.http.limits.reply_timeout;
                let reply = time::timeout(after, self.http.read(call.clone(), response)).await;
                let limit = "reply_timeout";
                let reply = reply
                    .map_err(|_| Error::Timeout { call: call.clone(), limit, after })??
                    .success(&self.http)?;
                if is_page {
                    return Err(reply.foreign(&self.http));
                }
                let problem = format!("status 200 is expected, and this is {status}");
                Err(Error::UnexpectedReply { call, problem })
            }
        }
    }

    /// Uploads a file, of any kind, and returns where it is: the name may be another one.
    pub async fn upload_image(&self, upload: Upload) -> Result<FileRef, Error> {
        self.upload(&["upload", "image"], upload.into_form()?).await
    }

    /// Uploads a picture whose alpha channel the server puts on a copy of `original`, and
    /// returns where that is. The server answers the same when it could not do it, so both
    /// files are looked up: [`Error::NoSuchFile`] when there is no original,
    /// [`Error::MaskNotStored`] when there is no result.
    pub async fn upload_mask(&self, upload: Upload, original: &FileRef) -> Result<FileRef, Error> {
        let form = upload.into_form()?;
        self.view(original).await.map(drop)?;
        let reference = Json::object([
            ("filename", Json::from(original.filename.as_str())),
            ("subfolder", Json::from(original.subfolder.as_str())),
            ("type", Json::from(original.folder.as_str())),
        ]);
        let form = form.text("original_ref", reference.to_string());
        let file = self.upload(&["upload", "mask"], form).await?;
        match self.view(&file).await {
            Ok(_) => Ok(file),
            Err(Error::NoSuchFile { server, file }) => Err(Error::MaskNotStored { server, file }),
            Err(error) => Err(error),
        }
    }

    async fn upload(&self, segments: &[&str], form: Form) -> Result<FileRef, Error> {
        let reply = self.http.post(segments, Body::Form(form)).await?.success(&self.http)?;
        let json = reply.json(&self.http)?;
        FileRef::read(&json, "name").ok_or_else(|| Error::UnexpectedReply {
            call: reply.call,
            problem: "it has no `name` of the stored file".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(filename: &str, subfolder: &str) {
        let file = FileRef {
            filename: filename.to_owned(),
            subfolder: subfolder.to_owned(),
            folder: Folder::Output,
        };
        assert!(file.check().is_err(), "{file}");
    }

    #[test]
    fn paths_that_leave_the_folder_are_refused_here() {
        check_refused("", "");
        check_refused("/etc/passwd", "");
        check_refused("a..b.png", "");
        check_refused("a.png", "/etc");
        check_refused("a.png", "x/../../y");
        check_refused("a.png", "x\\..\\y");
        let file =
            FileRef {
                filename: "ä #1.png".into(), subfolder: "a..b".into(), ..FileRef::default()
            };
        assert!(file.check().is_ok());
    }
}
