//! A difference for people and as JSON.

use std::fmt;

use super::{Diff, InputDiff, NodeDiff};
use crate::{
    ids::NodeId,
    json::Json,
    workflow::{Input, Node, Workflow},
};

/// How much of a value a line shows; prompts are long.
const VALUE_CHARACTERS_MAX: usize = 80;

impl fmt::Display for Diff<'_> {
    /// One line a difference: `-` for a node that is gone, `+` for a new one, `=` for one that
    /// only has another id, `~` for what changed on a node.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for id in &self.removed {
            writeln!(f, "- {}", named(self.before, id))?;
        }
        for id in &self.added {
            writeln!(f, "+ {}", named(self.after, id))?;
        }
        for node in &self.modified {
            write_node(f, node, self.after)?;
        }
        Ok(())
    }
}

fn write_node(f: &mut fmt::Formatter<'_>, node: &NodeDiff<'_>, after: &Workflow) -> fmt::Result {
    let name = named(after, node.after);
    if node.before != node.after {
        writeln!(f, "= {} -> {name}", node.before)?;
    }
    node.lines().iter().try_for_each(|line| writeln!(f, "~ {name}: {line}"))
}

impl NodeDiff<'_> {
    /// What differs on the node but its id, a line for each part.
    pub(crate) fn lines(&self) -> Vec<String> {
        let class = self.class.map(|(before, now)| format!("class {before} -> {now}"));
        let inputs = self.inputs.iter().map(|input| {
            format!("{} {} -> {}", input.name, shown(input.before), shown(input.after))
        });
        let members = self.members.iter().map(|member| {
            let shown = |value: Option<&Json>| value.map_or("(none)".to_owned(), shortened);
            format!("{} {} -> {}", member.name, shown(member.before), shown(member.after))
        });
        class.into_iter().chain(inputs).chain(members).collect()
    }
}

fn named(workflow: &Workflow, id: &NodeId) -> String {
    let Some(node) = workflow.node(id) else { return id.to_string() };
    match node.title().filter(|title| *title != node.class_type().as_str()) {
        Some(title) => format!("{id} {} {title:?}", node.class_type()),
        None => format!("{id} {}", node.class_type()),
    }
}

fn shown(input: Option<&Input>) -> String {
    match input {
        None => "(none)".to_owned(),
        Some(Input::Link { from, slot }) => format!("node {from} output {slot}"),
        Some(Input::Literal(value)) => shortened(value),
    }
}

/// A value in one line, cut where it gets long.
fn shortened(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_CHARACTERS_MAX) {
        None => text,
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

impl Diff<'_> {
    /// The differences as JSON: `added`, `removed` and `modified` nodes; of each of these the
    /// `parameters` and `links` with `before` and `after`.
    ///
    /// ```
    /// use workflow_graph::{Json, Workflow, diff};
    /// let read = |text: &str| Workflow::from_json(&Json::parse(text.as_bytes()).unwrap()).unwrap();
    /// let before = read(r#"{"1": {"class_type": "A", "inputs": {"x": 1}}}"#);
    /// let after = read(r#"{"1": {"class_type": "A", "inputs": {"x": 2}}}"#);
    /// assert_eq!(
    ///     diff::between(&before, &after).to_json().to_string(),
    ///     r#"{"added":[],"removed":[],"modified":[{"node":"1","class_type":"A","parameters":[{"input":"x","before":1,"after":2}]}]}"#
    /// );
    /// ```
    pub fn to_json(&self) -> Json {
        let listed = |workflow: &Workflow, ids: &[&NodeId]| {
            Json::Array(ids.iter().map(|id| node_json(workflow, id)).collect())
        };
        let modified = self.modified.iter().map(|node| modified_json(node, self.after)).collect();
        Json::object([
            ("added", listed(self.after, &self.added)),
            ("removed", listed(self.before, &self.removed)),
            ("modified", Json::Array(modified)),
        ])
    }
}

fn node_json(workflow: &Workflow, id: &NodeId) -> Json {
    let node = workflow.node(id);
    let class_type = node.map(|node| ("class_type", Json::from(node.class_type().as_str())));
    let title = node.and_then(Node::title).map(|title| ("title", Json::from(title)));
    let id = ("node", Json::from(id.as_str()));
    Json::object(std::iter::once(id).chain(class_type).chain(title))
}

fn modified_json(node: &NodeDiff<'_>, after: &Workflow) -> Json {
    let Json::Object(mut members) = node_json(after, node.after) else { return Json::Null };
    let mut add = |name: &str, value: Json| members.insert(name.to_owned(), value);
    if node.before != node.after {
        add("renamed_from", Json::from(node.before.as_str()));
    }
    if let Some((before, _)) = node.class {
        add("class_type_before", Json::from(before.as_str()));
    }
    let input = |input: &&InputDiff<'_>| {
        let side = |name, side: Option<&Input>| side.map(|input| (name, input.to_json()));
        let sides = side("before", input.before).into_iter().chain(side("after", input.after));
        Json::object(std::iter::once(("input", Json::from(input.name))).chain(sides))
    };
    let (links, parameters): (Vec<_>, Vec<_>) =
        node.inputs.iter().partition(|input| input.is_rewired());
    for (name, inputs) in [("parameters", parameters), ("links", links)] {
        if !inputs.is_empty() {
            add(name, Json::Array(inputs.iter().map(input).collect()));
        }
    }
    if !node.members.is_empty() {
        let member = |member: &super::MemberDiff<'_>| {
            let side = |name, side: Option<&Json>| side.map(|value| (name, value.clone()));
            let sides =
                side("before", member.before).into_iter().chain(side("after", member.after));
            Json::object(std::iter::once(("member", Json::from(member.name))).chain(sides))
        };
        add("members", Json::Array(node.members.iter().map(member).collect()));
    }
    Json::Object(members)
}
