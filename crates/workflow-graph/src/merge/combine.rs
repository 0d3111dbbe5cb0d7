//! Deciding on every part of every node.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::{
    Conflict, Merge, Part, Side, Spot, Strategy,
    entity::{Entities, Entity, Number, Value, Version},
};
use crate::{
    ids::{ClassType, NodeId},
    json::Json,
    workflow::{Input, Node, Workflow},
};

pub(super) fn combine(entities: &Entities<'_>, strategy: &Strategy) -> Merge {
    let mut judge = Judge { entities, strategy, conflicts: Vec::new() };
    let linked = [newly_linked(entities, Side::Ours), newly_linked(entities, Side::Theirs)];
    let kept: Vec<(Number, Presence)> = entities
        .order
        .iter()
        .map(|number| (*number, judge.presence(*number, &linked)))
        .filter(|(_, presence)| *presence != Presence::Gone)
        .collect();
    let present: HashSet<Number> = kept.iter().map(|(number, _)| *number).collect();
    let mut nodes: IndexMap<NodeId, Node> = IndexMap::with_capacity(kept.len());
    for (number, presence) in kept {
        let Some(entity) = entities.get(number) else { continue };
        if let Some(combined) = judge.node(entity, presence) {
            nodes.insert(entity.id.clone(), written(entities, &present, combined));
        }
    }
    Merge {
        workflow: Workflow::from_nodes(nodes),
        conflicts: judge.conflicts,
        renumbered: entities.renumbered.clone(),
    }
}

/// Whether a node is in the result, and made of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Gone,
    /// Of all its versions.
    Merged,
    /// Of one version alone, because the others do not have it.
    Ours,
    Theirs,
    Base,
}

/// A node as decided, its links still to entities.
struct Combined<'a> {
    /// Where the order of members comes from.
    form: &'a Node,
    class_type: &'a ClassType,
    inputs: Vec<(&'a str, Value<'a>)>,
    members: Vec<(&'a str, &'a Json)>,
}

struct Judge<'e, 'a> {
    entities: &'e Entities<'a>,
    strategy: &'e Strategy,
    conflicts: Vec<Conflict>,
}

/// The three sides of one part.
struct Sides<T> {
    base: Option<T>,
    ours: Option<T>,
    theirs: Option<T>,
}

impl<'a> Judge<'_, 'a> {
    /// A node stays unless a side took it away; when the other side changed it or made a new
    /// link from it, that is a conflict.
    fn presence(&mut self, number: Number, linked: &[HashSet<Number>; 2]) -> Presence {
        let Some(entity) = self.entities.get(number) else { return Presence::Gone };
        let [by_ours, by_theirs] = linked;
        let (remover, is_needed, survivor) = match (entity.base, entity.ours, entity.theirs) {
            (_, Some(_), Some(_)) => return Presence::Merged,
            (None, Some(_), None) => return Presence::Ours,
            (None, None, Some(_)) => return Presence::Theirs,
            (_, None, None) => return Presence::Gone,
            (Some(_), Some(ours), None) => {
                let is_needed =
                    self.is_changed(entity, ours, Side::Ours) || by_ours.contains(&number);
                (Side::Theirs, is_needed, Presence::Ours)
            }
            (Some(_), None, Some(theirs)) => {
                let is_needed =
                    self.is_changed(entity, theirs, Side::Theirs) || by_theirs.contains(&number);
                (Side::Ours, is_needed, Presence::Theirs)
            }
        };
        if !is_needed {
            return Presence::Gone;
        }
        let whole = |version: Option<Version<'_>>| version.map(|(_, node)| node.to_json());
        let taken = self.settle(
            Spot { node: entity.id.clone(), part: Part::Node },
            Sides {
                base: whole(entity.base),
                ours: whole(entity.ours),
                theirs: whole(entity.theirs),
            },
        );
        match taken {
            None => Presence::Base,
            Some(side) if side == remover => Presence::Gone,
            Some(_) => survivor,
        }
    }

    fn is_changed(&self, entity: &Entity<'a>, (_, node): Version<'a>, side: Side) -> bool {
        let Some((_, base)) = entity.base else { return true };
        let is_same_input = |(name, input): (&str, &'a Input)| {
            let before = base.input(name).map(|input| self.entities.base_value(input));
            before == Some(value_of(self.entities, side, input))
        };
        base.class_type() != node.class_type()
            || base.inputs().len() != node.inputs().len()
            || !node.inputs().all(is_same_input)
            || base.other_members().count() != node.other_members().count()
            || !node.other_members().all(|(name, value)| base.other_member(name) == Some(value))
    }

    fn node(&mut self, entity: &Entity<'a>, presence: Presence) -> Option<Combined<'a>> {
        let (side, version) = match (presence, entity.ours, entity.theirs) {
            (Presence::Merged, Some((_, ours)), Some((_, theirs))) => {
                return Some(self.merged(entity, ours, theirs));
            }
            (Presence::Ours, ours, _) => (Some(Side::Ours), ours),
            (Presence::Theirs, _, theirs) => (Some(Side::Theirs), theirs),
            (Presence::Merged | Presence::Base | Presence::Gone, _, _) => (None, entity.base),
        };
        let (_, form) = version?;
        let value = |input: &'a Input| match side {
            Some(side) => value_of(self.entities, side, input),
            None => self.entities.base_value(input),
        };
        Some(Combined {
            form,
            class_type: form.class_type(),
            inputs: form.inputs().map(|(name, input)| (name, value(input))).collect(),
            members: form.other_members().collect(),
        })
    }

    fn merged(&mut self, entity: &Entity<'a>, ours: &'a Node, theirs: &'a Node) -> Combined<'a> {
        let base = entity.base.map(|(_, node)| node);
        let spot = |part| Spot { node: entity.id.clone(), part };
        let classes = Sides {
            base: base.map(Node::class_type),
            ours: Some(ours.class_type()),
            theirs: Some(theirs.class_type()),
        };
        let class = |class: &&ClassType| Json::from(class.as_str());
        let class_type = self.decide(classes, || spot(Part::Class), class);

        let entities = self.entities;
        let mut inputs = Vec::new();
        for name in names(ours, theirs, |node| node.inputs().map(|(name, _)| name).collect()) {
            let sides = Sides {
                base: base
                    .and_then(|node| node.input(name))
                    .map(|input| entities.base_value(input)),
                ours: ours.input(name).map(|input| entities.ours_value(input)),
                theirs: theirs.input(name).map(|input| entities.theirs_value(input)),
            };
            let shown = |value: &Value<'a>| entities.write(value).to_json();
            let value = self.decide(sides, || spot(Part::Input(name.to_owned())), shown);
            inputs.extend(value.map(|value| (name, value)));
        }
        let mut members = Vec::new();
        for name in names(ours, theirs, |node| node.other_members().map(|(name, _)| name).collect())
        {
            let sides = Sides {
                base: base.and_then(|node| node.other_member(name)),
                ours: ours.other_member(name),
                theirs: theirs.other_member(name),
            };
            let shown = |value: &&Json| (*value).clone();
            let value = self.decide(sides, || spot(Part::Member(name.to_owned())), shown);
            members.extend(value.map(|value| (name, value)));
        }
        let class_type = class_type.unwrap_or(ours.class_type());
        Combined { form: ours, class_type, inputs, members }
    }

    /// The three-way rule for one part.
    fn decide<T: PartialEq>(
        &mut self,
        sides: Sides<T>,
        spot: impl Fn() -> Spot,
        shown: impl Fn(&T) -> Json,
    ) -> Option<T> {
        let Sides { base, ours, theirs } = sides;
        if ours == theirs || base == theirs {
            return ours;
        }
        if base == ours {
            return theirs;
        }
        let values = Sides {
            base: base.as_ref().map(&shown),
            ours: ours.as_ref().map(&shown),
            theirs: theirs.as_ref().map(&shown),
        };
        match self.settle(spot(), values) {
            Some(Side::Ours) => ours,
            Some(Side::Theirs) => theirs,
            None => base,
        }
    }

    fn settle(&mut self, spot: Spot, sides: Sides<Json>) -> Option<Side> {
        let taken = match self.strategy {
            Strategy::Ours => Some(Side::Ours),
            Strategy::Theirs => Some(Side::Theirs),
            Strategy::Manual(choices) => choices.get(&spot).copied(),
        };
        let Sides { base, ours, theirs } = sides;
        self.conflicts.push(Conflict { spot, base, ours, theirs, taken });
        taken
    }
}

fn value_of<'a>(entities: &Entities<'a>, side: Side, input: &'a Input) -> Value<'a> {
    match side {
        Side::Ours => entities.ours_value(input),
        Side::Theirs => entities.theirs_value(input),
    }
}

/// The names of both, in the order of ours and then of theirs.
fn names<'a>(
    ours: &'a Node,
    theirs: &'a Node,
    of: impl Fn(&'a Node) -> Vec<&'a str>,
) -> Vec<&'a str> {
    let mut names = of(ours);
    let known: HashSet<&str> = names.iter().copied().collect();
    names.extend(of(theirs).into_iter().filter(|name| !known.contains(name)));
    names
}

/// The nodes that a side made links from which were not there before.
fn newly_linked(entities: &Entities<'_>, side: Side) -> HashSet<Number> {
    let mut linked = HashSet::new();
    for number in &entities.order {
        let Some(entity) = entities.get(*number) else { continue };
        let version = match side {
            Side::Ours => entity.ours,
            Side::Theirs => entity.theirs,
        };
        let Some((_, node)) = version else { continue };
        for (name, input) in node.inputs() {
            let value = value_of(entities, side, input);
            let before = entity.base.and_then(|(_, base)| base.input(name));
            if let Value::Link(from, _) = value
                && before.map(|input| entities.base_value(input)) != Some(value)
            {
                linked.insert(from);
            }
        }
    }
    linked
}

/// The node as it stands in the result. A link from a node that is gone is gone with it.
fn written(entities: &Entities<'_>, present: &HashSet<Number>, combined: Combined<'_>) -> Node {
    let Combined { form, class_type, inputs, members } = combined;
    let mut node = form.clone();
    node.put_class(class_type.clone());
    let wanted: HashSet<&str> = inputs.iter().map(|(name, _)| *name).collect();
    for (name, _) in form.inputs().filter(|(name, _)| !wanted.contains(name)) {
        node.take_input(name);
    }
    for (name, value) in inputs {
        match value {
            Value::Link(from, _) if !present.contains(&from) => {
                node.take_input(name);
            }
            value @ (Value::Literal(_) | Value::Link(..) | Value::Nowhere(..)) => {
                node.put_input(name, entities.write(&value), None);
            }
        }
    }
    let wanted: HashSet<&str> = members.iter().map(|(name, _)| *name).collect();
    for (name, _) in form.other_members().filter(|(name, _)| !wanted.contains(name)) {
        node.take_member(name);
    }
    for (name, value) in members {
        node.put_member(name, value.clone(), None);
    }
    node
}
