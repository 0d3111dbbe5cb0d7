//! Links between slots.

use super::scalar::{Text, id_text, type_text, whole};
use crate::json::Json;

/// The number of a link within its graph.
pub type LinkId = i64;

/// One link: from an output slot to an input slot.
///
/// ```
/// use workflow_graph::{Json, ui::UiLink};
/// let listed = Json::parse(br#"[7, 3, "0", 4, 1, "MODEL"]"#)?;
/// let named = Json::parse(
///     br#"{"id": 7, "origin_id": 3, "origin_slot": 0, "target_id": "4", "target_slot": 1, "type": "MODEL"}"#)?;
/// assert_eq!(UiLink::read(&listed), UiLink::read(&named));
/// # Ok::<(), workflow_graph::json::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UiLink<'a> {
    /// Its number.
    pub id: LinkId,
    /// The node it comes from; `-10` is the inputs of the subgraph around it.
    pub origin: Text<'a>,
    /// The output slot there, from 0.
    pub origin_slot: usize,
    /// The node it leads to; `-20` is the outputs of the subgraph around it.
    pub target: Text<'a>,
    /// The input slot there, from 0. Files are not to be trusted here: the input's own `link`
    /// decides.
    pub target_slot: usize,
    /// The type that flows.
    pub type_name: Text<'a>,
}

impl<'a> UiLink<'a> {
    /// Reads a link from a list of six or from an object.
    pub fn read(json: &'a Json) -> Option<Self> {
        let (id, origin, origin_slot, target, target_slot, type_name) = match json {
            Json::Array(items) => {
                let mut items = items.iter();
                let mut next = || items.next();
                (next()?, next()?, next()?, next()?, next()?, next())
            }
            Json::Object(members) => (
                members.get("id")?,
                members.get("origin_id")?,
                members.get("origin_slot")?,
                members.get("target_id")?,
                members.get("target_slot")?,
                members.get("type"),
            ),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => return None,
        };
        Some(Self {
            id: whole(id)?,
            origin: id_text(origin)?,
            origin_slot: slot(origin_slot)?,
            target: id_text(target)?,
            target_slot: slot(target_slot)?,
            type_name: type_text(type_name),
        })
    }
}

fn slot(json: &Json) -> Option<usize> {
    usize::try_from(whole(json)?).ok()
}
