//! Parameters beside a workflow: a list of names with the node and widget each is set in.

use indexmap::IndexMap;

use super::{
    Declared, Kind, Parameter, Placeholders, TemplateError, fill,
    scan::{Mark, Pieces, Spot},
};
use crate::{
    ids::NodeId,
    json::{Json, Object},
    workflow::{Input, Workflow},
};

/// Parameters by name, each with the nodes and widgets it is set in.
///
/// It is read from a list of `{"name", "comfyui_node_id", "comfyui_widget_name", "type",
/// "required", "default"}`, or from an object with such a list as `parameters`. The same name
/// may stand several times, once for each place it is set in.
///
/// ```
/// use std::collections::BTreeMap;
/// use workflow_graph::{Json, Workflow, placeholders::Mapping};
/// let mapping = Mapping::from_json(&Json::parse(br#"{"parameters": [
///     {"name": "prompt", "comfyui_node_id": "6", "comfyui_widget_name": "text", "type": "string", "required": true}
/// ]}"#)?)?;
/// let json = Json::parse(br#"{"6": {"class_type": "CLIPTextEncode", "inputs": {"text": "old"}}}"#)?;
/// let template = mapping.on(&Workflow::from_json(&json)?)?;
/// let filled = template.fill(&BTreeMap::from([("prompt".to_owned(), Json::from("new"))]))?;
/// assert_eq!(filled.to_json().to_string(), r#"{"6":{"class_type":"CLIPTextEncode","inputs":{"text":"new"}}}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapping {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    name: String,
    node: NodeId,
    widget: String,
    kind: Option<Kind>,
    required: bool,
    default: Option<Json>,
}

impl Mapping {
    /// Reads a mapping. Members that are not known, such as descriptions, are left aside.
    pub fn from_json(json: &Json) -> Result<Self, TemplateError> {
        let entries = json.as_array().or_else(|| json.get("parameters")?.as_array());
        let entries = entries.ok_or_else(|| TemplateError::Mapping {
            at: "parameters".to_owned(),
            problem: "must be a list of parameters with name, node and widget".to_owned(),
        })?;
        let read = |(index, entry): (usize, &Json)| {
            read_entry(entry).map_err(|problem| TemplateError::Mapping {
                at: format!("parameters[{index}]"),
                problem,
            })
        };
        let entries = entries.iter().enumerate().map(read);
        Ok(Self { entries: entries.collect::<Result<_, _>>()? })
    }

    /// The workflow with the places of this mapping open. Texts in it that look like
    /// placeholders stay texts: the mapping says what is open.
    pub fn on(&self, workflow: &Workflow) -> Result<Placeholders, TemplateError> {
        let mut template = Placeholders {
            workflow: workflow.clone(),
            parameters: IndexMap::new(),
            spots: Vec::new(),
        };
        let mut declared = Declared::new();
        for (index, entry) in self.entries.iter().enumerate() {
            let written = written(workflow, entry).map_err(|problem| TemplateError::Mapping {
                at: format!("parameters[{index}] ({})", entry.name),
                problem,
            })?;
            // One that is not required keeps the value that stands there, so that value is
            // what its kind is read from, and nothing is set when nothing is given.
            let kind = entry.kind.unwrap_or_else(|| fill::kind_of(written));
            let default = match &entry.default {
                None | Some(Json::Null) => None,
                Some(default) => {
                    Some(kind.accept(default).map_err(|problem| TemplateError::Mapping {
                        at: format!("parameters[{index}] ({}).default", entry.name),
                        problem,
                    })?)
                }
            };
            let mark = Mark { name: entry.name.clone(), kind: Some(kind), default };
            template.declare(&mark, &entry.node, &entry.widget, &mut declared)?;
            let required = entry.required && entry.default.is_none();
            if let Some(parameter) = template.parameters.get_mut(&entry.name) {
                let is_first = parameter.places.len() == 1;
                parameter.required = required || (parameter.required && !is_first);
            }
            let (node, input) = (entry.node.clone(), entry.widget.clone());
            let pieces = Pieces::Whole(mark);
            template.spots.push(Spot { node, input, path: Vec::new(), pieces });
        }
        Ok(template)
    }

    /// The parameters as [`Placeholders::parameters`] tells them.
    pub fn parameters_on(&self, workflow: &Workflow) -> Result<Vec<Parameter>, TemplateError> {
        Ok(self.on(workflow)?.parameters().cloned().collect())
    }
}

/// The value at the place of an entry, or what would be there.
fn written<'a>(workflow: &'a Workflow, entry: &Entry) -> Result<&'a Json, String> {
    let Some(node) = workflow.node(&entry.node) else {
        let ids: Vec<&str> = workflow.nodes().map(|(id, _)| id.as_str()).take(20).collect();
        return Err(format!(
            "there is no node {}; the workflow has {}",
            entry.node,
            ids.join(", ")
        ));
    };
    match node.input(&entry.widget) {
        Some(Input::Literal(value)) => Ok(value),
        Some(Input::Link { from, .. }) => Err(format!(
            "input `{}` of node {} is a link from node {from}; map the input of that node",
            entry.widget, entry.node
        )),
        None => {
            let inputs: Vec<&str> = node.inputs().map(|(name, _)| name).collect();
            Err(format!(
                "node {} ({}) has no input `{}`; it has {}",
                entry.node,
                node.class_type(),
                entry.widget,
                inputs.join(", ")
            ))
        }
    }
}

fn read_entry(json: &Json) -> Result<Entry, String> {
    let members = json.as_object().ok_or_else(|| format!("is {}, not an object", json.kind()))?;
    let text = |name: &str| -> Result<String, String> {
        let text = members.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| format!("needs `{name}` as a text"))
    };
    let kind = match members.get("type").and_then(Json::as_str) {
        None => None,
        Some(kind) => Some(Kind::from_name(kind).ok_or_else(|| {
            format!("`{kind}` is no type; there are string, integer, number, boolean and any")
        })?),
    };
    Ok(Entry {
        name: text("name")?,
        node: node_id(members)?,
        widget: text("comfyui_widget_name")?,
        kind,
        required: members.get("required").and_then(Json::as_bool).unwrap_or(false),
        default: members.get("default").cloned(),
    })
}

fn node_id(members: &Object) -> Result<NodeId, String> {
    let id = match members.get("comfyui_node_id") {
        Some(Json::String(text)) => text.parse().ok(),
        Some(other) => other.as_u64().map(NodeId::from_number),
        None => None,
    };
    id.ok_or_else(|| "needs `comfyui_node_id` as a node id".to_owned())
}
