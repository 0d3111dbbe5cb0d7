//! Advice beside the verdict: what a server accepts and that yet is probably not meant.

use super::{
    Warning, WarningKind,
    context::Context,
    custom,
    expand::{Declared, Plan},
    files, input, matchtype, python,
    suggest::Suggest,
    walk::Walk,
};
use crate::{
    catalog::{Category, InputKind, InputSpec, NodeClass},
    json::{Json, Object},
};

/// Types that only another node can give: a text or a number in their place fails at run time.
const LINKED_TYPES: [&str; 13] = [
    "AUDIO",
    "CLIP",
    "CLIP_VISION",
    "CLIP_VISION_OUTPUT",
    "CONDITIONING",
    "CONTROL_NET",
    "GUIDER",
    "IMAGE",
    "LATENT",
    "MASK",
    "MODEL",
    "VAE",
    "VIDEO",
];

/// Inputs that ComfyUI's own front end writes beside the declared ones.
const FRONT_END_INPUTS: [&str; 7] = [
    "upload",
    "audioUI",
    "uploadUI",
    "control_after_generate",
    "upload 3d model",
    "upload extra resources",
    "clear",
];

/// Classes for which it writes the state of its viewer as `image`.
const VIEWER_CLASSES: [&str; 3] = ["Preview3D", "Preview3DAnimation", "SaveGLB"];

pub(super) fn warnings<'a>(context: Context<'a>, walk: &'a Walk<'a>) -> Vec<Warning> {
    let suggest = &walk.suggest;
    let mut advice = Advice { context, suggest, also_needed: Vec::new(), warnings: Vec::new() };
    for (node, class) in context.known() {
        advice.node(node, class, walk.is_plain(node));
    }
    if walk.has_begun() {
        advice.unused(walk);
    }
    advice.warnings.extend(matchtype::conflicts(context));
    advice.warnings
}

/// Whether there is nothing to say of a declared input that is set so.
pub(super) fn is_plain(spec: &InputSpec, value: &Json) -> bool {
    match (&spec.kind, value) {
        (_, Json::Array(_)) => true,
        (InputKind::Int, Json::Number(number)) => number.is_integer(),
        (InputKind::Float, Json::Number(_))
        | (InputKind::Text, Json::String(_))
        | (InputKind::Boolean, Json::Bool(_)) => true,
        (InputKind::Combo(_), value) => value.as_object().is_none(),
        _ => false,
    }
}

struct Advice<'a> {
    context: Context<'a>,
    suggest: &'a Suggest<'a>,
    /// Links in inputs that the server does not look at, but follows when it runs the prompt: who
    /// has them and to whom they lead.
    also_needed: Vec<(usize, usize)>,
    warnings: Vec<Warning>,
}

impl<'a> Advice<'a> {
    /// Nodes that no output needs. What the server has looked at is needed, and so is what is
    /// linked to it in ways that it has not looked at.
    fn unused(&mut self, walk: &Walk<'_>) {
        let count = self.context.nodes.len();
        let mut needed: Vec<bool> = (0..count).map(|node| walk.looked(node).is_some()).collect();
        let also = std::mem::take(&mut self.also_needed);
        let looked = also.iter().filter(|(node, _)| walk.looked(*node).is_some());
        let mut waiting: Vec<usize> = looked.map(|(_, source)| *source).collect();
        // Where there is an error the server may have stopped looking.
        for node in walk.with_errors() {
            waiting.extend(self.sources(*node));
        }
        while let Some(node) = waiting.pop() {
            let Some(seen) = needed.get_mut(node) else { continue };
            if std::mem::replace(seen, true) {
                continue;
            }
            waiting.extend(self.sources(node));
        }
        for (node, _) in needed.iter().enumerate().filter(|(_, needed)| !**needed) {
            let message = "no output needs this node; it does not run".to_owned();
            self.warn(node, Warning::new(WarningKind::UnusedNode, message));
        }
    }

    fn sources(&self, node: usize) -> impl Iterator<Item = usize> {
        let inputs = self.context.inputs(node).and_then(Json::as_object);
        inputs.into_iter().flatten().filter_map(|(_, value)| self.linked(value))
    }

    /// The node that a list names, whatever its slot.
    fn linked(&self, value: &Json) -> Option<usize> {
        self.context.nodes.get_index_of(value.as_array()?.first()?.as_str()?)
    }

    fn node(&mut self, node: usize, class: &'a NodeClass, plain: bool) {
        if class.deprecated {
            let newer = self.context.catalog.replacements(&class.name);
            let choices = newer.iter().map(|newer| Json::from(newer.new_class.as_str())).collect();
            let message = format!("{} is deprecated", class.name);
            self.warn(node, Warning::new(WarningKind::DeprecatedNode, message).offering(choices));
        }
        if plain {
            return;
        }
        let Some(inputs) = self.context.inputs(node) else {
            let message = "has no `inputs`; write `\"inputs\": {}`".to_owned();
            self.warn(node, Warning::new(WarningKind::MissingInputs, message));
            return;
        };
        let Some(inputs) = inputs.as_object() else { return };
        let declared = Plan::of(class, self.context.inputs(node), self.context.profile);
        let odd_choices = self.dynamic_choices(node, inputs, &class.inputs, "");
        for (key, value) in inputs {
            match declared.find(key) {
                Some(input) => self.value(node, &input, value),
                None if odd_choices.iter().any(|odd| odd == key) => {}
                None => {
                    self.also_needed.extend(self.linked(value).map(|source| (node, source)));
                    self.undeclared(node, class, &declared, key);
                }
            }
        }
        self.file(node, class, inputs);
    }

    /// Dynamic combos without a value, or with one that selects nothing; their keys.
    fn dynamic_choices(
        &mut self,
        node: usize,
        inputs: &Object,
        specs: &'a [InputSpec],
        prefix: &str,
    ) -> Vec<String> {
        let mut odd = Vec::new();
        for spec in specs {
            let InputKind::DynamicCombo(options) = &spec.kind else { continue };
            let key = if prefix.is_empty() {
                spec.name.to_string()
            } else {
                format!("{prefix}.{}", spec.name)
            };
            let Some(value) = inputs.get(&key) else {
                if spec.category == Category::Required {
                    let message =
                        format!("`{key}` is not set; the server lets it pass and the node fails");
                    let choices = options.iter().map(|option| option.key.clone()).collect();
                    self.warn(
                        node,
                        Warning::new(WarningKind::MissingDynamicChoice, message)
                            .about(&key)
                            .offering(choices),
                    );
                }
                continue;
            };
            if let Some(option) = options.iter().find(|option| python::equal(&option.key, value)) {
                odd.extend(self.dynamic_choices(node, inputs, &option.inputs, &key));
                continue;
            }
            let keys: Vec<Json> = options.iter().map(|option| option.key.clone()).collect();
            let choices = self.suggest.nearest_values(value, &keys);
            let message = format!(
                "`{key}` has no choice {}; the server lets it pass and the node fails",
                python::repr(value)
            );
            self.warn(
                node,
                Warning::new(WarningKind::UnknownDynamicChoice, message)
                    .about(&key)
                    .offering(choices),
            );
            odd.push(key);
        }
        odd
    }

    fn undeclared(&mut self, node: usize, class: &NodeClass, plan: &Plan<'_>, key: &str) {
        // CustomCombo takes whatever its front end sends.
        let viewer = key == "image" && VIEWER_CLASSES.contains(&class.name.as_str());
        if FRONT_END_INPUTS.contains(&key) || viewer || class.name == "CustomCombo" {
            return;
        }
        let keys: Vec<String> = plan.iter().map(|declared| declared.key.into_owned()).collect();
        let choices = self.suggest.nearest_names(key, &keys);
        let with = if plan.is_nested() { " with these choices" } else { "" };
        let message = format!("{} has no input `{key}`{with}; the server ignores it", class.name);
        self.warn(
            node,
            Warning::new(WarningKind::UndeclaredInput, message).about(key).offering(choices),
        );
    }

    fn value(&mut self, node: usize, declared: &Declared<'_>, value: &Json) {
        if value.as_array().is_some() {
            return;
        }
        let value = input::unwrapped(value);
        let becomes = match (&declared.spec.kind, value) {
            (InputKind::Boolean, Json::String(_)) => {
                python::repr(&Json::from(python::truth(value)))
            }
            (InputKind::Text, Json::Null) => "the text 'None'".to_owned(),
            (InputKind::Int, Json::Number(number)) if number.as_f64().fract() != 0.0 => {
                python::int(value).map_or_else(|_| String::new(), |whole| whole.to_string())
            }
            (InputKind::Socket, _)
                if declared.spec.type_name().is_some_and(|name| LINKED_TYPES.contains(&name)) =>
            {
                let kind = declared.spec.type_name().unwrap_or_default();
                let message =
                    format!("`{}` takes a link to {kind}, but is {}", declared.key, value.kind());
                self.warn(
                    node,
                    Warning::new(WarningKind::LiteralForLink, message).about(&declared.key),
                );
                return;
            }
            _ => return,
        };
        if becomes.is_empty() {
            return;
        }
        let message = format!(
            "`{}` is {}, which the server turns into {becomes}",
            declared.key,
            python::repr(value)
        );
        let choices = match declared.spec.kind {
            InputKind::Boolean => vec![Json::from(true), Json::from(false)],
            InputKind::Text => vec![Json::from("")],
            InputKind::Int
            | InputKind::Float
            | InputKind::Combo(_)
            | InputKind::DynamicCombo(_)
            | InputKind::Autogrow(_)
            | InputKind::DynamicSlot(_)
            | InputKind::MatchType(_)
            | InputKind::Socket => {
                python::int(value).map(std::borrow::Cow::into_owned).into_iter().collect()
            }
        };
        self.warn(
            node,
            Warning::new(WarningKind::ValueChanged, message).about(&declared.key).offering(choices),
        );
    }

    fn file(&mut self, node: usize, class: &NodeClass, inputs: &Object) {
        let Some(spec) = custom::file_input(class, self.context.profile) else { return };
        let Some(value) = inputs.get(spec.name.as_str()).map(input::unwrapped) else { return };
        if value.as_str().is_some()
            && files::look_up(self.context, value) == Ok(files::Found::Unknown)
        {
            let message =
                format!("only the server knows whether the file {} is there", python::repr(value));
            self.warn(node, Warning::new(WarningKind::UncheckedFile, message).about(&spec.name));
        }
    }

    fn warn(&mut self, node: usize, warning: Warning) {
        let node = self.context.id(node).to_owned();
        self.warnings.push(Warning { node, ..warning });
    }
}
