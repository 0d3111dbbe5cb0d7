//! Templates of the server beside our own: how they are asked for, and what a server lacks to run
//! one.

use mediafactory::{
    Error, Factory, GalleryEntry, GalleryFilter, GallerySource, GalleryTemplate, MissingModel,
    Needs, Template, workflows::MissingNode,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::templates::MemoryResult;

/// Where templates come from.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    Own,
    Server,
    Blueprint,
    Pack,
    All,
}

impl Source {
    /// `None` for all of them.
    pub(crate) fn only(self) -> Option<GallerySource> {
        match self {
            Self::Own => Some(GallerySource::Own),
            Self::Server => Some(GallerySource::Server),
            Self::Blueprint => Some(GallerySource::Blueprint),
            Self::Pack => Some(GallerySource::Pack),
            Self::All => None,
        }
    }
}

/// How much of a description a list shows: those of servers are paragraphs.
const DESCRIPTION_CHARACTERS_MAX: usize = 200;

/// A template in a list.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TemplateEntry {
    /// To ask for it by.
    pub(crate) name: String,
    pub(crate) title: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    tags: Vec<String>,
    /// Model files that the server has to have; for those of a server the names of models.
    models: Vec<String>,
    /// Parameters that must be given; `get_template` tells those of a server's.
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<MemoryResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    /// Of all its model files.
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend: Option<String>,
}

impl TemplateEntry {
    pub(crate) fn new(entry: &GalleryEntry, factory: &Factory) -> Result<Self, Error> {
        let own = factory.templates().all().iter().find(|template| template.name == entry.id);
        let memory = own.map(Template::memory).transpose()?;
        Ok(Self {
            name: entry.id.clone(),
            title: entry.title.clone(),
            description: shortened(&entry.description),
            task: entry.task.clone(),
            tags: entry.tags.clone(),
            models: entry.models.clone(),
            required: own.map(|template| {
                template.required().map(|parameter| parameter.name.clone()).collect()
            }),
            memory: memory.map(MemoryResult::from),
            category: entry.category.clone(),
            size_bytes: entry.size_bytes.filter(|bytes| *bytes > 0),
            date: entry.date.clone(),
            backend: entry.backend.clone(),
        })
    }
}

/// What a server lacks to run a template.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Here {
    runnable: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_nodes: Vec<MissingClass>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_models: Vec<MissingFile>,
    /// Of all its model files, those that are there too.
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    /// What else it would refuse.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
    /// Classes that call paid services, which need an account.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    services: Vec<String>,
    /// What the conversion could not carry over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct MissingClass {
    class_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pack: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct MissingFile {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nearest: Vec<String>,
}

impl Here {
    pub(crate) fn new(found: &GalleryTemplate) -> Self {
        let needs = &found.needs;
        let mut classes: Vec<MissingClass> = Vec::new();
        for MissingNode { class_type, pack, .. } in &needs.nodes {
            if !classes.iter().any(|known| known.class_type == *class_type) {
                classes.push(MissingClass { class_type: class_type.clone(), pack: pack.clone() });
            }
        }
        Self {
            runnable: needs.is_runnable(),
            missing_nodes: classes,
            missing_models: needs.models.iter().map(MissingFile::new).collect(),
            size_bytes: found.entry.size_bytes.filter(|bytes| *bytes > 0),
            problems: needs.problems.clone(),
            services: needs.services.clone(),
            findings: found.findings.iter().map(|finding| finding.message.clone()).collect(),
        }
    }
}

impl MissingFile {
    fn new(model: &MissingModel) -> Self {
        Self {
            file: model.file.clone(),
            folder: model.folder.clone(),
            url: model.url.clone(),
            size_bytes: model.size_bytes,
            nearest: model.nearest.clone(),
        }
    }
}

/// What is listed. Our own templates are listed without asking any server.
pub(crate) async fn list(
    factory: &Factory,
    filter: &GalleryFilter,
) -> Result<(Vec<TemplateEntry>, Vec<String>), Error> {
    let list = factory.gallery(filter).await?;
    let entries = list.entries.iter().map(|entry| TemplateEntry::new(entry, factory));
    Ok((entries.collect::<Result<_, Error>>()?, list.notes))
}

/// Whether a template is a server's.
pub(crate) fn is_served(name: &str) -> bool {
    GallerySource::of_id(name) != GallerySource::Own
}

/// Whether a server would run a template, in a line.
pub(crate) fn verdict(needs: &Needs) -> String {
    let count = |number: usize, what: &str| (number > 0).then(|| format!("{number} {what}"));
    let lacks = [
        count(needs.nodes.len(), "nodes of classes it does not have"),
        count(needs.models.len(), "model files it does not list"),
        count(needs.problems.len(), "other problems"),
    ];
    let lacks: Vec<String> = lacks.into_iter().flatten().collect();
    if lacks.is_empty() {
        "the server would run it".to_owned()
    } else {
        format!("the server would not run it as it is: {}", lacks.join(", "))
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(DESCRIPTION_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
