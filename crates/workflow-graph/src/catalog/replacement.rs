//! What a server puts in the place of a class that it no longer has.

use indexmap::IndexMap;

use super::Name;
use crate::json::{self, Json};

/// One rule by which a server replaces a node of a missing class.
///
/// ```
/// use workflow_graph::{Json, catalog::NodeCatalog};
/// let catalog = NodeCatalog::from_bytes(br#"{"New": {"input": {}, "output": []}}"#)?.with_replacements(
///     &Json::parse(br#"{"Old": [{"new_node_id": "New", "old_node_id": "Old",
///         "input_mapping": [{"new_id": "b", "old_id": "a"}]}]}"#).unwrap());
/// assert_eq!(catalog.replacements("Old")[0].new_class, "New");
/// # Ok::<(), workflow_graph::catalog::CatalogError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeReplacement {
    /// The class that takes its place.
    pub new_class: Name,
    /// The names of the old class's widgets, in the order of a UI workflow's values.
    pub old_widgets: Vec<String>,
    /// How the new inputs are made; what is not named is dropped.
    pub inputs: Vec<ReplacedInput>,
    /// Pairs of an old output slot and the new one.
    pub outputs: Vec<(u32, u32)>,
}

/// One input of the new node.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplacedInput {
    /// It takes the value of an input of the old node, which must be there.
    Renamed {
        /// The name on the old node.
        old: String,
        /// The name on the new node.
        new: String,
    },
    /// It is set to a fixed value.
    Set {
        /// The name on the new node.
        new: String,
        /// The value.
        value: Json,
    },
}

pub(super) fn read(json: &Json) -> IndexMap<Name, Vec<NodeReplacement>> {
    let Some(members) = json.as_object() else { return IndexMap::new() };
    let entry = |(old, list): (&json::Name, &Json)| {
        let list = list.as_array()?.iter().filter_map(read_one).collect();
        Some((Name::from(old.as_str()), list))
    };
    members.iter().filter_map(entry).collect()
}

fn read_one(json: &Json) -> Option<NodeReplacement> {
    let items = |name: &str| json.get(name).and_then(Json::as_array).unwrap_or_default();
    let text = |item: &Json, name: &str| item.get(name).and_then(Json::as_str).map(str::to_owned);
    let input = |item: &Json| {
        let new = text(item, "new_id")?;
        match text(item, "old_id") {
            Some(old) => Some(ReplacedInput::Renamed { old, new }),
            None => Some(ReplacedInput::Set { new, value: item.get("set_value")?.clone() }),
        }
    };
    let output = |item: &Json| {
        let slot = |name| u32::try_from(item.get(name)?.as_u64()?).ok();
        Some((slot("old_idx")?, slot("new_idx")?))
    };
    Some(NodeReplacement {
        new_class: json.get("new_node_id")?.as_str()?.into(),
        old_widgets: items("old_widget_ids")
            .iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect(),
        inputs: items("input_mapping").iter().filter_map(input).collect(),
        outputs: items("output_mapping").iter().filter_map(output).collect(),
    })
}
