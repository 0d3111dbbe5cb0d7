//! One node seen from three workflows.

use std::collections::{HashMap, HashSet};

use crate::{
    diff::Matching,
    ids::NodeId,
    json::Json,
    patch::FreeIds,
    workflow::{Input, Node, Workflow},
};

/// The number of an entity.
pub(super) type Number = usize;

/// A node with its id in a workflow.
pub(super) type Version<'a> = (&'a NodeId, &'a Node);

/// One node: what it is in each of the workflows that have it.
pub(super) struct Entity<'a> {
    pub(super) base: Option<Version<'a>>,
    pub(super) ours: Option<Version<'a>>,
    pub(super) theirs: Option<Version<'a>>,
    /// Its id in the result.
    pub(super) id: NodeId,
}

/// By which right a node has its id in the result, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    /// Ours has it under that id, and theirs did not give it another.
    Ours,
    /// Theirs added it or gave it the id.
    Theirs,
    /// A side took it away, so that it most likely is not in the result.
    None,
}

impl Entity<'_> {
    fn claim(&self) -> Claim {
        match (self.base, self.ours, self.theirs) {
            (Some((base, _)), Some((ours, _)), Some((theirs, _))) => {
                if base == ours && theirs != ours { Claim::Theirs } else { Claim::Ours }
            }
            (None, Some(_), _) => Claim::Ours,
            (None, None, _) => Claim::Theirs,
            (Some(_), _, _) => Claim::None,
        }
    }
}

/// The value of an input, where links lead to entities, so that values of different workflows
/// can be compared.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Literal(&'a Json),
    Link(Number, u32),
    /// A link to a node that its workflow does not have.
    Nowhere(&'a NodeId, u32),
}

/// All nodes of three workflows, each once.
pub(super) struct Entities<'a> {
    all: Vec<Entity<'a>>,
    by_base: Numbers<'a>,
    by_ours: Numbers<'a>,
    by_theirs: Numbers<'a>,
    /// The order of the result: that of ours, then what only theirs has.
    pub(super) order: Vec<Number>,
    pub(super) renumbered: Vec<(NodeId, NodeId)>,
}

type Numbers<'a> = HashMap<&'a NodeId, Number>;

impl<'a> Entities<'a> {
    pub(super) fn new(base: &'a Workflow, ours: &'a Workflow, theirs: &'a Workflow) -> Self {
        let (in_ours, in_theirs) = (Matching::best(base, ours), Matching::best(base, theirs));
        let mut entities = Self {
            all: Vec::new(),
            by_base: Numbers::new(),
            by_ours: Numbers::new(),
            by_theirs: Numbers::new(),
            order: Vec::new(),
            renumbered: Vec::new(),
        };
        let version =
            |workflow: &'a Workflow, id: Option<&NodeId>| workflow.node_map().get_key_value(id?);
        for (id, node) in base.nodes() {
            let ours = version(ours, in_ours.after(id));
            let theirs = version(theirs, in_theirs.after(id));
            entities.add(Some((id, node)), ours, theirs);
        }
        for added in ours.nodes().filter(|(id, _)| in_ours.before(id).is_none()) {
            entities.add(None, Some(added), None);
        }
        let added: Vec<_> =
            theirs.nodes().filter(|(id, _)| in_theirs.before(id).is_none()).collect();
        let alike = entities.added_alike(&added);
        for (id, node) in added {
            match alike.get(id) {
                None => entities.add(None, None, Some((id, node))),
                Some(number) => {
                    entities.by_theirs.insert(id, *number);
                    if let Some(entity) = entities.all.get_mut(*number) {
                        entity.theirs = Some((id, node));
                    }
                }
            }
        }
        entities.name([base, ours, theirs]);
        entities.put_in_order(ours, theirs);
        entities
    }

    pub(super) fn get(&self, number: Number) -> Option<&Entity<'a>> {
        self.all.get(number)
    }

    pub(super) fn base_value(&self, input: &'a Input) -> Value<'a> {
        value(&self.by_base, input)
    }

    pub(super) fn ours_value(&self, input: &'a Input) -> Value<'a> {
        value(&self.by_ours, input)
    }

    pub(super) fn theirs_value(&self, input: &'a Input) -> Value<'a> {
        value(&self.by_theirs, input)
    }

    /// A value as it is written in the result.
    pub(super) fn write(&self, value: &Value<'_>) -> Input {
        match value {
            Value::Literal(value) => Input::Literal((*value).clone()),
            Value::Nowhere(from, slot) => Input::Link { from: (*from).clone(), slot: *slot },
            Value::Link(number, slot) => match self.get(*number) {
                Some(entity) => Input::Link { from: entity.id.clone(), slot: *slot },
                None => Input::Literal(Json::Null),
            },
        }
    }

    fn add(
        &mut self,
        base: Option<Version<'a>>,
        ours: Option<Version<'a>>,
        theirs: Option<Version<'a>>,
    ) {
        let number = self.all.len();
        let Some(id) = ours.or(theirs).or(base).map(|(id, _)| id.clone()) else { return };
        self.by_base.extend(base.map(|(id, _)| (id, number)));
        self.by_ours.extend(ours.map(|(id, _)| (id, number)));
        self.by_theirs.extend(theirs.map(|(id, _)| (id, number)));
        self.all.push(Entity { base, ours, theirs, id });
    }

    /// Nodes that both sides added and that say the same: of equal id and class, with equal
    /// values, and linked from the same nodes.
    fn added_alike(&self, added: &[Version<'a>]) -> HashMap<&'a NodeId, Number> {
        let candidate = |&(id, node): &Version<'a>| {
            let number = *self.by_ours.get(id)?;
            let entity = self.get(number)?;
            let is_alike =
                entity.base.is_none() && entity.ours.is_some_and(|(_, ours)| is_alike(ours, node));
            is_alike.then_some((id, number))
        };
        let mut alike: HashMap<&NodeId, Number> = added.iter().filter_map(candidate).collect();
        let mut consumers: HashMap<&NodeId, Vec<Version<'a>>> = HashMap::new();
        for (id, node) in added {
            for (from, _) in node.inputs().filter_map(|(_, input)| input.as_link()) {
                consumers.entry(from).or_default().push((id, node));
            }
        }
        // One that is linked from another node is not alike, and then neither is what is
        // linked from it.
        let mut waiting: Vec<Version<'a>> = added.to_vec();
        while let Some((id, node)) = waiting.pop() {
            let Some(number) = alike.get(id) else { continue };
            let ours = self.get(*number).and_then(|entity| entity.ours);
            let linked_alike = ours.is_some_and(|(_, ours)| {
                node.inputs().all(|(name, input)| match (ours.input(name), input) {
                    (Some(ours @ Input::Link { .. }), Input::Link { from, slot }) => {
                        let numbers =
                            if alike.contains_key(from) { &alike } else { &self.by_theirs };
                        let theirs = match numbers.get(from) {
                            Some(number) => Value::Link(*number, *slot),
                            None => Value::Nowhere(from, *slot),
                        };
                        self.ours_value(ours) == theirs
                    }
                    (_, _) => true,
                })
            });
            if !linked_alike {
                alike.remove(id);
                waiting.extend(consumers.get(id).into_iter().flatten().copied());
            }
        }
        alike
    }

    /// Gives every entity its id, by whose claim is best. Where two want one id, the second
    /// gets another.
    fn name(&mut self, workflows: [&'a Workflow; 3]) {
        let ids = workflows.into_iter().flat_map(|workflow| {
            workflow.nodes().flat_map(|(id, node)| {
                let links = node.inputs().filter_map(|(_, input)| Some(input.as_link()?.0));
                std::iter::once(id).chain(links)
            })
        });
        let mut free = FreeIds::above(ids);
        let mut taken: HashSet<NodeId> = HashSet::new();
        let mut entities: Vec<&mut Entity<'a>> = self.all.iter_mut().collect();
        entities.sort_by_key(|entity| entity.claim());
        for entity in entities {
            let versions = match entity.claim() {
                Claim::Ours => [entity.ours, entity.theirs, entity.base],
                Claim::Theirs | Claim::None => [entity.theirs, entity.ours, entity.base],
            };
            let wanted = versions.into_iter().flatten().map(|(id, _)| id.clone());
            let mut wanted = wanted.filter(|id| !taken.contains(id));
            entity.id = wanted.next().unwrap_or_else(|| free.next());
            taken.insert(entity.id.clone());
            if entity.claim() == Claim::Theirs
                && let Some((theirs, _)) = entity.theirs.filter(|(id, _)| **id != entity.id)
            {
                self.renumbered.push((theirs.clone(), entity.id.clone()));
            }
        }
    }

    fn put_in_order(&mut self, ours: &'a Workflow, theirs: &'a Workflow) {
        let in_ours = ours.nodes().filter_map(|(id, _)| self.by_ours.get(id));
        let in_theirs = theirs.nodes().filter_map(|(id, _)| self.by_theirs.get(id));
        let only_theirs = in_theirs
            .filter(|number| self.get(**number).is_some_and(|entity| entity.ours.is_none()));
        self.order = in_ours.chain(only_theirs).copied().collect();
    }
}

/// Whether two nodes say the same, links aside.
fn is_alike(one: &Node, other: &Node) -> bool {
    let values_alike = one.inputs().all(|(name, input)| match (input, other.input(name)) {
        (Input::Literal(one), Some(Input::Literal(other))) => one == other,
        (Input::Link { .. }, Some(Input::Link { .. })) => true,
        (_, _) => false,
    });
    one.class_type() == other.class_type()
        && one.inputs().len() == other.inputs().len()
        && values_alike
        && one.other_members().count() == other.other_members().count()
        && one.other_members().all(|(name, value)| other.other_member(name) == Some(value))
}

fn value<'a>(numbers: &Numbers<'a>, input: &'a Input) -> Value<'a> {
    match input {
        Input::Literal(value) => Value::Literal(value),
        Input::Link { from, slot } => match numbers.get(from) {
            Some(number) => Value::Link(*number, *slot),
            None => Value::Nowhere(from, *slot),
        },
    }
}
