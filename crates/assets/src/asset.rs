//! One result, and where it came from.

use jiff::Timestamp;
use uuid::Uuid;
use workflow_graph::Json;

use crate::{AssetId, BlobDigest};

/// One result: which bytes, what they are, and how they came to be.
///
/// ```
/// use assets::{Asset, BlobDigest, Origin};
/// use uuid::Uuid;
///
/// let origin = Origin { seed: Some(u64::MAX), ..Origin::new(Uuid::nil(), "9", 0) };
/// let asset = Asset {
///     width: Some(64),
///     height: Some(64),
///     ..Asset::new(Uuid::now_v7().into(), BlobDigest::of(b"png"), origin, "2026-01-02T03:04:05Z".parse()?)
/// };
/// assert_eq!(asset.origin.output_index, 0);
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Asset {
    /// Its id.
    pub id: AssetId,
    /// Its bytes. Several assets may have the same.
    pub blob: BlobDigest,
    /// What the bytes are, such as `image/png`.
    pub media_type: String,
    /// How many bytes there are.
    pub size_bytes: u64,
    /// The name under which the server saved it: a name for people, never a path.
    pub file_name: String,
    /// The width in pixels, of a picture.
    pub width: Option<u32>,
    /// The height in pixels, of a picture.
    pub height: Option<u32>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// From when on it may be removed; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// How it came to be.
    pub origin: Origin,
}

/// How an asset came to be: enough to make it again.
///
/// The job, the node and the index name one output, and a store records each output once.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The job that made it, which is also ComfyUI's prompt id.
    pub job: Uuid,
    /// The node that gave it out.
    pub node: String,
    /// Its place among the outputs of that node in that job, from 0.
    pub output_index: u32,
    /// The digest of the workflow, as text.
    pub workflow_digest: String,
    /// The prompt in API format, exactly as it was sent.
    pub workflow: Json,
    /// What the caller asked for, as an object.
    pub parameters: Json,
    /// The seed, over the whole range of 64 bits.
    pub seed: Option<u64>,
    /// The model that was used.
    pub model: Option<String>,
    /// The template that the workflow was made from.
    pub template: Option<String>,
    /// The server that made it, as a URL without credentials.
    pub server: String,
    /// The file on that server.
    pub server_file: ServerFile,
    /// When execution began; `None` when that was not seen.
    pub started_at: Option<Timestamp>,
    /// When execution ended.
    pub finished_at: Option<Timestamp>,
}

/// A file as a ComfyUI server names it. None of the three is a path on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFile {
    /// Its name.
    pub filename: String,
    /// The folder below [`ServerFile::folder`], empty for none.
    pub subfolder: String,
    /// Which of the server's folders: `output`, `temp` or `input`.
    pub folder: String,
}

impl Asset {
    /// An asset of which only the bytes and the output are known: an empty file of no known type
    /// that never expires.
    pub fn new(id: AssetId, blob: BlobDigest, origin: Origin, created_at: Timestamp) -> Self {
        Self {
            id,
            blob,
            media_type: crate::media::UNKNOWN.to_owned(),
            size_bytes: 0,
            file_name: String::new(),
            width: None,
            height: None,
            created_at,
            expires_at: None,
            origin,
        }
    }

    /// What [`AssetQuery::text`](crate::AssetQuery::text) is looked for in: the names of the
    /// file, the template and the model and every text among the parameters, in lower case.
    /// Stores without search of their own keep this beside the asset.
    pub fn search_text(&self) -> String {
        let origin = &self.origin;
        let names = [Some(&self.file_name), origin.template.as_ref(), origin.model.as_ref()];
        let mut texts: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
        collect_texts(&origin.parameters, &mut texts);
        texts.join("\n").to_lowercase()
    }
}

impl Origin {
    /// The origin of one output of which nothing more is known.
    pub fn new(job: Uuid, node: impl Into<String>, output_index: u32) -> Self {
        Self {
            job,
            node: node.into(),
            output_index,
            workflow_digest: String::new(),
            workflow: Json::Null,
            parameters: Json::object([]),
            seed: None,
            model: None,
            template: None,
            server: String::new(),
            server_file: ServerFile::default(),
            started_at: None,
            finished_at: None,
        }
    }
}

fn collect_texts<'a>(json: &'a Json, texts: &mut Vec<&'a str>) {
    match json {
        Json::String(text) => texts.push(text),
        Json::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Json::Object(members) => members.values().for_each(|value| collect_texts(value, texts)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}
