//! What a server's node classes say of a value.

use workflow_graph::{
    Input, Json, Node, NodeId, Workflow,
    catalog::{InputKind, InputSpec, NodeCatalog, NodeClass},
};

use crate::templates::ParameterKind;

/// The values that an input takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bounds {
    pub(super) kind: ParameterKind,
    pub(super) minimum: Option<f64>,
    pub(super) maximum: Option<f64>,
    /// Numbers are multiples of the first, plus the second.
    pub(super) unit: Option<(u64, u64)>,
    pub(super) choices: Vec<String>,
}

impl Bounds {
    /// Every value of a kind.
    pub(super) fn of_kind(kind: ParameterKind) -> Self {
        Self { kind, minimum: None, maximum: None, unit: None, choices: Vec::new() }
    }

    /// What the class says of the input, and the classes that the value is passed on to. `None`
    /// where setting it would need other inputs to change with it, or no parameter has such values.
    pub(super) fn of(
        catalog: &NodeCatalog,
        workflow: &Workflow,
        (id, node): (&NodeId, &Node),
        input: &str,
    ) -> Option<Self> {
        let value = node.input(input)?.as_literal()?;
        let class = catalog.class(node.class_type().as_str());
        let Some(spec) = class.and_then(|class| declared(class, node, input)) else {
            return Some(Self::of_kind(kind_of_value(value)?));
        };
        let mut bounds = Self::declared(spec, value)?;
        if class.is_some_and(is_only_a_value) {
            for (user, name) in users(workflow, id) {
                let class = catalog.class(user.class_type().as_str());
                let spec = class.and_then(|class| declared(class, user, name));
                if let Some(users) = spec.and_then(|spec| Self::declared(spec, value)) {
                    bounds.narrow(&users);
                }
            }
        }
        bounds.widen_to(value);
        Some(bounds)
    }

    fn declared(spec: &InputSpec, value: &Json) -> Option<Self> {
        let number = |option| spec.options.get(option).and_then(Json::as_f64);
        let kind = match &spec.kind {
            InputKind::Int => ParameterKind::Integer,
            InputKind::Float => ParameterKind::Number,
            InputKind::Boolean => ParameterKind::Boolean,
            InputKind::Text => ParameterKind::Text,
            InputKind::Combo(_) => return Self::among(spec.choices().unwrap_or_default(), value),
            // Another choice brings other inputs, which the workflow does not have.
            InputKind::DynamicCombo(_) | InputKind::Autogrow(_) | InputKind::DynamicSlot(_) => {
                return None;
            }
            InputKind::MatchType(_) | InputKind::Socket | _ => kind_of_value(value)?,
        };
        let mut bounds = Self::of_kind(kind);
        if matches!(kind, ParameterKind::Integer | ParameterKind::Number) {
            (bounds.minimum, bounds.maximum) = (number("min"), number("max"));
        }
        if kind == ParameterKind::Integer {
            let step = spec.options.get("step").and_then(Json::as_u64).filter(|step| *step > 1);
            let least = spec.options.get("min").and_then(Json::as_i64).unwrap_or(0);
            bounds.unit = step.map(|step| {
                let offset = i64::try_from(step).ok().map(|step| least.rem_euclid(step));
                (step, offset.and_then(|offset| u64::try_from(offset).ok()).unwrap_or(0))
            });
        }
        Some(bounds)
    }

    /// One of a list of choices. A list that the front end fetches elsewhere is empty here.
    fn among(choices: &[Json], value: &Json) -> Option<Self> {
        let texts: Vec<String> =
            choices.iter().filter_map(Json::as_str).map(str::to_owned).collect();
        if !texts.is_empty() && texts.len() == choices.len() {
            return Some(Self { choices: texts, ..Self::of_kind(ParameterKind::Choice) });
        }
        let numbers: Vec<f64> = choices.iter().filter_map(Json::as_f64).collect();
        let mut bounds = Self::of_kind(kind_of_value(value)?);
        if matches!(bounds.kind, ParameterKind::Integer | ParameterKind::Number) {
            bounds.minimum = numbers.iter().copied().reduce(f64::min);
            bounds.maximum = numbers.iter().copied().reduce(f64::max);
        }
        Some(bounds)
    }

    /// Takes only what both take.
    pub(super) fn narrow(&mut self, other: &Self) {
        let either =
            |one: Option<f64>, other: Option<f64>, both: fn(f64, f64) -> f64| match (one, other) {
                (Some(one), Some(other)) => Some(both(one, other)),
                (one, other) => one.or(other),
            };
        self.minimum = either(self.minimum, other.minimum, f64::max);
        self.maximum = either(self.maximum, other.maximum, f64::min);
        if self.unit.is_none_or(|(unit, _)| other.unit.is_some_and(|(other, _)| other > unit)) {
            self.unit = other.unit.or(self.unit);
        }
    }

    /// A rule that the workflow's own value breaks is none: it is a step of the front end's
    /// widget, which no server insists on.
    fn widen_to(&mut self, value: &Json) {
        let Some(number) = value.as_f64() else { return };
        self.minimum = self.minimum.filter(|minimum| *minimum <= number);
        self.maximum = self.maximum.filter(|maximum| *maximum >= number);
        let fits = |(unit, offset): &(u64, u64)| {
            value.as_u64().is_some_and(|whole| {
                whole.checked_sub(*offset).and_then(|rest| rest.checked_rem(*unit)) == Some(0)
            })
        };
        self.unit = self.unit.filter(fits);
    }
}

/// The definition of an input by its key in a prompt, such as `model.prompt`.
pub(super) fn declared<'a>(class: &'a NodeClass, node: &Node, key: &str) -> Option<&'a InputSpec> {
    if let Some(spec) = class.input(key) {
        return Some(spec);
    }
    let mut parts = key.split('.');
    let mut path = parts.next()?.to_owned();
    let mut spec = class.input(&path)?;
    for part in parts {
        let inner = match &spec.kind {
            InputKind::DynamicCombo(options) => {
                let selected = node.input(&path).and_then(Input::as_literal)?;
                &options.iter().find(|option| option.key == *selected)?.inputs
            }
            InputKind::DynamicSlot(inputs) => inputs,
            InputKind::Autogrow(group) => {
                spec = &group.template;
                path = format!("{path}.{part}");
                continue;
            }
            InputKind::Int
            | InputKind::Float
            | InputKind::Text
            | InputKind::Boolean
            | InputKind::Combo(_)
            | InputKind::MatchType(_)
            | InputKind::Socket
            | _ => return None,
        };
        spec = inner.iter().find(|spec| spec.name == *part)?;
        path = format!("{path}.{part}");
    }
    Some(spec)
}

/// Whether a node of this class does nothing but hold one value for others.
fn is_only_a_value(class: &NodeClass) -> bool {
    let mut inputs = class.declared_inputs();
    let is_value = inputs.next().is_some_and(|input| {
        matches!(input.kind, InputKind::Int | InputKind::Float | InputKind::Text)
    });
    is_value && inputs.next().is_none() && class.outputs.len() == 1
}

/// The inputs that are linked to a node, with their nodes.
fn users<'a>(
    workflow: &'a Workflow,
    from: &'a NodeId,
) -> impl Iterator<Item = (&'a Node, &'a str)> {
    workflow.nodes().flat_map(move |(_, node)| {
        let linked = node
            .inputs()
            .filter(move |(_, input)| input.as_link().is_some_and(|(source, _)| source == from));
        linked.map(move |(name, _)| (node, name))
    })
}

fn kind_of_value(value: &Json) -> Option<ParameterKind> {
    match value {
        Json::String(_) => Some(ParameterKind::Text),
        Json::Bool(_) => Some(ParameterKind::Boolean),
        Json::Number(number) if number.is_integer() => Some(ParameterKind::Integer),
        Json::Number(_) => Some(ParameterKind::Number),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}
