//! Widgets: which inputs have one, what it holds at first, and what becomes of a value.

use std::{borrow::Cow, cmp::Ordering, ops::Deref, rc::Rc};

use super::scene::{Choices, Held, Value};
use crate::{
    catalog::{DynamicOption, InputKind, InputSpec},
    json::{self, Json},
    ui::Text,
};

/// One widget of a node.
#[derive(Clone, Debug)]
pub(super) struct Widget<'a> {
    pub(super) value: Value<'a>,
    /// What the widget is, shared by all nodes of a class.
    field: Rc<Field<'a>>,
}

#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    pub(super) name: Text<'a>,
    /// The same as the name of a member of a prompt.
    pub(super) member: json::Name,
    /// Whether it has a place in `widgets_values`.
    pub(super) saved: bool,
    /// Whether its value goes into a prompt.
    pub(super) sent: bool,
    pub(super) kind: WidgetKind<'a>,
}

/// What sets a widget apart when it is set or sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum WidgetKind<'a> {
    Int(&'a InputSpec),
    Float(&'a InputSpec),
    Combo(Choices<'a>),
    /// A combo whose choice brings widgets and inputs of its own.
    DynamicCombo(&'a [DynamicOption]),
    Text {
        /// Several lines; such a widget is never `null`.
        area: bool,
        /// Whether comments and `{a|b}` are resolved when it is sent.
        dynamic: bool,
    },
    Curve,
    /// Which of the options of a `CustomCombo` is chosen, counted by the front end.
    CustomIndex,
    /// One option of a `CustomCombo`; setting the last one adds another.
    CustomOption,
    /// Made when the prompt is sent.
    Capture(&'static str),
    Other,
}

/// The types that the front end has a widget for.
const WIDGET_TYPES: [&str; 28] = [
    "AUDIOUPLOAD",
    "AUDIO_RECORD",
    "AUDIO_UI",
    "BOOLEAN",
    "BOUNDING_BOX",
    "BOUNDING_BOXES",
    "CHART",
    "COLOR",
    "COLORS",
    "COMBO",
    "COMFY_DYNAMICCOMBO_V3",
    "COMPOSITOR",
    "CURVE",
    "FLOAT",
    "GALLERIA",
    "IMAGECOMPARE",
    "IMAGEUPLOAD",
    "INT",
    "LOAD_3D",
    "LOAD_3D_ADVANCED",
    "MARKDOWN",
    "PAINTER",
    "PREVIEW_3D",
    "RANGE",
    "STRING",
    "TEXTAREA",
    "VIDEO_EDIT",
    "WEBCAM",
];

/// The type whose widget an input shows; a list of choices is a combo.
pub(super) fn widget_type(spec: &InputSpec) -> &str {
    match spec.text("widgetType") {
        Some(shown) => shown,
        None => slot_type(spec),
    }
}

/// The type of the socket of an input; where types have to match, all that are allowed.
pub(super) fn slot_type(spec: &InputSpec) -> &str {
    if let InputKind::Combo(_) = spec.kind {
        return "COMBO";
    }
    if let InputKind::MatchType(match_type) = &spec.kind {
        return &match_type.allowed;
    }
    spec.type_name().unwrap_or("*")
}

/// Whether an input has a widget; `forceInput` makes it a socket.
pub(super) fn has_widget(spec: &InputSpec) -> bool {
    is_widget_type(widget_type(spec)) && !truthy(spec.options.get("forceInput"))
}

pub(super) fn is_widget_type(type_name: &str) -> bool {
    WIDGET_TYPES.binary_search(&type_name).is_ok()
}

/// What JavaScript takes for true.
pub(super) fn truthy(json: Option<&Json>) -> bool {
    match json {
        None | Some(Json::Null) => false,
        Some(Json::Bool(value)) => *value,
        Some(Json::Number(number)) => {
            let value = number.as_f64();
            value != 0.0 && !value.is_nan()
        }
        Some(Json::String(text)) => !text.is_empty(),
        Some(Json::Array(_) | Json::Object(_)) => true,
    }
}

/// Equal as JavaScript's `===` has it, except that lists and objects are equal by content.
pub(super) fn same(one: Option<&Json>, other: Option<&Json>) -> bool {
    match (one, other) {
        (Some(Json::Number(one)), Some(Json::Number(other))) => {
            one == other || one.as_f64().partial_cmp(&other.as_f64()) == Some(Ordering::Equal)
        }
        _ => one == other,
    }
}

impl<'a> Deref for Widget<'a> {
    type Target = Field<'a>;

    fn deref(&self) -> &Field<'a> {
        &self.field
    }
}

impl<'a> Widget<'a> {
    pub(super) fn new(name: Text<'a>, value: Value<'a>, kind: WidgetKind<'a>) -> Self {
        let member = json::Name::from(&*name);
        Self { value, field: Rc::new(Field { name, member, saved: true, sent: true, kind }) }
    }

    /// A widget that a file has a value for and a prompt has not: buttons and modes.
    pub(super) fn companion(name: &'static str, value: Json) -> Self {
        let own = Self::new(Cow::Borrowed(name), Some(Held::from(value)), WidgetKind::Other);
        own.unsent()
    }

    /// The same without a place in a file.
    pub(super) fn unsaved(mut self) -> Self {
        Rc::make_mut(&mut self.field).saved = false;
        self
    }

    fn unsent(mut self) -> Self {
        Rc::make_mut(&mut self.field).sent = false;
        self
    }

    /// The same with a place in a prompt.
    pub(super) fn sent(mut self) -> Self {
        Rc::make_mut(&mut self.field).sent = true;
        self
    }

    /// Sets the value alone, as it was saved.
    pub(super) fn set(&mut self, value: Value<'a>) {
        let empty = value.as_deref().is_none_or(Json::is_null);
        if let WidgetKind::Text { area: true, .. } = self.kind
            && empty
        {
            self.value = Some(Held::from(Json::from("")));
        } else if !matches!(self.kind, WidgetKind::CustomIndex) {
            self.value = value;
        }
    }

    pub(super) fn field(&self) -> &Field<'a> {
        &self.field
    }
}

impl<'a> Field<'a> {
    /// The choices, of a combo.
    pub(super) fn choices(&self) -> Option<Choices<'a>> {
        if let WidgetKind::DynamicCombo(options) = self.kind {
            return Some(Choices::Keyed(options));
        }
        if let WidgetKind::Combo(choices) = self.kind { Some(choices) } else { None }
    }
}

/// The widgets of one input, in order: its own, then its companions. `at_birth` is false for
/// widgets that a dynamic combo brings later; the front end resolves no dynamic prompts in those.
pub(super) fn widgets<'a>(spec: &'a InputSpec, name: &Text<'a>, at_birth: bool) -> Vec<Widget<'a>> {
    let default = spec.default_value().filter(|value| !value.is_null());
    let own = |value: Value<'a>, kind| Widget::new(name.clone(), value, kind);
    let or = |fallback: Json| Some(default.map_or_else(|| Held::from(fallback), Held::Saved));
    let text = |area| {
        let dynamic = at_birth && spec.flag("dynamicPrompts");
        own(or(Json::from("")), WidgetKind::Text { area, dynamic })
    };
    match widget_type(spec) {
        "INT" => {
            let control = match spec.options.get("control_after_generate") {
                None | Some(Json::Null) => matches!(&**name, "seed" | "noise_seed"),
                set => truthy(set),
            };
            let mut widgets = vec![own(or(Json::from(0_u64)), WidgetKind::Int(spec))];
            widgets.extend(control.then(|| control_widget(spec, "randomize")));
            widgets
        }
        "FLOAT" => {
            let control = truthy(spec.options.get("control_after_generate"));
            let mut widgets = vec![own(or(Json::from(0_u64)), WidgetKind::Float(spec))];
            widgets.extend(control.then(|| control_widget(spec, "fixed")));
            widgets
        }
        "COMBO" => combo(spec, name),
        "COMFY_DYNAMICCOMBO_V3" => {
            let InputKind::DynamicCombo(options) = &spec.kind else { return Vec::new() };
            let value = options.first().map(|option| Held::Saved(&option.key));
            vec![own(value, WidgetKind::DynamicCombo(options))]
        }
        "STRING" => vec![text(spec.flag("multiline"))],
        "MARKDOWN" => vec![text(true)],
        "TEXTAREA" => vec![own(or(Json::from("")), WidgetKind::Other)],
        "BOOLEAN" => vec![own(or(Json::from(false)), WidgetKind::Other)],
        "COLOR" => vec![own(or(Json::from("#000000")), WidgetKind::Other)],
        "CURVE" => vec![own(or(straight_curve()), WidgetKind::Curve)],
        "RANGE" => {
            let range = Json::object([("min", Json::from(0.0)), ("max", Json::from(1.0))]);
            vec![own(or(range), WidgetKind::Other)]
        }
        "BOUNDING_BOX" => bounding_box(default, name),
        "BOUNDING_BOXES" | "COLORS" | "GALLERIA" => {
            vec![own(or(Json::Array(Vec::new())), WidgetKind::Other)]
        }
        "COMPOSITOR" | "CHART" => vec![own(or(Json::object([])), WidgetKind::Other)],
        "VIDEO_EDIT" => vec![own(or(whole_video(spec)), WidgetKind::Other)],
        "IMAGECOMPARE" => {
            let nothing = Json::Array(vec![Json::from(""), Json::from("")]);
            let widget = own(Some(Held::from(nothing)), WidgetKind::Other);
            vec![widget.unsaved()]
        }
        "AUDIO_RECORD" => {
            let recording = WidgetKind::Capture("the file name of a recording");
            let widget = own(Some(Held::from(Json::from(""))), recording);
            vec![widget, Widget::companion("record", Json::from(""))]
        }
        "WEBCAM" => {
            let picture = WidgetKind::Capture("the file name of a picture of the camera");
            vec![own(Some(Held::from(Json::from(""))), picture)]
        }
        // A painter keeps the name of its picture; the rest shows files and holds nothing.
        _ => vec![own(or(Json::from("")), WidgetKind::Other)],
    }
}

fn control_widget<'a>(spec: &'a InputSpec, usual: &'static str) -> Widget<'a> {
    let set = spec.text("control_after_generate");
    Widget::companion("control_after_generate", Json::from(set.unwrap_or(usual)))
}

fn combo<'a>(spec: &'a InputSpec, name: &Text<'a>) -> Vec<Widget<'a>> {
    let own = |value, kind| Widget::new(name.clone(), value, kind);
    if truthy(spec.options.get("multi_select")) {
        return vec![own(Some(Held::from(Json::Array(Vec::new()))), WidgetKind::Other)];
    }
    let choices = spec.choices().unwrap_or_default();
    let remote = spec.options.get("remote").filter(|remote| !remote.is_null());
    let default = spec.default_value().filter(|value| truthy(Some(value)));
    let waiting = || remote.map(|_| Held::from(Json::from("Loading...")));
    let value = default.or(choices.first()).map(Held::Saved).or_else(waiting);
    let mut widgets = vec![own(value, WidgetKind::Combo(Choices::Listed(choices)))];
    if let Some(remote) = remote {
        widgets.push(Widget::companion("Auto-refresh after generation", Json::from(false)));
        if truthy(remote.get("refresh_button")) {
            let button = Widget::companion("refresh", Json::from("refresh"));
            widgets.push(button.sent());
        }
    }
    if truthy(spec.options.get("control_after_generate")) {
        widgets.push(control_widget(spec, "randomize"));
        widgets.push(Widget::companion("control_filter_list", Json::from("")));
    }
    widgets
}

/// A box has four number fields behind it, each with a place of its own in a file.
fn bounding_box<'a>(default: Option<&'a Json>, name: &Text<'a>) -> Vec<Widget<'a>> {
    const FIELDS: [(&str, u64); 4] = [("x", 0), ("y", 0), ("width", 512), ("height", 512)];
    let usual = || Json::object(FIELDS.map(|(field, value)| (field, Json::from(value))));
    let value = default.map_or_else(|| Held::from(usual()), Held::Saved);
    let field = |(field, usual): (&'static str, u64)| {
        let value = default.and_then(|value| value.get(field)).cloned();
        Widget::companion(field, value.unwrap_or_else(|| Json::from(usual)))
    };
    let own = Widget::new(name.clone(), Some(value), WidgetKind::Other);
    std::iter::once(own).chain(FIELDS.map(field)).collect()
}

fn straight_curve() -> Json {
    let point = |at: u64| Json::Array(vec![Json::from(at), Json::from(at)]);
    let points = Json::Array(vec![point(0), point(1)]);
    Json::object([("points", points), ("interpolation", Json::from("monotone_cubic"))])
}

fn whole_video(spec: &InputSpec) -> Json {
    let features = spec.options.get("features").and_then(Json::as_array);
    let has = |name| features.is_none_or(|all| all.iter().any(|one| one.as_str() == Some(name)));
    let zeros =
        |names: &[&'static str]| Json::object(names.iter().map(|name| (*name, Json::from(0_u64))));
    let trim = has("trim").then(|| ("trim", zeros(&["start_time", "duration"])));
    let crop = has("crop").then(|| ("crop", zeros(&["x", "y", "width", "height"])));
    Json::object(trim.into_iter().chain(crop))
}

#[cfg(test)]
mod tests {
    use super::WIDGET_TYPES;

    #[test]
    fn widget_types_are_sorted_for_the_search() {
        assert!(WIDGET_TYPES.is_sorted());
    }
}
