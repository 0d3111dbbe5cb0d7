//! A node of a class to be filled in: what `lift` needs of the front end's ways.

use std::borrow::Cow;

use super::{
    body::Body,
    class_node,
    scene::Slot,
    settle::first_choice,
    text,
    widget::{Widget, WidgetKind},
};
use crate::{
    catalog::NodeClass,
    json::{Json, Object},
    ui::LinkId,
};

/// A node of a class as the front end makes it, to be filled with values and links.
pub(crate) struct NodeForm<'a> {
    body: Body<'a>,
}

/// One input slot of a form.
pub(crate) struct FormSlot<'f> {
    pub(crate) name: &'f str,
    pub(crate) type_name: &'f str,
    pub(crate) link: Option<LinkId>,
    pub(crate) widget: Option<&'f str>,
}

/// One value of a form.
pub(crate) struct FormValue<'f> {
    pub(crate) name: &'f str,
    /// The value as a file has it.
    pub(crate) saved: Json,
    /// Whether a prompt gets it.
    pub(crate) is_sent: bool,
    /// Whether a prompt gets another text, since no file can hold this one.
    pub(crate) is_changed: bool,
    /// What a prompt gets instead, since the value is `null` and there are choices.
    pub(crate) chosen: Option<Json>,
}

impl<'a> NodeForm<'a> {
    pub(crate) fn new(class: &'a NodeClass) -> Self {
        Self { body: class_node::new_body(class) }
    }

    /// Sets widgets by name; a choice brings its widgets before they are set.
    pub(crate) fn set(&mut self, values: &'a Object) {
        self.body.set_named(values);
    }

    /// Whether a prompt gets a value under this name from a widget of the node.
    pub(crate) fn sends(&self, name: &str) -> bool {
        self.body.widget(name).is_some_and(|widget| widget.sent)
    }

    /// Ends links in the inputs they name. Growing groups grow as they are linked; what is still
    /// without an input then gets one of its own, as in files of custom nodes. The answer is the
    /// links that even so have no end: the front end makes the inputs behind a dynamic combo anew
    /// whenever it loads a file, and no slot of a group there can follow one that is not linked.
    pub(crate) fn link(&mut self, links: &[(&'a str, LinkId)]) -> Vec<(&'a str, LinkId)> {
        let mut waiting: Vec<(&'a str, LinkId)> = links.to_vec();
        // Two passes: a slot given before the one that makes it grow is there in the second.
        for _ in 0..2 {
            waiting.retain(|(name, link)| !self.link_one(name, *link));
        }
        let (lost, kept): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(name, _)| self.is_behind_combo(name));
        for (name, link) in kept {
            let slot = Slot::new(Cow::Borrowed(name), Cow::Borrowed("*"));
            self.body.inputs.push(Slot { link: Some(link), ..slot });
        }
        lost
    }

    fn is_behind_combo(&self, name: &str) -> bool {
        self.body.widgets.iter().any(|widget| {
            matches!(widget.kind, WidgetKind::DynamicCombo(_))
                && name.strip_prefix(&*widget.name).is_some_and(|rest| rest.starts_with('.'))
        })
    }

    fn link_one(&mut self, name: &str, link: LinkId) -> bool {
        let Some(at) = self.body.inputs.iter().position(|slot| slot.name == name) else {
            return false;
        };
        if let Some(slot) = self.body.inputs.get_mut(at) {
            slot.link = Some(link);
        }
        self.body.linked(at);
        true
    }

    /// The input slots in order.
    pub(crate) fn slots(&self) -> impl Iterator<Item = FormSlot<'_>> {
        self.body.inputs.iter().map(|slot| FormSlot {
            name: &slot.name,
            type_name: &slot.type_name,
            link: slot.link,
            widget: slot.widget.as_deref(),
        })
    }

    /// The values in the order of a file. What would change a seed after each run is off.
    pub(crate) fn values(&self) -> impl Iterator<Item = FormValue<'_>> {
        let widgets = self.body.widgets.iter().enumerate();
        widgets.filter(|(_, widget)| widget.saved).map(|(at, widget)| {
            let held = widget.value.as_deref();
            let mut value = FormValue {
                name: &widget.name,
                saved: held.cloned().unwrap_or_default(),
                is_sent: widget.sent,
                is_changed: false,
                chosen: first_choice(&self.body.widgets, at).map(|first| (*first).clone()),
            };
            if widget.name == "control_after_generate" {
                value.saved = Json::from("fixed");
            } else if let WidgetKind::Text { dynamic: true, .. } = widget.kind
                && let Some(Json::String(prompt)) = held
                && text::has_choices(prompt)
            {
                let protected = text::protected(prompt);
                value.is_changed = protected.is_none();
                value.saved = protected.map_or(value.saved, Json::from);
            }
            value
        })
    }

    /// How many widgets it has.
    pub(crate) fn widgets(&self) -> u32 {
        u32::try_from(self.body.widgets.len()).unwrap_or(u32::MAX)
    }

    /// How many of its widgets are fields of text.
    pub(crate) fn areas(&self) -> u32 {
        let is_area =
            |widget: &&Widget<'_>| matches!(widget.kind, WidgetKind::Text { area: true, .. });
        u32::try_from(self.body.widgets.iter().filter(is_area).count()).unwrap_or(u32::MAX)
    }
}
