//! Writing the prompt: every node that runs, with the values of its widgets and its links.

use super::{
    Finding,
    class_node::SAVING_CLASSES,
    expand::{self, Expansion, Seat},
    filled::Setting,
    resolve::{Resolver, Source},
    scene::{Kind, Node, Scene},
    text,
    widget::{WidgetKind, same},
};
use crate::{
    json::{Json, Name, Object},
    ui::{SavedValues, UiMode},
};

/// The inputs of a node as they are written; of two with one name the last counts.
struct Inputs(Vec<(Name, Json)>);

impl Inputs {
    fn insert(&mut self, name: impl Into<Name>, value: Json) {
        self.0.push((name.into(), value));
    }
}

/// The prompt and what a person should know of it.
pub(super) fn write(scene: &Scene<'_>) -> (Object, Vec<Finding>) {
    let mut findings = scene.findings.clone();
    let expansion = expand::expand(scene, &mut findings);
    let mut writer = Writer {
        scene,
        expansion: &expansion,
        resolver: Resolver::new(scene, &expansion),
        findings,
    };
    let mut prompt = Object::with_capacity(expansion.seats.len());
    for seat in &expansion.seats {
        let graph = expansion.frame(seat.frame).and_then(|frame| scene.graph(frame.graph));
        let node = graph.and_then(|graph| graph.nodes.get(seat.node));
        if let Some(node) = node.filter(|node| node.mode == UiMode::Active) {
            let name = expansion.name(scene, *seat);
            let json = writer.node(*seat, &name, node);
            prompt.insert(name, json);
        }
    }
    let Writer { resolver, mut findings, .. } = writer;
    findings.extend(resolver.findings);
    (prompt, findings)
}

struct Writer<'s, 'a> {
    scene: &'s Scene<'a>,
    expansion: &'s Expansion,
    resolver: Resolver<'s, 'a>,
    findings: Vec<Finding>,
}

impl<'a> Writer<'_, 'a> {
    fn node(&mut self, seat: Seat, name: &str, node: &Node<'a>) -> Json {
        let values = node.body.widgets().filter(|widget| widget.sent).count();
        let links = node.body.links().count();
        let mut inputs = Inputs(Vec::with_capacity(values + links));
        if let Kind::Class(_) = node.kind {
            for widget in node.body.widgets().filter(|widget| widget.sent) {
                if let Some(value) = self.widget(name, node, &widget) {
                    inputs.insert(widget.member.clone(), value);
                }
            }
        } else {
            self.unknown(name, node, &mut inputs);
        }
        for (at, _) in node.body.links() {
            let Some(slot) = node.body.input(at) else { continue };
            match self.resolver.source(seat, at) {
                Source::Nothing => {}
                Source::Output(from, output) => {
                    let from = Json::from(self.expansion.name(self.scene, from));
                    let output = Json::from(u64::try_from(output).unwrap_or(u64::MAX));
                    inputs.insert(&*slot.name, Json::Array(vec![from, output]));
                }
                Source::Value(Some(value)) => {
                    inputs.insert(&*slot.name, wrapped(value.into_json()));
                }
                Source::Value(None) => {
                    inputs.0.retain(|(name, _)| *name != *slot.name);
                }
            }
        }
        let meta = [(Name::new_static("title"), Json::from(node.title()))];
        let members = [
            (Name::new_static("inputs"), Json::Object(Object::from(inputs.0))),
            (Name::new_static("class_type"), Json::from(node.saved.class())),
            (Name::new_static("_meta"), Json::Object(meta.into_iter().collect())),
        ];
        Json::Object(members.into_iter().collect())
    }

    /// Of a class that the server does not have only what the file names can be known.
    fn unknown(&mut self, name: &str, node: &Node<'a>, inputs: &mut Inputs) {
        self.findings.push(Finding::UnknownClass {
            node: name.to_owned(),
            class: node.saved.class().to_owned(),
            pack: node.saved.pack().map(str::to_owned),
        });
        let named = if let SavedValues::Named(values) = node.saved.values() {
            Some(values)
        } else {
            node.saved.named_values()
        };
        for (name, value) in named.into_iter().flatten() {
            inputs.insert(name.clone(), wrapped(value.clone()));
        }
    }

    fn widget(&mut self, name: &str, node: &Node<'a>, widget: &Setting<'_, 'a>) -> Option<Json> {
        let class = node.saved.class();
        match (widget.kind, widget.value.as_deref()) {
            (WidgetKind::CustomIndex, _) => Some(Json::from(custom_index(node))),
            (WidgetKind::Capture(what), value) => {
                self.capture(name, node, widget, what);
                Some(if class == "RecordAudio" || class == "WebcamCapture" {
                    value.cloned().unwrap_or(Json::from(""))
                } else {
                    scene_value(node)
                })
            }
            (_, None) => None,
            (WidgetKind::Text { dynamic: true, .. }, Some(Json::String(prompt)))
                if text::has_choices(prompt) =>
            {
                let (resolved, choices) = text::resolve_choices(prompt);
                if choices > 0 {
                    let (node, input) = (name.to_owned(), widget.name.to_string());
                    self.findings.push(Finding::RandomChoice { node, input, choices });
                }
                Some(Json::from(resolved))
            }
            (_, Some(Json::String(pattern)))
                if widget.name == "filename_prefix"
                    && pattern.contains('%')
                    && SAVING_CLASSES.contains(&class) =>
            {
                if let Some(date) = text::date_pattern(pattern) {
                    let (node, input) = (name.to_owned(), widget.name.to_string());
                    let pattern = date.to_owned();
                    self.findings.push(Finding::DateLeft { node, input, pattern });
                }
                Some(Json::from(text::fill_names(self.scene, pattern)))
            }
            (WidgetKind::Curve, Some(Json::Array(points))) => {
                let points = Json::Array(points.clone());
                Some(Json::object([("__type__", Json::from("CURVE")), ("__value__", points)]))
            }
            (_, Some(value)) => Some(wrapped(value.clone())),
        }
    }

    fn capture(
        &mut self,
        name: &str,
        node: &Node<'a>,
        widget: &Setting<'_, 'a>,
        what: &'static str,
    ) {
        // The view of a scene may be empty; pictures and recordings may not.
        if widget.name != "viewport_state" {
            self.findings.push(Finding::MadeWhenSent {
                node: name.to_owned(),
                class: node.saved.class().to_owned(),
                input: widget.name.to_string(),
                what,
            });
        }
    }
}

/// A list is put in an object, since a bare one would be read as a link.
fn wrapped(value: Json) -> Json {
    if let Json::Array(_) = value { Json::object([("__value__", value)]) } else { value }
}

/// Which option of a `CustomCombo` is chosen, or -1.
fn custom_index(node: &Node<'_>) -> i64 {
    let mut values = node.body.widgets().map(|widget| widget.value);
    let chosen = values.next();
    let chosen = chosen.as_ref().and_then(|value| value.as_deref());
    let at = values.skip(1).position(|option| same(option.as_deref(), chosen));
    at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)
}

/// A 3D scene without pictures; the camera is where the file has it.
fn scene_value(node: &Node<'_>) -> Json {
    let camera = node.saved.property("Camera Config").and_then(|config| config.get("state"));
    let nothing = || Json::from("");
    Json::object([
        ("image", nothing()),
        ("mask", nothing()),
        ("normal", nothing()),
        ("camera_info", camera.cloned().unwrap_or_default()),
        ("recording", nothing()),
        ("model_3d_info", Json::Array(Vec::new())),
    ])
}

impl<'a> Node<'a> {
    /// The title that people see.
    pub(super) fn title(&self) -> &'a str {
        match (self.saved.title(), self.kind) {
            (Some(title), _) => title,
            (None, Kind::Class(class)) => class.title(),
            (None, Kind::Instance(_) | Kind::Virtual(_) | Kind::Unknown) => self.saved.class(),
        }
    }
}
