//! Blueprints: subgraphs that a server offers for use in other workflows.

use workflow_graph::Json;

use super::{ENTRIES_MAX, is_file_name, text};

/// A blueprint as the list names it.
///
/// ```
/// let entry = comfy_client::BlueprintEntry::default();
/// assert!(entry.id.is_empty() && entry.pack.is_none());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlueprintEntry {
    /// The server's id, a SHA-256 of where the file lies.
    pub id: String,
    /// What people read. Two blueprints can have the same.
    pub name: String,
    /// The pack it comes with: `comfyui` for the server's own.
    pub pack: Option<String>,
}

/// A blueprint with its workflow.
///
/// ```
/// use comfy_client::Blueprint;
/// use workflow_graph::Json;
/// let json = Json::parse(br#"{"name": "Blur", "info": {"node_pack": "comfyui"},
///     "data": "{\"nodes\": []}"}"#)?;
/// let blueprint = Blueprint::from_json("ab12", &json)?;
/// assert_eq!(blueprint.entry.name, "Blur");
/// assert!(blueprint.workflow.get("nodes").is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Blueprint {
    /// What the list says of it.
    pub entry: BlueprintEntry,
    /// A workflow as the front end saves it, with one instance of the subgraph.
    pub workflow: Json,
}

impl Blueprint {
    /// Reads the body of `GET /global_subgraphs/{id}`; what is wrong with it, in a sentence
    /// fragment, where it is none.
    pub fn from_json(id: &str, json: &Json) -> Result<Self, String> {
        let entry = BlueprintEntry::read(id, json).ok_or("a blueprint has a name")?;
        // The server puts the text of the file into the answer, not its value.
        let data = json.get("data").and_then(Json::as_str);
        let data = data.ok_or("a blueprint has a text `data`")?;
        let workflow = Json::parse_deep(data.as_bytes())
            .map_err(|error| format!("the `data` of a blueprint is JSON, but {error}"))?;
        Ok(Self { entry, workflow })
    }
}

impl BlueprintEntry {
    fn read(id: &str, json: &Json) -> Option<Self> {
        let pack = json.get("info").and_then(|info| text(info, "node_pack"));
        Some(Self { id: id.to_owned(), name: text(json, "name")?, pack })
    }
}

/// All blueprints whose ids can be asked for; `None` where the answer is no object.
pub(super) fn entries(json: &Json) -> Option<Vec<BlueprintEntry>> {
    let listed = json.as_object()?.iter().take(ENTRIES_MAX);
    let usable = listed.filter(|(id, _)| is_file_name(id.as_str()));
    Some(usable.filter_map(|(id, entry)| BlueprintEntry::read(id.as_str(), entry)).collect())
}
