//! The inputs and widgets of a node in a graph. Nearly every node is as its class makes it but
//! for its links and saved values, and keeps only these.

use std::{borrow::Cow, ops::Deref, rc::Rc};

use super::{
    body::Body,
    scene::{Held, Promoted, Slot, Socket, Value},
    widget::Field,
};
use crate::{json::Json, ui::LinkId};

pub(super) enum Filled<'a> {
    Plain(Plain<'a>),
    /// Of a node that has inputs or widgets of its own, or was changed.
    Own(Box<Body<'a>>),
}

/// A node as it is made, with links and values.
pub(super) struct Plain<'a> {
    made: Rc<Body<'a>>,
    /// The inputs that are linked, in order.
    links: Box<[(usize, LinkId)]>,
    /// The values of the saved widgets, as far as the file has them.
    values: &'a [Json],
}

/// One input of a node, as it is read.
#[derive(Clone, Copy)]
pub(super) struct Input<'b, 'a> {
    pub(super) link: Option<LinkId>,
    pub(super) promoted: Option<&'b Promoted<'a>>,
    pub(super) socket: &'b Socket<'a>,
}

/// One widget of a node, as it is read.
#[derive(Clone)]
pub(super) struct Setting<'b, 'a> {
    pub(super) value: Cow<'b, Value<'a>>,
    pub(super) field: &'b Field<'a>,
}

impl<'a> Plain<'a> {
    /// A node that is made as `made`, whose inputs and widgets never change by what is set. The
    /// links are in the order of the inputs.
    pub(super) fn new(
        made: &Rc<Body<'a>>,
        links: Vec<(usize, LinkId)>,
        values: &'a [Json],
    ) -> Self {
        Self { made: Rc::clone(made), links: links.into_boxed_slice(), values }
    }

    fn link(&self, at: usize) -> Option<LinkId> {
        let found = self.links.binary_search_by_key(&at, |(own, _)| *own).ok()?;
        self.links.get(found).map(|(_, link)| *link)
    }

    fn to_body(&self) -> Body<'a> {
        let mut body = Body::clone(&self.made);
        for (at, link) in &self.links {
            if let Some(slot) = body.inputs.get_mut(*at) {
                slot.link = Some(*link);
            }
        }
        body.set_listed(self.values);
        body
    }
}

impl<'a> Filled<'a> {
    /// What the node has as its own, so that it can be changed.
    pub(super) fn own(&mut self) -> &mut Body<'a> {
        if let Self::Plain(plain) = self {
            *self = Self::from(plain.to_body());
        }
        match self {
            Self::Own(body) => body,
            // No longer the case here, which only the compiler does not see.
            Self::Plain(plain) => Rc::make_mut(&mut plain.made),
        }
    }

    fn shape(&self) -> &Body<'a> {
        match self {
            Self::Plain(plain) => &plain.made,
            Self::Own(body) => body,
        }
    }

    pub(super) fn input(&self, at: usize) -> Option<Input<'_, 'a>> {
        let slot = self.shape().inputs.get(at)?;
        let link = match self {
            Self::Plain(plain) => plain.link(at),
            Self::Own(_) => slot.link,
        };
        Some(Input { link, ..Input::from(slot) })
    }

    pub(super) fn inputs(&self) -> impl Iterator<Item = Input<'_, 'a>> {
        (0..self.input_count()).filter_map(|at| self.input(at))
    }

    pub(super) fn input_count(&self) -> usize {
        self.shape().inputs.len()
    }

    /// The inputs that are linked, in order.
    pub(super) fn links(&self) -> impl Iterator<Item = (usize, LinkId)> {
        let (links, slots): (&[_], &[Slot<'a>]) = match self {
            Self::Plain(plain) => (&plain.links, &[]),
            Self::Own(body) => (&[], &body.inputs),
        };
        let own = slots.iter().enumerate().filter_map(|(at, slot)| Some((at, slot.link?)));
        links.iter().copied().chain(own)
    }

    pub(super) fn widgets(&self) -> impl Iterator<Item = Setting<'_, 'a>> {
        let mut values = match self {
            Self::Plain(plain) => plain.values.iter(),
            Self::Own(_) => [].iter(),
        };
        self.shape().widgets.iter().map(move |widget| {
            let saved = if widget.saved { values.next() } else { None };
            let value = match saved {
                Some(json) => Cow::Owned(Some(Held::Saved(json))),
                None => Cow::Borrowed(&widget.value),
            };
            Setting { value, field: widget.field() }
        })
    }

    pub(super) fn widget(&self, name: &str) -> Option<Setting<'_, 'a>> {
        self.widgets().find(|widget| widget.name == name)
    }

    pub(super) fn widget_position(&self, name: &str) -> Option<usize> {
        self.shape().widget_position(name)
    }

    /// Whether the input at a place is there for a widget which is no more.
    pub(super) fn is_widgetless(&self, at: usize) -> bool {
        let Self::Own(body) = self else { return false };
        body.inputs.get(at).is_some_and(|slot| body.is_widgetless(slot))
    }
}

impl<'a> From<Body<'a>> for Filled<'a> {
    fn from(body: Body<'a>) -> Self {
        Self::Own(Box::new(body))
    }
}

impl<'b, 'a> From<&'b Slot<'a>> for Input<'b, 'a> {
    fn from(slot: &'b Slot<'a>) -> Self {
        Self { link: slot.link, promoted: slot.promoted.as_deref(), socket: &slot.socket }
    }
}

impl<'a> Deref for Input<'_, 'a> {
    type Target = Socket<'a>;

    fn deref(&self) -> &Socket<'a> {
        self.socket
    }
}

impl<'a> Deref for Setting<'_, 'a> {
    type Target = Field<'a>;

    fn deref(&self) -> &Field<'a> {
        self.field
    }
}
