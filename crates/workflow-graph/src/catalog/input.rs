//! One input of a class: its type, its options, and what is nested in it.

use super::Name;
use crate::json::{Json, Object};

/// One input of a node class.
///
/// ```
/// use workflow_graph::{Json, catalog::{InputKind, NodeCatalog}};
/// let catalog = NodeCatalog::from_bytes(
///     br#"{"N": {"input": {"required": {"seed": ["INT", {"default": 0, "min": 0, "control_after_generate": true}]}},
///         "output": []}}"#)?;
/// let seed = catalog.class("N").unwrap().input("seed").unwrap();
/// assert!(matches!(seed.kind, InputKind::Int));
/// assert!(seed.flag("control_after_generate") && !seed.flag("forceInput"));
/// assert_eq!(seed.default_value(), Some(&Json::from(0_u64)));
/// # Ok::<(), workflow_graph::catalog::CatalogError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InputSpec {
    /// The name; of an input nested in a dynamic one, the last part of its key.
    pub name: Name,
    /// Whether a prompt must set it.
    pub category: Category,
    /// The type as the server gives it: a string, or the list of choices of a combo in the old
    /// spelling.
    pub type_json: Json,
    /// What the type means.
    pub kind: InputKind,
    /// The options as the server gives them: `default`, `min`, `forceInput`, … . Only the
    /// `options` of a dynamic combo and the `inputs` of a dynamic slot are moved to `kind`.
    pub options: Object,
}

/// Who sets an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// A prompt must set it; a default in the definition does not help.
    Required,
    /// A prompt may set it.
    Optional,
    /// The server sets it.
    Hidden,
}

/// What the type of an input means to a prompt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum InputKind {
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// A text.
    Text,
    /// A truth value.
    Boolean,
    /// One of a list of choices; see [`InputSpec::choices`].
    Combo(Combo),
    /// One of a list of choices, each of which brings inputs of its own under `name.`.
    DynamicCombo(Vec<DynamicOption>),
    /// A growing group of inputs under `name.`.
    Autogrow(Autogrow),
    /// A socket that brings inputs of its own under `name.` when it is set.
    DynamicSlot(Vec<InputSpec>),
    /// A socket whose type is that of all others with the same template.
    MatchType(MatchType),
    /// Any other type: one name, several joined by commas, or `*`.
    Socket,
}

/// How a combo is spelled and used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Combo {
    /// Whether the type is the list of choices itself (the older spelling).
    pub listed_as_type: bool,
    /// Whether several choices may be set at once.
    pub multiselect: bool,
}

/// One choice of a dynamic combo.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DynamicOption {
    /// The value that selects it; a string in every known class.
    pub key: Json,
    /// The inputs it brings: required, then optional.
    pub inputs: Vec<InputSpec>,
}

/// A growing group of inputs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Autogrow {
    /// The last parts of the keys, in order: `image0`, `image1`, … or given names.
    pub slots: Vec<Name>,
    /// How many of the first slots a prompt must set, when the template is required.
    pub min: usize,
    /// What each slot is like.
    pub template: Box<InputSpec>,
}

/// A type that is settled by what is linked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MatchType {
    /// Inputs and outputs of a node with the same template have the same type.
    pub template: Name,
    /// The types that may be linked: names joined by commas, or `*`.
    pub allowed: Name,
}

impl InputSpec {
    /// The type, when it is a string and not a list of choices.
    pub fn type_name(&self) -> Option<&str> {
        self.type_json.as_str()
    }

    /// The choices of a combo in either spelling; none for other types and for a combo that
    /// declares none (a remote one).
    pub fn choices(&self) -> Option<&[Json]> {
        match self.kind {
            InputKind::Combo(Combo { listed_as_type: true, .. }) => self.type_json.as_array(),
            InputKind::Combo(_) => self.options.get("options")?.as_array(),
            InputKind::Int
            | InputKind::Float
            | InputKind::Text
            | InputKind::Boolean
            | InputKind::DynamicCombo(_)
            | InputKind::Autogrow(_)
            | InputKind::DynamicSlot(_)
            | InputKind::MatchType(_)
            | InputKind::Socket => None,
        }
    }

    /// Whether it brings other inputs according to what a prompt sets.
    pub fn is_dynamic(&self) -> bool {
        matches!(
            self.kind,
            InputKind::DynamicCombo(_) | InputKind::Autogrow(_) | InputKind::DynamicSlot(_)
        )
    }

    /// The declared default. A server never fills it in; clients do.
    pub fn default_value(&self) -> Option<&Json> {
        self.options.get("default")
    }

    /// Whether an option is there and is `true`: `forceInput`, `socketless`, `multiline`, …
    pub fn flag(&self, option: &str) -> bool {
        self.options.get(option).and_then(Json::as_bool).unwrap_or(false)
    }

    /// One option as a text: `display_name`, `tooltip`, `widgetType`, …
    pub fn text(&self, option: &str) -> Option<&str> {
        self.options.get(option)?.as_str()
    }
}
