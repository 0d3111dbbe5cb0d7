//! One entry of the gallery, and how it is called.

use std::sync::Arc;

use comfy_client::{BlueprintEntry, GalleryCategory, GalleryItem};

use crate::templates::Template;

/// Where a ready workflow comes from.
///
/// ```
/// use mediafactory::GallerySource;
/// assert_eq!(GallerySource::of_id("server:flux_dev"), GallerySource::Server);
/// assert_eq!(GallerySource::of_id("sdxl_txt2img"), GallerySource::Own);
/// assert_eq!(GallerySource::from_word("pack"), Some(GallerySource::Pack));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GallerySource {
    /// Part of this program.
    Own,
    /// A template of the server.
    Server,
    /// A subgraph that the server offers: a part for other workflows.
    Blueprint,
    /// An example of a pack of custom nodes that the server has.
    Pack,
}

impl GallerySource {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Own, Self::Server, Self::Blueprint, Self::Pack];

    /// The source as it stands in ids and tool results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Server => "server",
            Self::Blueprint => "blueprint",
            Self::Pack => "pack",
        }
    }

    /// The source of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == word)
    }

    /// The source of an id; our own templates have plain names.
    pub fn of_id(id: &str) -> Self {
        let word = id.split_once(':').map(|(word, _)| word);
        word.and_then(Self::from_word).unwrap_or(Self::Own)
    }

    /// What one of it is called in a sentence.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Own | Self::Server => "template",
            Self::Blueprint => "blueprint",
            Self::Pack => "example of a pack",
        }
    }

    fn id(self, name: &str) -> String {
        if self == Self::Own { name.to_owned() } else { format!("{}:{name}", self.as_str()) }
    }
}

/// A ready workflow as a list shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct GalleryEntry {
    /// What it is asked for by: the name of our own, else `server:<name>`, `blueprint:<name>` or
    /// `pack:<pack>/<name>`.
    pub id: String,
    /// Where it comes from.
    pub source: GallerySource,
    /// One line for people.
    pub title: String,
    /// What it does; empty where nobody says.
    pub description: String,
    /// The server's category, or the pack.
    pub category: Option<String>,
    /// What it makes: `image`, `video`, `audio`, `3d`, …
    pub medium: Option<String>,
    /// The task, such as `text-to-image`, where the index says so.
    pub task: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The models it uses: files for our own, names otherwise.
    pub models: Vec<String>,
    /// The size of all its model files, in bytes, as the index has it.
    pub size_bytes: Option<u64>,
    /// The memory of a graphics card it needs, in bytes, where an older index says so.
    pub vram_bytes: Option<u64>,
    /// The day it was added, as `YYYY-MM-DD`.
    pub date: Option<String>,
    /// How often it was opened, as the index has it.
    pub usage: Option<u64>,
    /// The oldest ComfyUI it runs on, where that is said.
    pub minimum_version: Option<String>,
    /// The packs of custom nodes it needs, where that is said.
    pub packs: Vec<String>,
    /// The server that offers it; none for our own.
    pub backend: Option<String>,
}

/// An entry with what it is found by and fetched from.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) entry: Arc<GalleryEntry>,
    pub(super) place: Place,
    /// Its id and title in small letters.
    name: String,
    /// All its words in small letters.
    words: String,
}

/// Where its workflow is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Own,
    Template { name: String },
    Blueprint { id: String },
    Pack { pack: String, name: String },
}

impl Listed {
    fn new(entry: GalleryEntry, place: Place) -> Self {
        let name = format!("{} {}", entry.id, entry.title).to_lowercase();
        let told = [entry.category.as_ref(), entry.task.as_ref(), entry.medium.as_ref()];
        let told = told.into_iter().flatten().chain(&entry.tags).chain(&entry.models);
        let words: Vec<&str> = told.chain([&entry.description]).map(String::as_str).collect();
        let words = format!("{name} {}", words.join(" ").to_lowercase());
        Self { entry: Arc::new(entry), place, name, words }
    }

    pub(super) fn own(template: &Template) -> Self {
        let entry = GalleryEntry {
            title: template.title.clone(),
            description: template.description.clone(),
            task: Some(template.task.clone()),
            tags: template.tags.clone(),
            models: template.models.iter().map(|model| model.file.clone()).collect(),
            minimum_version: Some(template.minimum_version.clone()),
            ..GalleryEntry::named(GallerySource::Own, &template.name, None)
        };
        Self::new(entry, Place::Own)
    }

    pub(super) fn template(
        category: &GalleryCategory,
        item: GalleryItem,
        task: Option<&str>,
        backend: &str,
    ) -> Self {
        let named = GalleryEntry::named(GallerySource::Server, &item.name, Some(backend));
        let tagged = || item.tags.iter().map(String::as_str).find(|tag| tag.contains(" to "));
        let entry = GalleryEntry {
            title: item.title.clone().unwrap_or_else(|| item.name.clone()),
            description: item.description.unwrap_or_default(),
            category: Some(category.title.clone()),
            medium: category.kind.clone().or(item.media_type),
            task: task.or_else(tagged).map(task_word),
            tags: item.tags.clone(),
            models: item.models,
            size_bytes: item.size_bytes,
            vram_bytes: item.vram_bytes,
            date: item.date,
            usage: item.usage,
            minimum_version: item.minimum_version,
            packs: item.packs,
            ..named
        };
        Self::new(entry, Place::Template { name: item.name })
    }

    /// Of two blueprints with one name, the second is called by its id.
    pub(super) fn blueprint(blueprint: BlueprintEntry, is_second: bool, backend: &str) -> Self {
        let name = if is_second { &blueprint.id } else { &blueprint.name };
        let named = GalleryEntry::named(GallerySource::Blueprint, name, Some(backend));
        let packs = blueprint.pack.filter(|pack| pack != OWN_PACK).into_iter().collect();
        let entry = GalleryEntry { title: blueprint.name, packs, ..named };
        Self::new(entry, Place::Blueprint { id: blueprint.id })
    }

    pub(super) fn example(pack: &str, name: String, backend: &str) -> Self {
        let id = format!("{pack}/{name}");
        let entry = GalleryEntry {
            title: name.clone(),
            category: Some(pack.to_owned()),
            packs: vec![pack.to_owned()],
            ..GalleryEntry::named(GallerySource::Pack, &id, Some(backend))
        };
        Self::new(entry, Place::Pack { pack: pack.to_owned(), name })
    }

    /// How well it fits, lower is better; `None` where a word is missing.
    pub(super) fn rank(&self, words: &[String]) -> Option<u8> {
        let all_in = |text: &str| words.iter().all(|word| text.contains(word.as_str()));
        if all_in(&self.name) {
            return Some(0);
        }
        all_in(&self.words).then_some(1)
    }
}

impl GalleryEntry {
    fn named(source: GallerySource, name: &str, backend: Option<&str>) -> Self {
        Self {
            id: source.id(name),
            source,
            title: name.to_owned(),
            description: String::new(),
            category: None,
            medium: None,
            task: None,
            tags: Vec::new(),
            models: Vec::new(),
            size_bytes: None,
            vram_bytes: None,
            date: None,
            usage: None,
            minimum_version: None,
            packs: Vec::new(),
            backend: backend.map(str::to_owned),
        }
    }
}

/// The pack that a server names for blueprints of its own.
const OWN_PACK: &str = "comfyui";

/// `Text to Image` as our own templates spell it.
fn task_word(words: &str) -> String {
    words.to_lowercase().replace(' ', "-")
}
