//! The inputs that a node has, once its dynamic inputs are unfolded by the values that it carries.

use serde_json::{Map, Value};

use crate::catalog::{InputSpec, NodeClass};

/// One input of a node, under the key that a prompt uses for it.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    /// The whole dotted key.
    pub(crate) name: String,
    /// Type and options, as in `/object_info`.
    pub(crate) spec: Value,
    pub(crate) required: bool,
}

impl Declared {
    fn view(&self) -> InputSpec<'_> {
        InputSpec { spec: &self.spec }
    }

    pub(crate) fn kind(&self) -> &Value {
        self.view().kind()
    }

    pub(crate) fn option(&self, name: &str) -> Option<&Value> {
        self.view().option(name)
    }
}

/// All inputs of a node, in the order of their declaration.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeclaredInputs {
    pub(crate) inputs: Vec<Declared>,
    /// Whether any key is one that the node's own values unfolded.
    pub(crate) has_dynamic_paths: bool,
}

pub(crate) fn declared_inputs(class: NodeClass<'_>, live: &Map<String, Value>) -> DeclaredInputs {
    let mut out = DeclaredInputs::default();
    if let Some(groups) = class.inputs() {
        unfold(&mut out, groups, live, "");
    }
    out
}

fn unfold(
    out: &mut DeclaredInputs,
    groups: &Map<String, Value>,
    live: &Map<String, Value>,
    prefix: &str,
) {
    for (group, required) in [("required", true), ("optional", false)] {
        let Some(inputs) = groups.get(group).and_then(Value::as_object) else { continue };
        for (id, spec) in inputs {
            let name = if prefix.is_empty() { id.clone() } else { format!("{prefix}.{id}") };
            match spec.get(0).and_then(Value::as_str) {
                Some("COMFY_DYNAMICCOMBO_V3") => unfold_option(out, spec, live, &name, required),
                Some("COMFY_AUTOGROW_V3") => unfold_slots(out, spec, &name),
                Some("COMFY_DYNAMICSLOT_V3") => unfold_slot(out, spec, live, &name, required),
                _ => {
                    out.has_dynamic_paths |= !prefix.is_empty();
                    out.inputs.push(Declared { name, spec: spec.clone(), required });
                }
            }
        }
    }
}

/// The inputs of the option that the node chose; an unknown or missing choice contributes nothing.
fn unfold_option(
    out: &mut DeclaredInputs,
    spec: &Value,
    live: &Map<String, Value>,
    name: &str,
    required: bool,
) {
    let Some(chosen) = live.get(name) else { return };
    let options = spec.pointer("/1/options").and_then(Value::as_array);
    let option =
        options.and_then(|options| options.iter().find(|option| option.get("key") == Some(chosen)));
    let Some(option) = option else { return };
    if let Some(groups) = option.get("inputs").and_then(Value::as_object) {
        unfold(out, groups, live, name);
    }
    out.has_dynamic_paths = true;
    out.inputs.push(Declared { name: name.to_owned(), spec: spec.clone(), required });
}

/// The slots of a growing group: the first `min` are required, the group itself is no input.
fn unfold_slots(out: &mut DeclaredInputs, spec: &Value, name: &str) {
    let Some(template) = spec.pointer("/1/template") else { return };
    let count = |member: &str| {
        template
            .get(member)
            .and_then(Value::as_u64)
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or(0)
    };
    let slots: Vec<String> =
        match (template.get("names").and_then(Value::as_array), template.get("prefix")) {
            (Some(names), _) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            (None, Some(prefix)) => {
                let prefix = prefix.as_str().unwrap_or_default();
                (0..count("max")).map(|index| format!("{prefix}{index}")).collect()
            }
            (None, None) => return,
        };
    let groups = template.get("input").and_then(Value::as_object);
    let first = groups.and_then(|groups| {
        groups.iter().find_map(|(group, inputs)| {
            Some((group == "required", inputs.as_object()?.values().next()?))
        })
    });
    let Some((is_required, inner)) = first else { return };
    out.has_dynamic_paths = true;
    for (index, slot) in slots.iter().enumerate() {
        let required = is_required && index < count("min");
        out.inputs.push(Declared { name: format!("{name}.{slot}"), spec: inner.clone(), required });
    }
}

/// An input that brings others with it once it is connected.
fn unfold_slot(
    out: &mut DeclaredInputs,
    spec: &Value,
    live: &Map<String, Value>,
    name: &str,
    required: bool,
) {
    if !live.contains_key(name) {
        return;
    }
    out.has_dynamic_paths = true;
    out.inputs.push(Declared { name: name.to_owned(), spec: spec.clone(), required });
    if let Some(groups) = spec.pointer("/1/inputs").and_then(Value::as_object) {
        unfold(out, groups, live, name);
    }
}
