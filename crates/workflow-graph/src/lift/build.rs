//! Writing the saved workflow: ids, links, slots, values, places.

use std::collections::{HashMap, HashSet};

use super::{
    LiftFinding, Lifted,
    layout::{Size, place},
};
use crate::{
    catalog::{NodeCatalog, NodeClass},
    convert::form::{FormValue, NodeForm},
    ids::NodeId,
    json::{Json, Object},
    ui::{LinkId, UiWorkflow},
    workflow::{Input, Node, Workflow},
};

const WIDTH: u64 = 315;
const LINE: u64 = 24;
const MARGIN: u64 = 26;

/// A link by the places of its nodes.
struct Wire<'a> {
    from: usize,
    slot: u32,
    to: usize,
    input: &'a str,
}

pub(super) fn build(workflow: &Workflow, catalog: &NodeCatalog) -> Lifted {
    let nodes: Vec<(&NodeId, &Node)> = workflow.nodes().collect();
    let (numbers, renamed) = numbers(&nodes);
    let mut findings = Vec::new();
    let wires = wires(&nodes, &mut findings);
    let mut ends: Vec<Vec<(&str, LinkId)>> = vec![Vec::new(); nodes.len()];
    let mut starts: Vec<HashMap<u32, Vec<Json>>> = vec![HashMap::new(); nodes.len()];
    let mut sources: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (wire, id) in wires.iter().zip(1_i64..) {
        if let Some(ends) = ends.get_mut(wire.to) {
            ends.push((wire.input, id));
        }
        if let Some(starts) = starts.get_mut(wire.from) {
            starts.entry(wire.slot).or_default().push(Json::from(id));
        }
        if let Some(sources) = sources.get_mut(wire.to) {
            sources.push(wire.from);
        }
    }
    let values: Vec<Object> = nodes.iter().map(|(_, node)| values(node)).collect();
    let mut writer = Writer { findings, slots: HashMap::new() };
    let mut written: Vec<(Object, Size)> = Vec::with_capacity(nodes.len());
    for (at, (id, node)) in nodes.iter().enumerate() {
        let (Some(ends), Some(starts), Some(values)) =
            (ends.get(at), starts.get(at), values.get(at))
        else {
            continue;
        };
        let class = catalog.class(node.class_type().as_str());
        written.push(writer.node((id, node), class, ends, (starts, values)));
    }
    let sizes: Vec<Size> = written.iter().map(|(_, size)| *size).collect();
    let places = place(&sizes, &sources);
    let finish = |(at, (mut node, size)): (usize, (Object, Size))| {
        let (x, y) = places.get(at).copied().unwrap_or_default();
        let number = numbers.get(at).copied().unwrap_or_default();
        let pair = |one: u64, other: u64| Json::Array(vec![Json::from(one), Json::from(other)]);
        node.insert("id".to_owned(), Json::from(number));
        node.insert("pos".to_owned(), pair(x, y));
        node.insert("size".to_owned(), pair(size.width, size.height));
        node.insert("order".to_owned(), Json::from(u64::try_from(at).unwrap_or(u64::MAX)));
        Json::Object(node)
    };
    let lifted: Vec<Json> = written.into_iter().enumerate().map(finish).collect();
    let types = |from: usize, slot: u32| {
        let class = nodes.get(from).and_then(|(_, node)| catalog.class(node.class_type().as_str()));
        output_type(class, slot)
    };
    let links = wires.iter().zip(1_i64..).map(|(wire, id)| {
        let number = |at: usize| Json::from(numbers.get(at).copied().unwrap_or_default());
        let target = writer.slots.get(&id).copied().unwrap_or_default();
        Json::Array(vec![
            Json::from(id),
            number(wire.from),
            Json::from(u64::from(wire.slot)),
            number(wire.to),
            Json::from(target),
            Json::from(types(wire.from, wire.slot)),
        ])
    });
    let links: Vec<Json> = links.collect();
    let last_link = u64::try_from(links.len()).unwrap_or(u64::MAX);
    let json = Json::object([
        ("revision", Json::from(0_u64)),
        ("last_node_id", Json::from(numbers.iter().copied().max().unwrap_or(0))),
        ("last_link_id", Json::from(last_link)),
        ("nodes", Json::Array(lifted)),
        ("links", Json::Array(links)),
        ("groups", Json::Array(Vec::new())),
        ("config", Json::object([])),
        ("extra", Json::object([])),
        ("version", Json::from(0.4)),
    ]);
    Lifted { workflow: UiWorkflow::made(json), renamed, findings: writer.findings }
}

/// The number of each node: its id where that is one, else the next that is free. The front end
/// reads `12:3` as a way into a subgraph, so such ids cannot stay.
fn numbers(nodes: &[(&NodeId, &Node)]) -> (Vec<i64>, Vec<(NodeId, i64)>) {
    let own = |id: &NodeId| {
        let number: i64 = id.as_str().parse().ok()?;
        (number > 0 && number.to_string() == id.as_str()).then_some(number)
    };
    let taken: HashSet<i64> = nodes.iter().filter_map(|(id, _)| own(id)).collect();
    // The front end gives out numbers up to 100 million; from a higher one it could not go on.
    let mut next = taken.iter().copied().filter(|number| *number < 100_000_000).max().unwrap_or(0);
    let mut renamed = Vec::new();
    let number = |(id, _): &(&NodeId, &Node)| {
        own(id).unwrap_or_else(|| {
            next += 1;
            while taken.contains(&next) {
                next += 1;
            }
            renamed.push(((*id).clone(), next));
            next
        })
    };
    let numbers = nodes.iter().map(number).collect();
    (numbers, renamed)
}

fn wires<'a>(nodes: &[(&'a NodeId, &'a Node)], findings: &mut Vec<LiftFinding>) -> Vec<Wire<'a>> {
    let places: HashMap<&NodeId, usize> =
        nodes.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
    let mut wires = Vec::new();
    for (to, (id, node)) in nodes.iter().enumerate() {
        for (input, value) in node.inputs() {
            let Input::Link { from, slot } = value else { continue };
            match places.get(from) {
                Some(at) => wires.push(Wire { from: *at, slot: *slot, to, input }),
                None => findings.push(LiftFinding::DanglingLink {
                    node: (*id).clone(),
                    input: input.to_owned(),
                    from: from.clone(),
                }),
            }
        }
    }
    wires
}

/// The literal values of a node as widgets hold them: out of their wrapping, which the front end
/// puts round lists again. The server takes off one wrapping, so one within another stays.
fn values(node: &Node) -> Object {
    let literal = |(name, input): (&str, &Input)| {
        let Input::Literal(value) = input else { return None };
        let inner = value.get("__value__").filter(|inner| inner.get("__value__").is_none());
        let value = inner.unwrap_or(value);
        Some((name.to_owned(), value.clone()))
    };
    node.inputs().filter_map(literal).collect()
}

struct Writer {
    findings: Vec<LiftFinding>,
    /// The input slot where each link ends.
    slots: HashMap<LinkId, u64>,
}

impl Writer {
    fn node(
        &mut self,
        (id, node): (&NodeId, &Node),
        class: Option<&NodeClass>,
        ends: &[(&str, LinkId)],
        (starts, values): (&HashMap<u32, Vec<Json>>, &Object),
    ) -> (Object, Size) {
        let (inputs, mut members, lines) = match class {
            Some(class) => self.known((id, node), class, ends, values),
            None => self.unknown((id, node), ends, values),
        };
        let sockets = inputs.iter().filter(|input| input.get("widget").is_none()).count();
        let outputs = outputs(class, starts);
        let rows = u64::try_from(sockets.max(outputs.len())).unwrap_or(u64::MAX);
        let height = MARGIN.saturating_add(LINE.saturating_mul(rows.saturating_add(lines)));
        let mut written = Object::new();
        let mut put = |name: &str, value: Json| {
            written.insert(name.to_owned(), value);
        };
        // Filled in once all nodes are known, but kept in front.
        for name in ["id", "type", "pos", "size", "flags", "order", "mode"] {
            put(name, Json::object([]));
        }
        put("type", Json::from(node.class_type().as_str()));
        put("mode", Json::from(0_u64));
        put("inputs", Json::Array(inputs));
        put("outputs", Json::Array(outputs));
        if let Some(title) =
            node.title().filter(|title| class.is_none_or(|class| class.title() != *title))
        {
            put("title", Json::from(title));
        }
        let name = Json::from(node.class_type().as_str());
        put("properties", Json::object([("Node name for S&R", name)]));
        written.append(&mut members);
        (written, Size { width: WIDTH, height })
    }

    fn known(
        &mut self,
        (id, node): (&NodeId, &Node),
        class: &NodeClass,
        ends: &[(&str, LinkId)],
        values: &Object,
    ) -> (Vec<Json>, Object, u64) {
        let mut form = NodeForm::new(class);
        form.set(values);
        form.link(ends);
        for (input, value) in values {
            if !form.sends(input) {
                self.findings.push(LiftFinding::Dropped {
                    node: id.clone(),
                    input: input.clone(),
                    value: value.clone(),
                });
            } else if node.input(input).and_then(Input::as_literal).is_some_and(Input::is_link) {
                self.findings.push(LiftFinding::LooksLikeLink {
                    node: id.clone(),
                    input: input.clone(),
                    value: value.clone(),
                });
            }
        }
        let mut listed = Vec::new();
        let mut named = Object::new();
        for FormValue { name, saved: value, is_sent, is_changed } in form.values() {
            if is_changed {
                let input = name.to_owned();
                self.findings.push(LiftFinding::Changed { node: id.clone(), input });
            }
            let declared = class.input(name).is_some() || name.contains('.');
            if is_sent && declared && node.input(name).is_none() && !value.is_null() {
                self.findings.push(LiftFinding::Added {
                    node: id.clone(),
                    input: name.to_owned(),
                    value: value.clone(),
                });
            }
            named.insert(name.to_owned(), value.clone());
            listed.push(value);
        }
        let mut inputs = Vec::new();
        for slot in form.slots() {
            self.note(slot.link, inputs.len());
            inputs.push(input(slot.name, slot.type_name, slot.link, slot.widget));
        }
        let members = if listed.is_empty() { Object::new() } else { values_members(listed, named) };
        (inputs, members, u64::from(form.lines()))
    }

    fn unknown(
        &mut self,
        (id, node): (&NodeId, &Node),
        ends: &[(&str, LinkId)],
        values: &Object,
    ) -> (Vec<Json>, Object, u64) {
        self.findings.push(LiftFinding::UnknownClass {
            node: id.clone(),
            class: node.class_type().as_str().to_owned(),
        });
        let mut inputs = Vec::new();
        for (name, link) in ends {
            self.note(Some(*link), inputs.len());
            inputs.push(input(name, "*", Some(*link), None));
        }
        let listed: Vec<Json> = values.values().cloned().collect();
        let lines = u64::try_from(listed.len()).unwrap_or(u64::MAX);
        let members =
            if listed.is_empty() { Object::new() } else { values_members(listed, values.clone()) };
        (inputs, members, lines)
    }

    fn note(&mut self, link: Option<LinkId>, slot: usize) {
        if let Some(link) = link {
            self.slots.insert(link, u64::try_from(slot).unwrap_or(u64::MAX));
        }
    }
}

fn values_members(listed: Vec<Json>, named: Object) -> Object {
    let members =
        [("widgets_values", Json::Array(listed)), ("widgets_values_named", Json::Object(named))];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn input(name: &str, type_name: &str, link: Option<LinkId>, widget: Option<&str>) -> Json {
    let mut members = vec![("name", Json::from(name)), ("type", Json::from(type_name))];
    if let Some(widget) = widget {
        members.push(("widget", Json::object([("name", Json::from(widget))])));
    }
    members.push(("link", link.map(Json::from).unwrap_or_default()));
    Json::object(members)
}

/// The outputs of a class, and those that links come from although it has them not.
fn outputs(class: Option<&NodeClass>, starts: &HashMap<u32, Vec<Json>>) -> Vec<Json> {
    /// More than any node has; a link from beyond has no output in the file, only itself.
    const OUTPUTS_MAX: u32 = 256;
    let declared = class.map_or(0, |class| class.outputs.len());
    let declared = u32::try_from(declared).unwrap_or(u32::MAX);
    let used = starts.keys().map(|slot| slot.saturating_add(1)).max().unwrap_or(0);
    let output = |slot: u32| {
        let at = usize::try_from(slot).unwrap_or(usize::MAX);
        let name = class.and_then(|class| class.outputs.get(at)).map(|output| output.name.as_str());
        let type_name = output_type(class, slot);
        Json::object([
            ("name", Json::from(name.unwrap_or(type_name))),
            ("type", Json::from(type_name)),
            (
                "links",
                starts.get(&slot).map(|links| Json::Array(links.clone())).unwrap_or_default(),
            ),
        ])
    };
    (0..declared.max(used.min(OUTPUTS_MAX))).map(output).collect()
}

fn output_type(class: Option<&NodeClass>, slot: u32) -> &str {
    let at = usize::try_from(slot).unwrap_or(usize::MAX);
    let output = class.and_then(|class| class.outputs.get(at));
    match output.map(|output| output.type_name()) {
        Some(Some("COMFY_MATCHTYPE_V3")) | None => "*",
        Some(Some(name)) => name,
        Some(None) => "COMBO",
    }
}
