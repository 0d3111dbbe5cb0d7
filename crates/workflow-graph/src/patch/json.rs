//! A patch as JSON, so that tools take it and stores keep it.

use thiserror::Error;

use super::{Exact, Operation, Patch, Place, Reroute, Through};
use crate::{
    ids::NodeId,
    json::{Json, Name, Object},
    workflow::{Input, Node},
};

/// The version of the form. A reader refuses others: an operation it does not know cannot be
/// skipped without changing what the patch means.
const VERSION: u64 = 1;

/// Why a JSON value is not a patch, and where.
///
/// ```
/// use workflow_graph::{Json, patch::Patch};
/// let json = Json::parse(br#"{"version":1,"operations":[{"op":"set","node":"3","inptu":"seed"}]}"#)?;
/// assert_eq!(
///     Patch::from_json(&json).unwrap_err().to_string(),
///     "operations[0]: a `set` needs `input` as a string; it has op, node, inptu"
/// );
/// # Ok::<(), workflow_graph::json::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{at}: {problem}")]
pub struct PatchReadError {
    /// The place in the value, such as `operations[2]`.
    pub at: String,
    /// What is wrong there.
    pub problem: String,
}

/// The names of all operations, in the order they are listed to a reader.
const NAMES: [&str; 18] = [
    "set",
    "add_input",
    "unset",
    "link",
    "unlink",
    "add_node",
    "remove_node",
    "replace_class",
    "rename_id",
    "splice",
    "set_title",
    "write_input",
    "erase_input",
    "write_member",
    "erase_member",
    "write_class",
    "write_node",
    "erase_node",
];

impl Patch {
    /// Reads the JSON form.
    pub fn from_json(json: &Json) -> Result<Self, PatchReadError> {
        let at = |at: &str, problem: String| PatchReadError { at: at.to_owned(), problem };
        let Some(version) = json.get("version") else {
            return Err(at("patch", "must be an object with `version` and `operations`".into()));
        };
        if version.as_u64() != Some(VERSION) {
            return Err(at("version", format!("{version} is not known; this reads {VERSION}")));
        }
        let operations = json.get("operations").and_then(Json::as_array);
        let operations =
            operations.ok_or_else(|| at("operations", "must be a list of operations".into()))?;
        Self::from_operations(operations)
    }

    /// Reads the list of operations alone, as a tool takes it.
    pub fn from_operations(operations: &[Json]) -> Result<Self, PatchReadError> {
        let read = |(index, json): (usize, &Json)| {
            read_operation(json)
                .map_err(|problem| PatchReadError { at: format!("operations[{index}]"), problem })
        };
        let operations = operations.iter().enumerate().map(read);
        Ok(Self { operations: operations.collect::<Result<_, _>>()? })
    }

    /// The JSON form; reading it gives the same patch.
    pub fn to_json(&self) -> Json {
        let operations = self.operations.iter().map(Operation::to_json).collect();
        Json::object([("version", Json::from(VERSION)), ("operations", Json::Array(operations))])
    }
}

impl Operation {
    /// Reads one operation.
    pub fn from_json(json: &Json) -> Result<Self, PatchReadError> {
        read_operation(json)
            .map_err(|problem| PatchReadError { at: "operation".to_owned(), problem })
    }

    /// The name in the JSON form.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Set { .. } => "set",
            Self::AddInput { .. } => "add_input",
            Self::Unset { .. } => "unset",
            Self::Link { .. } => "link",
            Self::Unlink { .. } => "unlink",
            Self::AddNode { .. } => "add_node",
            Self::RemoveNode { .. } => "remove_node",
            Self::ReplaceClass { .. } => "replace_class",
            Self::RenameId { .. } => "rename_id",
            Self::Splice { .. } => "splice",
            Self::SetTitle { .. } => "set_title",
            Self::Exact(Exact::WriteInput { .. }) => "write_input",
            Self::Exact(Exact::EraseInput { .. }) => "erase_input",
            Self::Exact(Exact::WriteMember { .. }) => "write_member",
            Self::Exact(Exact::EraseMember { .. }) => "erase_member",
            Self::Exact(Exact::WriteClass { .. }) => "write_class",
            Self::Exact(Exact::WriteNode { .. }) => "write_node",
            Self::Exact(Exact::EraseNode { .. }) => "erase_node",
        }
    }

    /// The JSON form.
    pub fn to_json(&self) -> Json {
        let mut form = Form(vec![("op", Json::from(self.name()))]);
        match self {
            Self::Set { node, input, value } | Self::AddInput { node, input, value } => {
                form.text("node", node.as_str()).text("input", input).add("value", value.clone());
            }
            Self::Unset { node, input } | Self::Unlink { node, input } => {
                form.text("node", node.as_str()).text("input", input);
            }
            Self::Link { node, input, from, slot } => {
                form.text("node", node.as_str()).text("input", input);
                form.text("from", from.as_str()).add("slot", u64::from(*slot).into());
            }
            Self::AddNode { id, node, place } => form.node(id, node).place(place),
            Self::RemoveNode { node } => {
                form.text("node", node.as_str());
            }
            Self::ReplaceClass { node, class_type, rename } => {
                form.text("node", node.as_str()).text("class_type", class_type.as_str());
                let rename = rename.iter().map(|(old, new)| (&**old, Json::from(&**new)));
                form.add("rename", Json::object(rename));
            }
            Self::RenameId { node, to } => {
                form.text("node", node.as_str()).text("to", to.as_str());
            }
            Self::Splice { id, node, through } => {
                let through = through.iter().map(write_through).collect();
                form.node(id, node).add("through", Json::Array(through));
            }
            Self::SetTitle { node, title } => {
                let title = title.as_deref().map_or(Json::Null, Json::from);
                form.text("node", node.as_str()).add("title", title);
            }
            Self::Exact(exact) => write_exact(&mut form, exact),
        }
        Json::object(form.0)
    }
}

fn write_exact(form: &mut Form, exact: &Exact) {
    match exact {
        Exact::WriteInput { node, input, value, at } => {
            form.text("node", node.as_str()).text("input", input);
            form.add("value", value.to_json());
            form.index(*at);
        }
        Exact::EraseInput { node, input } => {
            form.text("node", node.as_str()).text("input", input);
        }
        Exact::WriteMember { node, member, value, at } => {
            form.text("node", node.as_str()).text("member", member).add("value", value.clone());
            form.index(*at);
        }
        Exact::EraseMember { node, member } => {
            form.text("node", node.as_str()).text("member", member);
        }
        Exact::WriteClass { node, class_type } => {
            form.text("node", node.as_str()).text("class_type", class_type.as_str());
        }
        Exact::WriteNode { id, node, place } => form.node(id, node).place(place),
        Exact::EraseNode { node } => {
            form.text("node", node.as_str());
        }
    }
}

fn write_through(through: &Through) -> Json {
    let Through { from, slot, input, output, reroute } = through;
    let mut form = Form(Vec::new());
    form.text("from", from.as_str()).add("slot", u64::from(*slot).into());
    form.text("input", input).add("output", u64::from(*output).into());
    if let Reroute::Only(consumers) = reroute {
        let consumer = |(node, input): &(NodeId, String)| {
            let node = ("node", Json::from(node.as_str()));
            Json::object([node, ("input", Json::from(&**input))])
        };
        form.add("only", Json::Array(consumers.iter().map(consumer).collect()));
    }
    Json::object(form.0)
}

/// The members of an operation as they are written.
struct Form(Vec<(&'static str, Json)>);

impl Form {
    fn add(&mut self, name: &'static str, value: Json) {
        self.0.push((name, value));
    }

    fn text(&mut self, name: &'static str, text: &str) -> &mut Self {
        self.add(name, Json::from(text));
        self
    }

    fn node(&mut self, id: &NodeId, node: &Node) -> &mut Self {
        self.text("id", id.as_str()).add("node", node.to_json());
        self
    }

    fn place(&mut self, place: &Place) {
        match place {
            Place::Last => {}
            Place::First => self.add("place", Json::from("first")),
            Place::After(node) => {
                self.add("place", Json::object([("after", Json::from(node.as_str()))]));
            }
        }
    }

    fn index(&mut self, at: Option<usize>) {
        if let Some(at) = at.and_then(|at| u64::try_from(at).ok()) {
            self.add("at", Json::from(at));
        }
    }
}

fn read_operation(json: &Json) -> Result<Operation, String> {
    let members = json.as_object().ok_or_else(|| format!("is {}, not an object", json.kind()))?;
    let Some(name) = members.get("op").and_then(Json::as_str) else {
        return Err(format!("needs `op`, one of {}", NAMES.join(", ")));
    };
    let mut form = Reader { name, members, read: vec!["op"] };
    let operation = match name {
        "set" => Operation::Set {
            node: form.id("node")?,
            input: form.text("input")?,
            value: form.value("value")?.clone(),
        },
        "add_input" => Operation::AddInput {
            node: form.id("node")?,
            input: form.text("input")?,
            value: form.value("value")?.clone(),
        },
        "unset" => Operation::Unset { node: form.id("node")?, input: form.text("input")? },
        "link" => Operation::Link {
            node: form.id("node")?,
            input: form.text("input")?,
            from: form.id("from")?,
            slot: form.slot("slot")?,
        },
        "unlink" => Operation::Unlink { node: form.id("node")?, input: form.text("input")? },
        "add_node" => {
            let (id, node) = form.node()?;
            Operation::AddNode { id, node, place: form.place()? }
        }
        "remove_node" => Operation::RemoveNode { node: form.id("node")? },
        "replace_class" => Operation::ReplaceClass {
            node: form.id("node")?,
            class_type: form.class_type()?,
            rename: form.renames()?,
        },
        "rename_id" => Operation::RenameId { node: form.id("node")?, to: form.id("to")? },
        "splice" => {
            let (id, node) = form.node()?;
            Operation::Splice { id, node, through: form.through()? }
        }
        "set_title" => {
            Operation::SetTitle { node: form.id("node")?, title: form.text_or_null("title")? }
        }
        _ => Operation::Exact(read_exact(&mut form)?),
    };
    form.refuse_others()?;
    Ok(operation)
}

fn read_exact(form: &mut Reader<'_>) -> Result<Exact, String> {
    Ok(match form.name {
        "write_input" => Exact::WriteInput {
            node: form.id("node")?,
            input: form.text("input")?,
            value: Input::from_json(form.value("value")?),
            at: form.index()?,
        },
        "erase_input" => Exact::EraseInput { node: form.id("node")?, input: form.text("input")? },
        "write_member" => Exact::WriteMember {
            node: form.id("node")?,
            member: form.text("member")?,
            value: form.value("value")?.clone(),
            at: form.index()?,
        },
        "erase_member" => {
            Exact::EraseMember { node: form.id("node")?, member: form.text("member")? }
        }
        "write_class" => {
            Exact::WriteClass { node: form.id("node")?, class_type: form.class_type()? }
        }
        "write_node" => {
            let (id, node) = form.node()?;
            Exact::WriteNode { id, node, place: form.place()? }
        }
        "erase_node" => Exact::EraseNode { node: form.id("node")? },
        other => return Err(format!("`{other}` is no operation; there are {}", NAMES.join(", "))),
    })
}

/// The members of an operation as they are read; what nothing asked for is refused.
struct Reader<'a> {
    name: &'a str,
    members: &'a Object,
    read: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    fn optional(&mut self, name: &'static str) -> Option<&'a Json> {
        self.read.push(name);
        self.members.get(name)
    }

    fn needed<T>(
        &mut self,
        name: &'static str,
        what: &str,
        read: impl FnOnce(&'a Json) -> Option<T>,
    ) -> Result<T, String> {
        let found = self.optional(name).and_then(read);
        found.ok_or_else(|| {
            let have: Vec<&str> = self.members.keys().map(Name::as_str).collect();
            format!("a `{}` needs `{name}` as {what}; it has {}", self.name, have.join(", "))
        })
    }

    fn value(&mut self, name: &'static str) -> Result<&'a Json, String> {
        self.needed(name, "a value", Some)
    }

    fn text(&mut self, name: &'static str) -> Result<String, String> {
        self.needed(name, "a string", |value| value.as_str().map(str::to_owned))
    }

    fn text_or_null(&mut self, name: &'static str) -> Result<Option<String>, String> {
        self.needed(name, "a string or null", |value| {
            if value.is_null() { Some(None) } else { Some(Some(value.as_str()?.to_owned())) }
        })
    }

    fn id(&mut self, name: &'static str) -> Result<NodeId, String> {
        self.needed(name, "a node id", read_id)
    }

    fn class_type(&mut self) -> Result<crate::ClassType, String> {
        self.needed("class_type", "a node class", |value| value.as_str()?.parse().ok())
    }

    fn slot(&mut self, name: &'static str) -> Result<u32, String> {
        self.needed(name, "an output number from 0", |value| value.as_u64()?.try_into().ok())
    }

    fn index(&mut self) -> Result<Option<usize>, String> {
        match self.optional("at") {
            None => Ok(None),
            Some(at) => match at.as_u64().and_then(|at| at.try_into().ok()) {
                Some(at) => Ok(Some(at)),
                None => Err(format!("`at` of a `{}` must be a place from 0", self.name)),
            },
        }
    }

    fn node(&mut self) -> Result<(NodeId, Node), String> {
        let id = self.id("id")?;
        let node = Node::from_json(id.as_str(), self.value("node")?);
        Ok((id, node.map_err(|error| error.to_string())?))
    }

    fn place(&mut self) -> Result<Place, String> {
        let Some(place) = self.optional("place") else { return Ok(Place::Last) };
        match (place.as_str(), place.get("after").and_then(read_id)) {
            (Some("first"), _) => Ok(Place::First),
            (Some("last"), _) => Ok(Place::Last),
            (_, Some(node)) => Ok(Place::After(node)),
            _ => Err(format!(
                "`place` of a `{}` must be \"first\", \"last\" or {{\"after\": <node id>}}",
                self.name
            )),
        }
    }

    fn renames(&mut self) -> Result<Vec<(String, String)>, String> {
        let Some(rename) = self.optional("rename") else { return Ok(Vec::new()) };
        let pair = |(old, new): (&Name, &Json)| Some((old.to_string(), new.as_str()?.to_owned()));
        let pairs = rename.as_object().and_then(|pairs| pairs.iter().map(pair).collect());
        pairs.ok_or_else(|| "`rename` must be an object of new input names by old ones".to_owned())
    }

    fn through(&mut self) -> Result<Vec<Through>, String> {
        let ways = self.needed("through", "a list", Json::as_array)?;
        ways.iter().map(read_through).collect()
    }

    fn refuse_others(&self) -> Result<(), String> {
        match self.members.keys().find(|name| !self.read.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(format!(
                "a `{}` has no member `{name}`; it takes {}",
                self.name,
                self.read.join(", ")
            )),
        }
    }
}

fn read_through(json: &Json) -> Result<Through, String> {
    let members =
        json.as_object().ok_or_else(|| "`through` must be a list of objects".to_owned())?;
    let mut form = Reader { name: "through", members, read: Vec::new() };
    let (from, slot) = (form.id("from")?, form.slot("slot")?);
    let (input, output) = (form.text("input")?, form.slot("output")?);
    let reroute = match form.optional("only") {
        None => Reroute::All,
        Some(only) => {
            let consumer = |json: &Json| {
                Some((read_id(json.get("node")?)?, json.get("input")?.as_str()?.to_owned()))
            };
            let only = only.as_array().and_then(|only| only.iter().map(consumer).collect());
            Reroute::Only(
                only.ok_or_else(|| "`only` must be a list of {\"node\", \"input\"}".to_owned())?,
            )
        }
    };
    form.refuse_others()?;
    Ok(Through { from, slot, input, output, reroute })
}

/// Ids are texts, but whoever writes a patch by hand writes numbers too.
fn read_id(json: &Json) -> Option<NodeId> {
    match json.as_str() {
        Some(text) => text.parse().ok(),
        None => json.as_u64().map(NodeId::from_number),
    }
}
