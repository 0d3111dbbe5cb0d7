//! Writing the saved workflow: ids, links, slots, values, places.

use std::collections::{HashMap, HashSet};

use super::{
    LiftFinding, Lifted,
    size::{Place, TITLE},
};
use crate::{
    catalog::{NodeCatalog, NodeClass},
    convert::form::{FormValue, NodeForm},
    ids::NodeId,
    json::{Json, Object},
    layout::{self, Point, Size, Spacing},
    ui::{LinkId, UiWorkflow},
    workflow::{Input, Node, Workflow},
};

/// How far apart nodes stand: links run between the columns.
const SPACING: Spacing = Spacing { margin: 0, columns: 100, rows: 32 };

/// A link by the places of its nodes.
struct Wire<'a> {
    id: LinkId,
    from: usize,
    slot: u32,
    to: usize,
    input: &'a str,
}

/// One node on its way into the file.
struct Sheet<'a> {
    id: &'a NodeId,
    node: &'a Node,
    class: Option<&'a NodeClass>,
    number: i64,
    values: &'a Object,
    /// Filled in, where the class is known.
    form: Option<NodeForm<'a>>,
    /// The links that end here, by input.
    ends: Vec<(&'a str, LinkId)>,
    /// The links that start here, by output.
    starts: HashMap<u32, Vec<Json>>,
}

impl Sheet<'_> {
    fn place(&self) -> Place {
        let title = self.node.title().unwrap_or(self.node.class_type().as_str());
        match (self.class, &self.form) {
            (Some(class), Some(form)) => {
                Place::known(self.node.title().unwrap_or(class.title()), class, form)
            }
            _ => Place::unknown(title, self.ends.len().max(self.starts.len()), self.values.len()),
        }
    }
}

pub(super) fn build(workflow: &Workflow, catalog: &NodeCatalog) -> Lifted {
    let nodes: Vec<(&NodeId, &Node)> = workflow.nodes().collect();
    let (numbers, renamed) = numbers(&nodes);
    let values: Vec<Object> = nodes.iter().map(|(_, node)| values(node)).collect();
    let mut findings = Vec::new();
    let mut wires = wires(&nodes, &mut findings);
    let mut sheets: Vec<Sheet<'_>> = Vec::with_capacity(nodes.len());
    for (((id, node), number), values) in nodes.iter().zip(&numbers).zip(&values) {
        sheets.push(sheet(id, node, catalog, *number, values));
    }
    fill_in(&mut sheets, &mut wires, &mut findings);
    let mut writer = Writer { findings, slots: HashMap::new() };
    let written: Vec<Object> = sheets.iter().map(|sheet| writer.node(sheet)).collect();
    let places: Vec<Place> = sheets.iter().map(Sheet::place).collect();
    let points = points(&places, &wires);
    let lifted = written.into_iter().zip(places.iter().zip(points)).zip(&numbers).enumerate();
    let lifted: Vec<Json> = lifted
        .map(|(order, ((node, (place, point)), number))| {
            placed(node, place.size, point, (order, *number))
        })
        .collect();
    let links: Vec<Json> = wires.iter().map(|wire| writer.link(wire, &sheets)).collect();
    let last_link = wires.iter().map(|wire| wire.id).max().unwrap_or(0);
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

fn sheet<'a>(
    id: &'a NodeId,
    node: &'a Node,
    catalog: &'a NodeCatalog,
    number: i64,
    values: &'a Object,
) -> Sheet<'a> {
    let class = catalog.class(node.class_type().as_str());
    let mut form = class.map(NodeForm::new);
    if let Some(form) = &mut form {
        form.set(values);
    }
    let (ends, starts) = (Vec::new(), HashMap::new());
    Sheet { id, node, class, number, values, form, ends, starts }
}

/// Ends and starts the links; those that have no end are taken out.
fn fill_in<'a>(
    sheets: &mut [Sheet<'a>],
    wires: &mut Vec<Wire<'a>>,
    findings: &mut Vec<LiftFinding>,
) {
    for wire in &*wires {
        if let Some(sheet) = sheets.get_mut(wire.to) {
            sheet.ends.push((wire.input, wire.id));
        }
    }
    let mut lost: HashSet<LinkId> = HashSet::new();
    for sheet in &mut *sheets {
        let Some(form) = &mut sheet.form else { continue };
        for (input, link) in form.link(&sheet.ends) {
            let (node, input) = (sheet.id.clone(), input.to_owned());
            findings.push(LiftFinding::LinkLost { node, input });
            lost.insert(link);
        }
    }
    wires.retain(|wire| !lost.contains(&wire.id));
    for wire in &*wires {
        if let Some(sheet) = sheets.get_mut(wire.from) {
            sheet.starts.entry(wire.slot).or_default().push(Json::from(wire.id));
        }
    }
}

/// Where each node stands, below its title.
fn points(places: &[Place], wires: &[Wire<'_>]) -> Vec<Point> {
    let size = |place: &Place| Size { height: place.height, ..place.size };
    let sizes: Vec<Size> = places.iter().map(size).collect();
    let mut links: Vec<(usize, usize)> = wires.iter().map(|wire| (wire.from, wire.to)).collect();
    links.sort_unstable();
    links.dedup();
    let mut points = layout::place(&sizes, &links, SPACING).points;
    for point in &mut points {
        point.y = point.y.saturating_add(TITLE);
    }
    points
}

fn placed(mut node: Object, size: Size, point: Point, (order, number): (usize, i64)) -> Json {
    let pair = |one: u32, other: u32| {
        Json::Array(vec![Json::from(u64::from(one)), Json::from(u64::from(other))])
    };
    node.insert("id", Json::from(number));
    node.insert("pos".to_owned(), pair(point.x, point.y));
    node.insert("size".to_owned(), pair(size.width, size.height));
    node.insert("order", Json::from(u64::try_from(order).unwrap_or(u64::MAX)));
    Json::Object(node)
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
    let mut next: LinkId = 0;
    for (to, (id, node)) in nodes.iter().enumerate() {
        for (input, value) in node.inputs() {
            let Input::Link { from, slot } = value else { continue };
            match places.get(from) {
                Some(at) => {
                    next += 1;
                    wires.push(Wire { id: next, from: *at, slot: *slot, to, input });
                }
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
    fn node(&mut self, sheet: &Sheet<'_>) -> Object {
        let Sheet { node, class, .. } = *sheet;
        let (inputs, members) = match (class, &sheet.form) {
            (Some(class), Some(form)) => self.known(sheet, class, form),
            _ => self.unknown(sheet),
        };
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
        put("outputs", Json::Array(outputs(class, &sheet.starts)));
        let is_own = |title: &&str| class.is_none_or(|class| class.title() != *title);
        if let Some(title) = node.title().filter(is_own) {
            put("title", Json::from(title));
        }
        let name = Json::from(node.class_type().as_str());
        put("properties", Json::object([("Node name for S&R", name)]));
        written.extend(members);
        written
    }

    fn known(
        &mut self,
        sheet: &Sheet<'_>,
        class: &NodeClass,
        form: &NodeForm<'_>,
    ) -> (Vec<Json>, Object) {
        for (input, value) in sheet.values {
            let (is_sent, written) = (form.sends(input), sheet.node.input(input));
            let (node, input, value) = (sheet.id.clone(), input.to_string(), value.clone());
            if !is_sent {
                self.findings.push(LiftFinding::Dropped { node, input, value });
            } else if written.and_then(Input::as_literal).is_some_and(Input::is_link) {
                self.findings.push(LiftFinding::LooksLikeLink { node, input, value });
            }
        }
        let mut listed = Vec::new();
        let mut named = Object::new();
        for FormValue { name, saved: value, is_sent, is_changed, chosen } in form.values() {
            let (node, input) = (sheet.id.clone(), name.to_owned());
            let declared = class.input(name).is_some() || name.contains('.');
            let is_written = sheet.node.input(name).is_some();
            let sent = chosen.as_ref().unwrap_or(&value);
            if is_changed {
                self.findings.push(LiftFinding::Changed { node, input });
            } else if is_sent && declared && !is_written && !sent.is_null() {
                self.findings.push(LiftFinding::Added { node, input, value: sent.clone() });
            } else if is_sent
                && is_written
                && let Some(value) = chosen
            {
                self.findings.push(LiftFinding::Chosen { node, input, value });
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
        (inputs, members)
    }

    fn unknown(&mut self, sheet: &Sheet<'_>) -> (Vec<Json>, Object) {
        self.findings.push(LiftFinding::UnknownClass {
            node: sheet.id.clone(),
            class: sheet.node.class_type().as_str().to_owned(),
        });
        let mut inputs = Vec::new();
        for (name, link) in &sheet.ends {
            self.note(Some(*link), inputs.len());
            inputs.push(input(name, "*", Some(*link), None));
        }
        let listed: Vec<Json> = sheet.values.values().cloned().collect();
        let members = if listed.is_empty() {
            Object::new()
        } else {
            values_members(listed, sheet.values.clone())
        };
        (inputs, members)
    }

    fn link(&self, wire: &Wire<'_>, sheets: &[Sheet<'_>]) -> Json {
        let number = |at: usize| Json::from(sheets.get(at).map_or(0, |sheet| sheet.number));
        let class = sheets.get(wire.from).and_then(|sheet| sheet.class);
        Json::Array(vec![
            Json::from(wire.id),
            number(wire.from),
            Json::from(u64::from(wire.slot)),
            number(wire.to),
            Json::from(self.slots.get(&wire.id).copied().unwrap_or_default()),
            Json::from(output_type(class, wire.slot)),
        ])
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
