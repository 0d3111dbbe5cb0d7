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
