//! Where the value of an input comes from, through subgraphs, bypassed nodes and reroutes.

use super::{
    Finding,
    expand::{Expansion, Seat},
    scene::{Graph, INPUTS_ID, Kind, Node, Scene, Value, Virtual},
};
use crate::{
    hash::{HashMap, HashSet},
    json::Json,
    ui::{SavedValues, Text, UiMode},
};

/// Where the value of an input comes from.
#[derive(Clone)]
pub(super) enum Source<'a> {
    Nothing,
    /// An output of a node that runs.
    Output(Seat, usize),
    /// The value of an instance around.
    Value(Value<'a>),
}

pub(super) struct Resolver<'s, 'a> {
    scene: &'s Scene<'a>,
    expansion: &'s Expansion,
    /// What was found behind nodes that only pass on, so that long chains are walked once.
    known: HashMap<(Seat, usize, Text<'a>), Source<'a>>,
    setters: HashMap<(usize, &'a str), usize>,
    pub(super) findings: Vec<Finding>,
}

/// How many outputs on the way to a source are passed before the way is remembered. Most ways
/// are that short, and walking them again takes less than remembering.
const OUTPUTS_WALKED: usize = 8;

/// A place on the way to the source.
enum Step<'a> {
    Input(Seat, usize, Option<Text<'a>>),
    Output(Seat, usize, Text<'a>),
    End(Source<'a>),
}

impl<'s, 'a> Resolver<'s, 'a> {
    pub(super) fn new(scene: &'s Scene<'a>, expansion: &'s Expansion) -> Self {
        let known = HashMap::default();
        Self { scene, expansion, known, setters: setters(scene), findings: Vec::new() }
    }

    /// The source of one input of a node.
    pub(super) fn source(&mut self, seat: Seat, slot: usize) -> Source<'a> {
        let mut step = Step::Input(seat, slot, None);
        let mut passed: Vec<(Seat, usize, Text<'a>)> = Vec::new();
        let mut visited: HashSet<(Seat, usize)> = HashSet::default();
        let mut outputs = 0;
        let found = loop {
            step = match step {
                Step::End(source) => break source,
                Step::Input(at, input, wanted) => {
                    self.behind_input(at, input, wanted, (seat, slot))
                }
                Step::Output(at, output, _) if self.is_end(at) => {
                    break Source::Output(at, output);
                }
                Step::Output(at, output, wanted) => {
                    outputs += 1;
                    if outputs > OUTPUTS_WALKED {
                        let key = (at, output, wanted.clone());
                        if let Some(known) = self.known.get(&key) {
                            break known.clone();
                        }
                        passed.push(key);
                        if !visited.insert((at, output)) {
                            self.report_circle(seat, slot);
                            break Source::Nothing;
                        }
                    }
                    self.behind_output(at, output, wanted, (seat, slot))
                }
            };
        };
        for key in passed {
            self.known.insert(key, found.clone());
        }
        found
    }

    fn node(&self, seat: Seat) -> Option<&'s Node<'a>> {
        self.graph(seat)?.nodes.get(seat.node)
    }

    fn graph(&self, seat: Seat) -> Option<&'s Graph<'a>> {
        self.scene.graph(self.expansion.frame(seat.frame)?.graph)
    }

    fn is_end(&self, seat: Seat) -> bool {
        self.node(seat).is_some_and(|node| {
            node.mode == UiMode::Active && matches!(node.kind, Kind::Class(_) | Kind::Unknown)
        })
    }

    fn behind_input(
        &mut self,
        at: Seat,
        input: usize,
        wanted: Option<Text<'a>>,
        asked: (Seat, usize),
    ) -> Step<'a> {
        const NOTHING: Step<'static> = Step::End(Source::Nothing);
        let (Some(graph), Some(node)) = (self.graph(at), self.node(at)) else { return NOTHING };
        let Some(slot) = node.body.input(input) else { return NOTHING };
        let Some(id) = slot.link else { return NOTHING };
        let Some(link) = graph.links.get(id) else {
            self.report_dangling(asked, id);
            return NOTHING;
        };
        if link.origin == INPUTS_ID
            && let Some(host) = self.expansion.host(at.frame)
        {
            return self.behind_boundary(host, link.origin_slot);
        }
        let Some((origin, _)) = graph.node(&link.origin) else {
            self.report_dangling(asked, id);
            return NOTHING;
        };
        let wanted = wanted.unwrap_or_else(|| slot.type_name.clone());
        Step::Output(Seat { node: origin, ..at }, link.origin_slot, wanted)
    }

    /// Out of a subgraph by one of its inputs: what is linked to the instance counts, else the
    /// instance's own value.
    fn behind_boundary(&self, host: Seat, input: usize) -> Step<'a> {
        let slot = self.node(host).and_then(|node| node.body.input(input));
        match slot {
            Some(slot) if slot.link.is_some() => Step::Input(host, input, None),
            Some(slot) => Step::End(match slot.promoted {
                Some(promoted) => Source::Value(promoted.value.clone()),
                None => Source::Nothing,
            }),
            None => Step::End(Source::Nothing),
        }
    }

    fn behind_output(
        &mut self,
        at: Seat,
        output: usize,
        wanted: Text<'a>,
        asked: (Seat, usize),
    ) -> Step<'a> {
        const NOTHING: Step<'static> = Step::End(Source::Nothing);
        let Some(node) = self.node(at) else { return NOTHING };
        match (node.mode, node.kind) {
            (UiMode::Muted, _) => NOTHING,
            (UiMode::Bypassed, _) => match passed_input(node, output, &wanted) {
                Some(input) => Step::Input(at, input, None),
                None => NOTHING,
            },
            (UiMode::Active, Kind::Instance(definition)) => {
                self.inside(at, definition, (output, wanted), asked)
            }
            (UiMode::Active, Kind::Virtual(Virtual::Getter)) => self.behind_getter(at, wanted),
            (UiMode::Active, Kind::Virtual(_)) => {
                let linked = node.body.input(output).is_some_and(|slot| slot.link.is_some());
                if linked { Step::Input(at, output, Some(wanted)) } else { NOTHING }
            }
            (UiMode::Active, Kind::Class(_) | Kind::Unknown) => {
                Step::End(Source::Output(at, output))
            }
        }
    }

    /// Into a subgraph by one of its outputs.
    fn inside(
        &mut self,
        at: Seat,
        definition: usize,
        (output, wanted): (usize, Text<'a>),
        asked: (Seat, usize),
    ) -> Step<'a> {
        const NOTHING: Step<'static> = Step::End(Source::Nothing);
        let Some(graph) = self.scene.graph(definition) else { return NOTHING };
        let Some(boundary) = graph.outputs.get(output) else {
            let have = graph.outputs.len();
            self.report_missing_output(asked, at, output, have);
            return NOTHING;
        };
        let Some(frame) = self.expansion.inside(at) else { return NOTHING };
        let Some(link) = boundary.links.iter().find_map(|id| graph.links.get(*id)) else {
            return NOTHING;
        };
        if link.origin == INPUTS_ID {
            return self.behind_boundary(at, link.origin_slot);
        }
        match graph.node(&link.origin) {
            Some((node, _)) => Step::Output(Seat { frame, node }, link.origin_slot, wanted),
            None => NOTHING,
        }
    }

    /// What the setter of the same name takes, in this graph or in one around it.
    fn behind_getter(&mut self, at: Seat, wanted: Text<'a>) -> Step<'a> {
        let name = self.node(at).and_then(set_name).unwrap_or_default();
        let mut frame = Some(at.frame);
        while let Some(here) = frame {
            let graph = self.expansion.frame(here).map(|frame| frame.graph);
            if let Some(node) = graph.and_then(|graph| self.setters.get(&(graph, name))) {
                return Step::Input(Seat { frame: here, node: *node }, 0, Some(wanted));
            }
            frame = self.expansion.host(here).map(|host| host.frame);
        }
        let finding = Finding::NothingSet { node: self.name(at), name: name.to_owned() };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
        Step::End(Source::Nothing)
    }

    fn name(&self, seat: Seat) -> String {
        self.expansion.name(self.scene, seat)
    }

    fn input_name(&self, (seat, slot): (Seat, usize)) -> String {
        let slot = self.node(seat).and_then(|node| node.body.input(slot));
        slot.map(|slot| slot.name.to_string()).unwrap_or_default()
    }

    fn report_dangling(&mut self, asked: (Seat, usize), link: i64) {
        let (node, input) = (self.name(asked.0), self.input_name(asked));
        self.findings.push(Finding::DanglingLink { node, input, link });
    }

    fn report_circle(&mut self, seat: Seat, slot: usize) {
        let (node, input) = (self.name(seat), self.input_name((seat, slot)));
        self.findings.push(Finding::CircularLinks { node, input });
    }

    fn report_missing_output(
        &mut self,
        asked: (Seat, usize),
        from: Seat,
        slot: usize,
        have: usize,
    ) {
        let (node, input, from) = (self.name(asked.0), self.input_name(asked), self.name(from));
        self.findings.push(Finding::NoSuchOutput { node, input, from, slot, have });
    }
}

fn setters<'a>(scene: &Scene<'a>) -> HashMap<(usize, &'a str), usize> {
    let mut setters = HashMap::default();
    if !scene.present.setters {
        return setters;
    }
    for (at, graph) in scene.graphs.iter().enumerate() {
        for (index, node) in graph.nodes.iter().enumerate() {
            if node.kind.is(Virtual::Setter)
                && let Some(name) = set_name(node)
            {
                setters.entry((at, name)).or_insert(index);
            }
        }
    }
    setters
}

/// The name that a setter or getter has as its only value.
fn set_name<'a>(node: &Node<'a>) -> Option<&'a str> {
    match node.saved.values() {
        SavedValues::Listed(values) => values.first().and_then(Json::as_str),
        SavedValues::Named(values) => values.values().next().and_then(Json::as_str),
        SavedValues::Missing => None,
    }
}

/// Which input a bypassed node passes on to one of its outputs: the one opposite if it fits, else
/// the first of exactly the wanted type, else the first that fits.
fn passed_input(node: &Node<'_>, output: usize, wanted: &str) -> Option<usize> {
    let count = node.body.input_count();
    let given = &node.outputs.get(output)?.type_name;
    if matches!(wanted, "*" | "") {
        let at = if count > output { output } else { 0 };
        return (count > 0).then_some(at);
    }
    let fits = |type_name: &str| takes(type_name, given) && takes(type_name, wanted);
    if node.body.input(output).is_some_and(|slot| fits(&slot.type_name)) {
        return Some(output);
    }
    let exact = node.body.inputs().position(|slot| slot.type_name == wanted);
    exact.or_else(|| node.body.inputs().position(|slot| fits(&slot.type_name)))
}

/// Whether a link may join two types: alike but for case, one that takes everything, or lists
/// with a member in common.
pub(super) fn takes(one: &str, other: &str) -> bool {
    let is_any = |name: &str| matches!(name, "" | "*");
    let alike = |one: &str, other: &str| {
        is_any(one) || is_any(other) || one.to_lowercase() == other.to_lowercase()
    };
    if alike(one, other) {
        return true;
    }
    (one.contains(',') || other.contains(','))
        && one.split(',').any(|one| other.split(',').any(|other| alike(one, other)))
}
