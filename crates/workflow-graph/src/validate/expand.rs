//! The inputs a class declares for one prompt: dynamic inputs bring others, under dotted keys,
//! according to what the prompt sets.

use std::borrow::Cow;

use super::{Profile, python};
use crate::{
    catalog::{Autogrow, Category, Generation, InputKind, InputSpec, NodeClass},
    json::Json,
};

/// One input as a prompt sets it.
#[derive(Clone, Debug)]
pub(crate) struct Declared<'a> {
    /// The full key, such as `resize_type.width`.
    pub(crate) key: Cow<'a, str>,
    pub(crate) category: Category,
    pub(crate) spec: &'a InputSpec,
}

/// All inputs of a class for one prompt.
#[derive(Debug)]
pub(crate) enum Plan<'a> {
    /// The class has none that depend on the prompt.
    Plain(&'a [InputSpec]),
    /// The dynamic ones are resolved.
    Expanded {
        inputs: Vec<Declared<'a>>,
        /// Whether a dynamic input took part: then messages name only the last part of a key.
        nested: bool,
    },
}

impl<'a> Plan<'a> {
    pub(crate) fn of(class: &'a NodeClass, inputs: Option<&Json>, profile: Profile) -> Self {
        if class.generation == Generation::V1 || !class.inputs.iter().any(InputSpec::is_dynamic) {
            return Self::Plain(&class.inputs);
        }
        let mut expansion = Expansion { live: inputs, profile, inputs: Vec::new(), nested: false };
        expansion.add_all(&class.inputs, "");
        expansion.inputs.sort_by_key(|declared| declared.category);
        Self::Expanded { inputs: expansion.inputs, nested: expansion.nested }
    }

    /// The input at a place; hidden ones, which stand last, are not the prompt's.
    pub(crate) fn get(&self, at: usize) -> Option<Declared<'a>> {
        match self {
            Self::Plain(specs) => {
                let spec: &'a InputSpec = specs.get(at)?;
                let key = Cow::Borrowed(spec.name.as_str());
                let declared = Declared { key, category: spec.category, spec };
                (spec.category != Category::Hidden).then_some(declared)
            }
            Self::Expanded { inputs, .. } => inputs.get(at).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Declared<'a>> {
        (0..).map_while(|at| self.get(at))
    }

    pub(crate) fn find(&self, key: &str) -> Option<Declared<'a>> {
        match self {
            Self::Plain(specs) => {
                let at = specs.iter().position(|spec| spec.name == *key)?;
                self.get(at)
            }
            Self::Expanded { inputs, .. } => {
                inputs.iter().find(|declared| declared.key == key).cloned()
            }
        }
    }

    pub(crate) fn is_nested(&self) -> bool {
        matches!(self, Self::Expanded { nested: true, .. })
    }
}

struct Expansion<'a, 'b> {
    live: Option<&'b Json>,
    profile: Profile,
    inputs: Vec<Declared<'a>>,
    nested: bool,
}

impl<'a> Expansion<'a, '_> {
    fn add_all(&mut self, specs: &'a [InputSpec], prefix: &str) {
        for spec in specs.iter().filter(|spec| spec.category != Category::Hidden) {
            self.add(spec, spec.category, prefix);
        }
    }

    fn add(&mut self, spec: &'a InputSpec, category: Category, prefix: &str) {
        let key = if prefix.is_empty() {
            Cow::Borrowed(spec.name.as_str())
        } else {
            Cow::Owned(format!("{prefix}.{}", spec.name))
        };
        match &spec.kind {
            InputKind::DynamicCombo(options) => {
                let Some(selected) = self.value(&key) else { return };
                let option = options.iter().find(|option| python::equal(&option.key, selected));
                if let Some(option) = option {
                    self.nested = true;
                    self.add_all(&option.inputs, &key);
                    self.inputs.push(Declared { key, category, spec });
                }
            }
            InputKind::DynamicSlot(nested) => {
                if self.value(&key).is_some() {
                    self.nested = true;
                    self.add_all(nested, &key);
                    self.inputs.push(Declared { key, category, spec });
                }
            }
            InputKind::Autogrow(autogrow) => self.add_slots(autogrow, &key),
            InputKind::Int
            | InputKind::Float
            | InputKind::Text
            | InputKind::Boolean
            | InputKind::Combo(_)
            | InputKind::MatchType(_)
            | InputKind::Socket => {
                self.nested |= !prefix.is_empty();
                self.inputs.push(Declared { key, category, spec });
            }
        }
    }

    /// The group itself is no input, and its own category does not count.
    fn add_slots(&mut self, autogrow: &'a Autogrow, prefix: &str) {
        let template = &*autogrow.template;
        let required = match self.profile {
            Profile::V0_8 => 0,
            Profile::V0_33 if template.category == Category::Required => autogrow.min,
            Profile::V0_33 => 0,
        };
        self.nested |= self.profile == Profile::V0_33;
        for slot in autogrow.slots.iter().take(required) {
            let key = Cow::Owned(format!("{prefix}.{slot}"));
            self.inputs.push(Declared { key, category: Category::Required, spec: template });
        }
        // Going over what the prompt sets is cheaper than over the hundred slots there may be.
        let live = self.live.and_then(Json::as_object).into_iter().flatten();
        for (key, _) in live {
            let slot = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.'));
            let known = slot
                .is_some_and(|slot| autogrow.slots.iter().skip(required).any(|name| name == slot));
            if known {
                self.nested = true;
                let key = Cow::Owned(key.to_string());
                self.inputs.push(Declared { key, category: Category::Optional, spec: template });
            }
        }
    }

    fn value(&self, key: &str) -> Option<&Json> {
        self.live?.get(key)
    }
}
