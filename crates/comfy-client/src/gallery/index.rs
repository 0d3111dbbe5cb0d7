//! The index of a server's templates.

use std::collections::HashSet;

use workflow_graph::Json;

use super::{ENTRIES_MAX, is_file_name, text, texts};

/// What a server's own gallery has. An entry that cannot be read is left out and counted; no
/// member of an entry but its name has to be there.
///
/// ```
/// use comfy_client::GalleryIndex;
/// use workflow_graph::Json;
/// let json = Json::parse(br#"[{"title": "Image", "type": "image", "templates": [
///     {"name": "first", "title": "First", "tags": ["API", 7], "size": "large"},
///     {"name": "../../etc/passwd"}]}]"#)?;
/// let index = GalleryIndex::from_json(&json).unwrap();
/// let first = &index.categories[0].items[0];
/// assert_eq!((&*first.name, first.tags.len(), first.size_bytes), ("first", 1, None));
/// assert_eq!(index.unreadable, 1);
/// # Ok::<(), workflow_graph::json::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GalleryIndex {
    /// The categories in the server's order.
    pub categories: Vec<GalleryCategory>,
    /// How many entries have no name that a file can have, or no members at all.
    pub unreadable: usize,
    /// How many entries were not looked at: there are more than anybody serves.
    pub beyond_limit: usize,
}

/// One category of a gallery.
///
/// ```
/// assert!(comfy_client::GalleryCategory::default().items.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GalleryCategory {
    /// What people read, such as `Video Tools`.
    pub title: String,
    /// What its templates make: `image`, `video`, `audio`, `3d`, `llm`.
    pub kind: Option<String>,
    /// The heading it stands under.
    pub group: Option<String>,
    /// Its templates in the server's order.
    pub items: Vec<GalleryItem>,
}

/// One template of a gallery as its index describes it.
///
/// ```
/// let item = comfy_client::GalleryItem { name: "first".to_owned(), ..Default::default() };
/// assert_eq!(item.size_bytes, None, "an index that does not say is no index that says zero");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GalleryItem {
    /// The name of its file without `.json`.
    pub name: String,
    /// What people read.
    pub title: Option<String>,
    /// What it does, in sentences.
    pub description: Option<String>,
    /// The kind of its picture in the front end, which is not always what it makes.
    pub media_type: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The names of the models it uses, which are no file names.
    pub models: Vec<String>,
    /// The day it was added, as `YYYY-MM-DD`.
    pub date: Option<String>,
    /// The size of all model files it needs, in bytes; zero where it needs none.
    pub size_bytes: Option<u64>,
    /// The memory of a graphics card it needs, in bytes, where an older index says so.
    pub vram_bytes: Option<u64>,
    /// How often it was opened.
    pub usage: Option<u64>,
    /// Whether the weights are open; others are services.
    pub open_source: Option<bool>,
    /// The oldest ComfyUI it runs on.
    pub minimum_version: Option<String>,
    /// The packs of custom nodes it needs.
    pub packs: Vec<String>,
}

impl GalleryIndex {
    /// Reads the body of `GET /templates/index.json`; `None` where it is no list.
    pub fn from_json(json: &Json) -> Option<Self> {
        let mut index = Self::default();
        let mut seen = HashSet::new();
        for category in json.as_array()? {
            let Some(listed) = category.get("templates").and_then(Json::as_array) else {
                index.unreadable += 1;
                continue;
            };
            let room = ENTRIES_MAX.saturating_sub(seen.len());
            index.beyond_limit += listed.len().saturating_sub(room);
            let mut items = Vec::new();
            for listed in listed.iter().take(room) {
                match GalleryItem::read(listed) {
                    // A template may stand in several categories; the first is its own.
                    Some(item) if seen.insert(item.name.clone()) => items.push(item),
                    Some(_) => {}
                    None => index.unreadable += 1,
                }
            }
            index.categories.push(GalleryCategory {
                title: text(category, "title").unwrap_or_default(),
                kind: text(category, "type"),
                group: text(category, "category"),
                items,
            });
        }
        Some(index)
    }
}

impl GalleryItem {
    fn read(json: &Json) -> Option<Self> {
        let name = text(json, "name").filter(|name| is_file_name(name))?;
        let number = |name| json.get(name).and_then(Json::as_u64);
        Some(Self {
            name,
            title: text(json, "title"),
            description: text(json, "description"),
            media_type: text(json, "mediaType"),
            tags: texts(json, "tags"),
            models: texts(json, "models"),
            date: text(json, "date"),
            size_bytes: number("size"),
            vram_bytes: number("vram"),
            usage: number("usage"),
            open_source: json.get("openSource").and_then(Json::as_bool),
            minimum_version: text(json, "minComfyUIVersion"),
            packs: texts(json, "requiresCustomNodes"),
        })
    }
}

/// The tasks that the index for agents names. What it does not say is left out.
pub(super) fn tasks(json: &Json) -> Vec<(String, String)> {
    let categories = json.as_array().unwrap_or_default().iter();
    let listed = categories.filter_map(|category| category.get("templates")?.as_array()).flatten();
    let named = listed.filter_map(|item| Some((text(item, "name")?, text(item, "task")?)));
    named.take(ENTRIES_MAX).collect()
}
