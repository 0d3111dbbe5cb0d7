//! The workflows that a server offers: templates, blueprints of subgraphs, examples of packs.

mod blueprint;
mod index;
mod pack;

use workflow_graph::Json;

use crate::{client::Client, error::Error, http::Reply};

pub use self::{
    blueprint::{Blueprint, BlueprintEntry},
    index::{GalleryCategory, GalleryIndex, GalleryItem},
    pack::PackExamples,
};

/// The most entries that are read of one list. The largest known index has 644; whoever sends ten
/// times as many sends no gallery.
const ENTRIES_MAX: usize = 8_000;

/// The longest name of an entry, in bytes: what file systems take.
const NAME_BYTES_MAX: usize = 255;

impl Client {
    /// What the server's own gallery has, by category. `None` from servers that serve none: those
    /// of before the templates were a package, or without that package.
    pub async fn gallery(&self) -> Result<Option<GalleryIndex>, Error> {
        let Some(reply) = self.served(&["templates", "index.json"]).await? else {
            return Ok(None);
        };
        match GalleryIndex::from_json(&reply.json(&self.http)?) {
            Some(index) => Ok(Some(index)),
            None => Err(unexpected(reply, "a list of categories is expected")),
        }
    }

    /// The tasks of templates by their names, in the words of the server's index for agents, such
    /// as `Text to Image`. `None` from servers that have no such index.
    pub async fn gallery_tasks(&self) -> Result<Option<Vec<(String, String)>>, Error> {
        let Some(reply) = self.served(&["templates", "index.mcp.json"]).await? else {
            return Ok(None);
        };
        Ok(Some(index::tasks(&reply.json(&self.http)?)))
    }

    /// One template as it is served: a workflow as the front end saves it. `None` when the server
    /// has none of this name.
    pub async fn gallery_template(&self, name: &str) -> Result<Option<Json>, Error> {
        if !is_file_name(name) {
            return Ok(None);
        }
        self.document(&["templates", &format!("{name}.json")]).await
    }

    /// The blueprints of subgraphs. `None` from servers that have no such route.
    pub async fn blueprints(&self) -> Result<Option<Vec<BlueprintEntry>>, Error> {
        let Some(reply) = self.served(&["global_subgraphs"]).await? else { return Ok(None) };
        match blueprint::entries(&reply.json(&self.http)?) {
            Some(entries) => Ok(Some(entries)),
            None => Err(unexpected(reply, "an object of blueprints is expected")),
        }
    }

    /// One blueprint with its workflow. `None` when the server has none of this id.
    pub async fn blueprint(&self, id: &str) -> Result<Option<Blueprint>, Error> {
        if !is_file_name(id) {
            return Ok(None);
        }
        let Some(reply) = self.served(&["global_subgraphs", id]).await? else { return Ok(None) };
        let json = reply.json(&self.http)?;
        // The server answers an id that it does not know with null.
        if json.is_null() {
            return Ok(None);
        }
        match Blueprint::from_json(id, &json) {
            Ok(blueprint) => Ok(Some(blueprint)),
            Err(problem) => Err(unexpected(reply, problem)),
        }
    }

    /// The example workflows of packs of custom nodes. `None` from servers that have no such
    /// route.
    pub async fn pack_examples(&self) -> Result<Option<Vec<PackExamples>>, Error> {
        let Some(reply) = self.served(&["workflow_templates"]).await? else { return Ok(None) };
        match pack::examples(&reply.json(&self.http)?) {
            Some(packs) => Ok(Some(packs)),
            None => Err(unexpected(reply, "an object of packs is expected")),
        }
    }

    /// One example workflow of a pack, in whichever format the pack's author saved it. `None` when
    /// the server has none of this name.
    pub async fn pack_example(&self, pack: &str, name: &str) -> Result<Option<Json>, Error> {
        if !is_file_name(pack) || !is_file_name(name) {
            return Ok(None);
        }
        // Only this route exists below `/api` alone.
        self.document(&["api", "workflow_templates", pack, &format!("{name}.json")]).await
    }

    async fn document(&self, segments: &[&str]) -> Result<Option<Json>, Error> {
        match self.served(segments).await? {
            Some(reply) => Ok(Some(reply.json(&self.http)?)),
            None => Ok(None),
        }
    }

    /// The answer, unless there is no such thing.
    async fn served(&self, segments: &[&str]) -> Result<Option<Reply>, Error> {
        let reply = self.http.get(segments, &[]).await?;
        if reply.status == 404 {
            return Ok(None);
        }
        reply.success(&self.http).map(Some)
    }
}

/// Whether a name from outside can only be that of a file in the folder it is looked for in.
fn is_file_name(name: &str) -> bool {
    let is_foreign = |character: char| matches!(character, '/' | '\\') || character.is_control();
    !matches!(name, "" | "." | "..") && name.len() <= NAME_BYTES_MAX && !name.contains(is_foreign)
}

fn text(json: &Json, name: &str) -> Option<String> {
    json.get(name)?.as_str().map(str::to_owned)
}

fn texts(json: &Json, name: &str) -> Vec<String> {
    let list = json.get(name).and_then(Json::as_array).unwrap_or_default();
    list.iter().filter_map(Json::as_str).map(str::to_owned).collect()
}

fn unexpected(reply: Reply, problem: impl Into<String>) -> Error {
    Error::UnexpectedReply { call: reply.call, problem: problem.into() }
}

#[cfg(test)]
mod tests;
