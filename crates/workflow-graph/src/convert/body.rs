//! The inputs and widgets of a node, which grow and change with what is linked and chosen.

use std::borrow::Cow;

use super::{
    scene::{Held, Slot, Value},
    widget::{self, Widget, WidgetKind, has_widget, slot_type, truthy},
};
use crate::{
    catalog::{Autogrow, InputKind, InputSpec},
    json::Json,
    ui::{LinkId, Text, id_text},
};

/// The inputs and widgets of one node, in the front end's order. The order matters: values are
/// saved by position, and a bypassed node passes on the first input that fits.
#[derive(Clone, Default)]
pub(super) struct Body<'a> {
    pub(super) inputs: Vec<Slot<'a>>,
    pub(super) widgets: Vec<Widget<'a>>,
    /// What few nodes have; all others stay small without it.
    changing: Option<Box<Changing<'a>>>,
}

/// What a node whose inputs come and go keeps of them.
#[derive(Clone, Default)]
struct Changing<'a> {
    growths: Vec<Growth<'a>>,
    /// Links that ended in inputs which are gone.
    dropped: Vec<LinkId>,
    /// From where on inputs are no longer where they were.
    moved_from: Option<usize>,
}

/// A growing group of inputs under `group.`.
#[derive(Clone)]
struct Growth<'a> {
    group: Text<'a>,
    spec: &'a Autogrow,
}

impl<'a> Body<'a> {
    /// Adds the socket of an input, if it is one.
    pub(super) fn add_socket(&mut self, spec: &'a InputSpec, name: &Text<'a>) {
        if has_widget(spec) {
            return;
        }
        if let InputKind::Autogrow(autogrow) = &spec.kind {
            self.add_growth(name, autogrow);
        } else {
            self.inputs.push(Slot::new(name.clone(), Cow::Borrowed(slot_type(spec))));
        }
    }

    /// Adds the widget of an input, if it has one, and the socket that can replace it.
    pub(super) fn add_widget(&mut self, spec: &'a InputSpec, name: &Text<'a>, at_birth: bool) {
        if !has_widget(spec) {
            return;
        }
        let at = self.widgets.len();
        self.widgets.extend(widget::widgets(spec, name, at_birth));
        if matches!(spec.kind, InputKind::DynamicCombo(_)) {
            self.choose(at, at_birth);
        }
        self.inputs.push(Slot::of_widget(name.clone(), Cow::Borrowed(slot_type(spec))));
    }

    fn add_growth(&mut self, group: &Text<'a>, spec: &'a Autogrow) {
        let growth = Growth { group: group.clone(), spec };
        let growths = &mut self.changing().growths;
        growths.retain(|growth| growth.group != *group);
        growths.push(growth.clone());
        for ordinal in 0..=spec.min {
            self.grow(&growth, ordinal);
        }
    }

    /// Makes one slot of a growing group, behind the slot before it. A slot of that name that
    /// is there already moves to its place with its link.
    fn grow(&mut self, growth: &Growth<'a>, ordinal: usize) {
        let Growth { group, spec } = growth;
        let full = |ordinal: usize| Some(format!("{group}.{}", spec.slots.get(ordinal)?));
        let Some(name) = full(ordinal) else { return };
        let mut slot = Slot::new(Cow::Owned(name), Cow::Borrowed(slot_type(&spec.template)));
        if has_widget(&spec.template) {
            self.widgets.extend(widget::widgets(&spec.template, &slot.name, false));
            slot.set_widget(true);
        }
        self.inputs.retain(|old| {
            let replaced = old.name == slot.name;
            if replaced && slot.link.is_none() {
                slot.link = old.link;
            }
            !replaced
        });
        let before = ordinal.checked_sub(1).and_then(full);
        let last = before
            .and_then(|before| self.inputs.iter().rposition(|slot| slot.name.starts_with(&before)));
        let at = last.map_or(self.inputs.len(), |last| last + 1);
        self.moved(at);
        self.inputs.insert(at, slot);
    }

    /// Lets a growing group grow when the input at `at` is linked.
    pub(super) fn linked(&mut self, at: usize) {
        let Some(changing) = &self.changing else { return };
        let Some(slot) = self.inputs.get(at) else { return };
        let Some((group, name)) = slot.name.rsplit_once('.') else { return };
        let growth = changing.growths.iter().find(|growth| growth.group == group);
        let Some(growth) = growth else { return };
        let ordinal = growth.spec.slots.iter().position(|slot| *slot == name);
        let growth = growth.clone();
        if let Some(ordinal) = ordinal {
            self.grow(&growth, ordinal + 1);
        }
    }

    /// Whether an input belongs to a growing group; such inputs stay, whatever a file says.
    pub(super) fn is_grown(&self, slot: &Slot<'a>) -> bool {
        let (Some(changing), Some((group, _))) = (&self.changing, slot.name.rsplit_once('.'))
        else {
            return false;
        };
        changing.growths.iter().any(|growth| growth.group == group)
    }

    /// Whether an input is there for a widget which is no more.
    pub(super) fn is_widgetless(&self, slot: &Slot<'a>) -> bool {
        let is_missing = |name: &str| self.widget(name).is_none();
        slot.widget.as_deref().is_some_and(is_missing) && !self.is_grown(slot)
    }

    /// Whether it is worth looking for such inputs in a node that was filled: it has inputs for
    /// widgets that `made` has not, or its inputs come and go.
    pub(super) fn may_have_widgetless(&self, made: &Self) -> bool {
        let mut extra = self.inputs.iter().skip(made.inputs.len());
        self.changing.is_some() || extra.any(|slot| slot.widget.is_some())
    }

    /// Whether the same inputs and widgets are there whatever is linked and set to a value, each
    /// under a name of its own.
    pub(super) fn is_fixed(&self) -> bool {
        let is_fixed = |widget: &Widget<'a>| {
            let brings_others = matches!(
                widget.kind,
                WidgetKind::DynamicCombo(_) | WidgetKind::CustomIndex | WidgetKind::CustomOption
            );
            !brings_others && widget.value.as_deref().is_some_and(|value| !value.is_null())
        };
        let is_first = |(at, slot): (usize, &Slot<'a>)| {
            self.inputs.iter().position(|other| other.name == slot.name) == Some(at)
        };
        self.changing.is_none()
            && self.widgets.iter().all(is_fixed)
            && self.inputs.iter().enumerate().all(is_first)
    }

    pub(super) fn widget(&self, name: &str) -> Option<&Widget<'a>> {
        self.widgets.iter().find(|widget| widget.name == name)
    }

    pub(super) fn widget_position(&self, name: &str) -> Option<usize> {
        self.widgets.iter().position(|widget| widget.name == name)
    }

    /// Sets the widget at `at`, and what follows from it.
    pub(super) fn set(&mut self, at: usize, value: Value<'a>) {
        let Some(widget) = self.widgets.get_mut(at) else { return };
        widget.set(value);
        if let WidgetKind::DynamicCombo(_) = widget.kind {
            self.choose(at, false);
        } else if let WidgetKind::CustomOption = widget.kind {
            self.custom_option(at);
        }
    }

    /// Sets saved values in order. Setting one can add widgets behind it, which are next.
    pub(super) fn set_listed(&mut self, values: impl IntoIterator<Item = &'a Json>) {
        let mut values = values.into_iter();
        let mut at = 0;
        while let Some(widget) = self.widgets.get(at) {
            if widget.saved {
                let Some(value) = values.next() else { break };
                self.set(at, Some(Held::Saved(value)));
            }
            at += 1;
        }
    }

    /// Sets saved values by name.
    pub(super) fn set_named(&mut self, values: &'a crate::json::Object) {
        let mut at = 0;
        while let Some(widget) = self.widgets.get(at) {
            if widget.saved
                && let Some(value) = values.get(&widget.name)
            {
                self.set(at, Some(Held::Saved(value)));
            }
            at += 1;
        }
    }

    /// Puts the widgets and inputs of the chosen option in the place of those of the one before,
    /// behind the dynamic combo. Links to inputs of the same name stay.
    fn choose(&mut self, at: usize, at_birth: bool) {
        let Some(combo) = self.widgets.get(at) else { return };
        let WidgetKind::DynamicCombo(options) = combo.kind else { return };
        let name = combo.name.clone();
        let chosen = combo.value.as_deref().filter(|value| truthy(Some(value)));
        let chosen = chosen.and_then(|value| {
            let key = id_text(value)?;
            options.iter().find(|option| id_text(&option.key).is_some_and(|own| own == key))
        });
        let prefix = format!("{name}.");
        let removed = self.remove_group(&prefix);
        let Some(option) = chosen else { return };
        let (first_widget, first_input) = (self.widgets.len(), self.inputs.len());
        for spec in &option.inputs {
            let name = Cow::Owned(format!("{prefix}{}", spec.name));
            self.add_socket(spec, &name);
            self.add_widget(spec, &name, at_birth);
        }
        let added = self.widgets.split_off(first_widget);
        // Widgets in front of the combo can be of its own group only when names are odd.
        let at = self.widget_position(&name).map_or(self.widgets.len(), |at| at + 1);
        self.widgets.splice(at..at, added);
        let Some(own) = self.inputs.iter().position(|slot| slot.name == name) else { return };
        let added = self.inputs.split_off(first_input);
        let behind = own + 1;
        self.moved(behind);
        self.inputs.splice(behind..behind, added);
        for slot in removed {
            self.relink(&slot);
        }
    }

    fn relink(&mut self, removed: &Slot<'a>) {
        match self.inputs.iter().position(|slot| slot.name == removed.name) {
            Some(at) => {
                if let Some(slot) = self.inputs.get_mut(at) {
                    slot.link = removed.link;
                }
                if removed.link.is_some() {
                    self.linked(at);
                }
            }
            None => self.changing().dropped.extend(removed.link),
        }
    }

    fn remove_group(&mut self, prefix: &str) -> Vec<Slot<'a>> {
        self.widgets.retain(|widget| !widget.name.starts_with(prefix));
        let (removed, kept) = std::mem::take(&mut self.inputs)
            .into_iter()
            .partition(|slot: &Slot<'a>| slot.name.starts_with(prefix));
        self.inputs = kept;
        removed
    }

    /// The widgets that the front end adds to a `CustomCombo`.
    pub(super) fn add_custom_options(&mut self) {
        let index = Widget::new(Cow::Borrowed("index"), None, WidgetKind::CustomIndex);
        self.widgets.push(index);
        self.add_custom_option();
    }

    fn add_custom_option(&mut self) {
        let name = Cow::Owned(format!("option{}", self.widgets.len().saturating_sub(1)));
        let empty = Some(Held::from(Json::from("")));
        self.widgets.push(Widget::new(name, empty, WidgetKind::CustomOption));
    }

    /// There is always one empty option behind the last one that is set.
    fn custom_option(&mut self, at: usize) {
        let set =
            |widget: Option<&Widget<'a>>| truthy(widget.and_then(|widget| widget.value.as_deref()));
        let last = self.widgets.len().saturating_sub(1);
        if at == last {
            if set(self.widgets.last()) {
                self.add_custom_option();
            }
        } else if at + 1 == last && !set(self.widgets.get(at)) && !set(self.widgets.last()) {
            self.widgets.pop();
        }
    }

    fn changing(&mut self) -> &mut Changing<'a> {
        self.changing.get_or_insert_default()
    }

    /// The links that were dropped and from where on inputs have moved, since this was asked last.
    pub(super) fn take_changes(&mut self) -> (Vec<LinkId>, Option<usize>) {
        let Some(changing) = &mut self.changing else { return Default::default() };
        (std::mem::take(&mut changing.dropped), changing.moved_from.take())
    }

    fn moved(&mut self, from: usize) {
        let moved_from = &mut self.changing().moved_from;
        *moved_from = Some(moved_from.map_or(from, |before| before.min(from)));
    }
}

impl<'a> FromIterator<Slot<'a>> for Body<'a> {
    fn from_iter<T: IntoIterator<Item = Slot<'a>>>(slots: T) -> Self {
        Self { inputs: slots.into_iter().collect(), ..Self::default() }
    }
}
