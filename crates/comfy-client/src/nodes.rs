//! Which nodes and models a server has.

use workflow_graph::Json;

use crate::{client::Client, error::Error};

impl Client {
    /// The definitions of all node classes: an object by class. It can be many megabytes and
    /// the server does nothing else while it makes it, so ask rarely.
    pub async fn object_info(&self) -> Result<Json, Error> {
        self.http.get_json(&["object_info"], &[]).await
    }

    /// The definition of one class; `None` when the server has no such class.
    pub async fn object_info_of(&self, class: &str) -> Result<Option<Json>, Error> {
        if !names_one_segment(class) {
            return Ok(None);
        }
        let all = self.http.get_json(&["object_info", class], &[]).await?;
        Ok(all.get(class).cloned())
    }

    /// What the server puts in the place of classes that it no longer has: an object by old
    /// class. `None` from servers of before 0.9, which have no such route.
    pub async fn node_replacements(&self) -> Result<Option<Json>, Error> {
        let reply = self.http.get(&["node_replacements"], &[]).await?;
        if reply.status == 404 {
            return Ok(None);
        }
        Ok(Some(reply.success(&self.http)?.json(&self.http)?))
    }

    /// The names of the model folders, such as `checkpoints` and `loras`.
    pub async fn model_folders(&self) -> Result<Vec<String>, Error> {
        let reply = self.http.get(&["models"], &[]).await?.success(&self.http)?;
        texts(&reply.json(&self.http)?).ok_or_else(|| not_a_list(reply.call))
    }

    /// The files in one model folder, exactly as nodes want them; `None` when the server has no
    /// such folder.
    pub async fn models(&self, folder: &str) -> Result<Option<Vec<String>>, Error> {
        if !names_one_segment(folder) {
            return Ok(None);
        }
        let reply = self.http.get(&["models", folder], &[]).await?;
        if reply.status == 404 {
            return Ok(None);
        }
        let reply = reply.success(&self.http)?;
        let files = texts(&reply.json(&self.http)?);
        files.map(Some).ok_or_else(|| not_a_list(reply.call))
    }

    /// The same with the size of every file, where the server knows it; `None` when it has no such
    /// folder, or is too old to be asked.
    pub async fn model_files(&self, folder: &str) -> Result<Option<Vec<ModelFile>>, Error> {
        if !names_one_segment(folder) {
            return Ok(None);
        }
        let reply = self.http.get(&["experiment", "models", folder], &[]).await?;
        if reply.status == 404 {
            return Ok(None);
        }
        let reply = reply.success(&self.http)?;
        let files = reply.json(&self.http)?;
        let read = |file: &Json| {
            let name = file.get("name").and_then(Json::as_str)?.to_owned();
            let bytes = file.get("size").and_then(Json::as_u64);
            Some(ModelFile { name, bytes })
        };
        let files: Option<Vec<ModelFile>> =
            files.as_array().and_then(|files| files.iter().map(read).collect());
        files.map(Some).ok_or_else(|| Error::UnexpectedReply {
            call: reply.call,
            problem: "a list of files with names is expected".to_owned(),
        })
    }
}

/// A file in a model folder of a server.
///
/// ```
/// use comfy_client::ModelFile;
/// let file = ModelFile { name: "sdxl/base.safetensors".to_owned(), bytes: None };
/// assert_ne!(file.bytes, Some(0));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFile {
    /// Its name as nodes want it, with the folders above it.
    pub name: String,
    /// How large it is, where the server says so.
    pub bytes: Option<u64>,
}

/// Whether a text can stand as one segment of a path. The other ones would ask for something
/// else: an empty one or `.` for the whole list, `..` for the route above.
fn names_one_segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
}

fn texts(json: &Json) -> Option<Vec<String>> {
    json.as_array()?.iter().map(|text| Some(text.as_str()?.to_owned())).collect()
}

fn not_a_list(call: crate::error::Call) -> Error {
    Error::UnexpectedReply { call, problem: "a list of texts is expected".to_owned() }
}
