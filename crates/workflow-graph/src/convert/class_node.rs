//! Nodes of the server's classes: how the front end makes one and fills it from a file.

use std::{borrow::Cow, rc::Rc};

use super::{
    body::Body,
    filled::{Filled, Plain},
    scene::{Held, Made, Output, Slot, Sockets},
    table::Links,
    widget::{Widget, WidgetKind, has_widget, truthy, widget_type},
};
use crate::{
    catalog::{Category, InputKind, InputSpec, NodeClass},
    hash::HashMap,
    json::Json,
    ui::{LinkId, SavedValues, UiInput, UiNode},
};

/// Inputs that the front end itself adds to a class: a button or a viewer.
const ADDED: [(&str, &str, Added); 11] = [
    ("LoadAudio", "audioUI", Added::Player),
    ("SaveAudio", "audioUI", Added::Player),
    ("PreviewAudio", "audioUI", Added::Player),
    ("SaveAudioMP3", "audioUI", Added::Player),
    ("SaveAudioOpus", "audioUI", Added::Player),
    ("SaveAudioAdvanced", "audioUI", Added::Player),
    ("Preview3D", "image", Added::Viewer),
    ("SaveGLB", "image", Added::Viewer),
    ("Load3DAdvanced", "viewport_state", Added::Viewport),
    ("PreviewAny", "preview_text", Added::Preview),
    ("SaveText", "preview_text", Added::Preview),
];

#[derive(Clone, Copy)]
enum Added {
    Upload(&'static str),
    Player,
    Viewer,
    Viewport,
    Preview,
}

/// Classes whose 3D widget holds a view instead of pictures.
const VIEWPORT_CLASSES: [&str; 6] = [
    "Preview3DAdvanced",
    "PreviewGaussianSplat",
    "PreviewPointCloud",
    "Save3DAdvanced",
    "SaveGaussianSplat",
    "SavePointCloud",
];

/// The classes whose file name can name other nodes' widgets.
pub(super) const SAVING_CLASSES: [&str; 20] = [
    "CLIPSave",
    "LoraSave",
    "ModelSave",
    "Save3DAdvanced",
    "SaveAnimatedPNG",
    "SaveAnimatedWEBP",
    "SaveAudio",
    "SaveAudioAdvanced",
    "SaveAudioMP3",
    "SaveAudioOpus",
    "SaveGLB",
    "SaveGaussianSplat",
    "SaveImage",
    "SaveImageAdvanced",
    "SaveLatent",
    "SavePointCloud",
    "SaveSVGNode",
    "SaveVideo",
    "SaveWEBM",
    "VAESave",
];

/// A node of a class as it is made: every widget at its default.
pub(super) fn make(class: &NodeClass) -> Made<'_> {
    let body = new_body(class);
    let has_widgetless = body.inputs.iter().any(|slot| body.is_widgetless(slot));
    let is_fixed = !has_widgetless && !class.declared_inputs().any(is_forced) && body.is_fixed();
    Made { body: Rc::new(body), has_widgetless, is_fixed }
}

/// Whether an input is a socket by force, whatever its type.
fn is_forced(spec: &InputSpec) -> bool {
    truthy(spec.options.get("forceInput"))
}

pub(super) fn new_body(class: &NodeClass) -> Body<'_> {
    let mut body = Body::default();
    for spec in class.declared_inputs() {
        body.add_socket(spec, &Cow::Borrowed(&*spec.name));
    }
    for spec in class.declared_inputs() {
        match widget_type(spec) {
            "LOAD_3D" => add_scene(&mut body, class),
            _ => body.add_widget(spec, &Cow::Borrowed(&*spec.name), true),
        }
    }
    for (name, added) in added(class) {
        add(&mut body, name, added);
    }
    match &*class.name {
        "CustomCombo" => body.add_custom_options(),
        "WebcamCapture" => {
            body.widgets.push(Widget::companion("waiting for camera...", Json::from("capture")));
        }
        _ => {}
    }
    body
}

fn added(class: &NodeClass) -> impl Iterator<Item = (&'static str, Added)> {
    let fixed = ADDED.iter().filter(|(name, ..)| class.name == *name);
    let upload = uploads(class).then_some(("upload", Added::Upload("IMAGEUPLOAD")));
    let audio = class.inputs.iter().find(|input| input.name == "audio");
    let audio = audio.filter(|input| input.category == Category::Required);
    let audio = audio.is_some_and(|input| input.flag("audio_upload"));
    let audio = audio.then_some(("upload", Added::Upload("AUDIOUPLOAD")));
    fixed.map(|(_, input, added)| (*input, *added)).chain(audio).chain(upload)
}

/// Whether a class takes a file that can be uploaded.
fn uploads(class: &NodeClass) -> bool {
    const FLAGS: [&str; 3] = ["image_upload", "video_upload", "animated_image_upload"];
    class.inputs.iter().filter(|input| input.category == Category::Required).any(|input| {
        matches!(input.kind, InputKind::Combo(_)) && FLAGS.iter().any(|flag| input.flag(flag))
    })
}

fn add(body: &mut Body<'_>, name: &'static str, added: Added) {
    let empty = Json::from("");
    let (type_name, widget) = match added {
        Added::Upload(type_name) => (type_name, Widget::companion(name, empty)),
        Added::Player => ("AUDIO_UI", Widget::companion(name, empty).unsaved()),
        Added::Viewer => ("PREVIEW_3D", Widget::companion(name, empty).sent()),
        Added::Viewport => ("LOAD_3D_ADVANCED", scene_widget(name)),
        Added::Preview => {
            body.widgets.push(Widget::companion(name, empty).unsaved());
            return;
        }
    };
    body.widgets.push(widget);
    body.inputs.push(Slot::of_widget(Cow::Borrowed(name), Cow::Borrowed(type_name)));
}

/// A 3D scene; where a file can be chosen, the buttons for it stand in front.
fn add_scene(body: &mut Body<'_>, class: &NodeClass) {
    const BUTTONS: [(&str, &str); 3] = [
        ("upload 3d model", "upload3dmodel"),
        ("upload extra resources", "uploadExtraResources"),
        ("clear", "clear"),
    ];
    let name = if VIEWPORT_CLASSES.contains(&&*class.name) { "viewport_state" } else { "image" };
    if body.widget("model_file").is_some() {
        let button = |(name, value)| Widget::companion(name, Json::from(value)).sent();
        body.widgets.extend(BUTTONS.map(button));
    }
    body.widgets.push(scene_widget(name));
    body.inputs.push(Slot::of_widget(Cow::Borrowed(name), Cow::Borrowed("LOAD_3D")));
}

fn scene_widget(name: &'static str) -> Widget<'static> {
    let what = if name == "image" { "pictures of the scene" } else { "the view of the scene" };
    let empty = Some(Held::from(Json::from("")));
    Widget::new(Cow::Borrowed(name), empty, WidgetKind::Capture(what))
}

/// A node of a class as it was made, when a file has nothing for it but links and values.
pub(super) fn load_plain<'a>(made: &Made<'a>, saved: UiNode<'a>) -> Option<Filled<'a>> {
    if !made.is_fixed {
        return None;
    }
    let values = match saved.values() {
        SavedValues::Listed(values) if !values.iter().any(Json::is_null) => values,
        SavedValues::Missing if saved.named_values().is_none() => &[],
        SavedValues::Listed(_) | SavedValues::Named(_) | SavedValues::Missing => return None,
    };
    let slots = &made.body.inputs;
    let mut links: Vec<(usize, LinkId)> = Vec::new();
    let mut seen = 0_u64;
    let mut next = 0;
    for (name, link) in saved.input_links() {
        // A file mostly has them in the order of the class.
        let is_next = slots.get(next).is_some_and(|slot| slot.name == name);
        let at = if is_next { next } else { slots.iter().position(|slot| slot.name == name)? };
        let place = u32::try_from(at).ok().and_then(|at| 1_u64.checked_shl(at))?;
        if seen & place != 0 {
            return None;
        }
        seen |= place;
        links.extend(link.map(|link| (at, link)));
        next = at + 1;
    }
    links.sort_unstable();
    Some(Filled::Plain(Plain::new(&made.body, links, values)))
}

/// A node of a class as it was made, filled from a file.
pub(super) fn load<'a>(
    class: &'a NodeClass,
    made: &Body<'a>,
    saved: UiNode<'a>,
    (links, sockets): (&mut Links, &mut Sockets<'a>),
) -> Body<'a> {
    let mut body = made.clone();
    take_inputs(&mut body, saved, sockets);
    let mut at = 0;
    while let Some(slot) = body.inputs.get(at) {
        if slot.link.is_some_and(|link| links.contains(link)) {
            body.linked(at);
        }
        at += 1;
    }
    match saved.values() {
        SavedValues::Listed(values) => match without_forced(class, &body, values) {
            None => body.set_listed(values),
            Some(kept) => body.set_listed(kept),
        },
        SavedValues::Named(values) => body.set_named(values),
        SavedValues::Missing => {
            if let Some(values) = saved.named_values() {
                body.set_named(values);
            }
        }
    }
    let (dropped, moved_from) = body.take_changes();
    for link in dropped {
        links.swap_remove(link);
    }
    for (at, slot) in body.inputs.iter().enumerate().skip(moved_from.unwrap_or(usize::MAX)) {
        if let Some(link) = slot.link.and_then(|link| links.get_mut(link)) {
            link.target_slot = at;
        }
    }
    body
}

/// Up to how many inputs of a node are looked through instead of being put in a table.
const SCANNED_INPUTS_MAX: usize = 32;

/// The links of a file by the names of inputs; inputs that the class does not have come last.
fn take_inputs<'a>(body: &mut Body<'a>, saved: UiNode<'a>, sockets: &mut Sockets<'a>) {
    let inputs: Vec<UiInput<'a>> = saved.inputs().collect();
    let mut places: HashMap<&str, usize> = HashMap::default();
    if inputs.len() > SCANNED_INPUTS_MAX {
        places.extend(inputs.iter().enumerate().map(|(at, input)| (input.name, at)));
    }
    for slot in &mut body.inputs {
        let found = if inputs.len() > SCANNED_INPUTS_MAX {
            places.get(&*slot.name).and_then(|at| inputs.get(*at))
        } else {
            inputs.iter().rfind(|input| input.name == slot.name)
        };
        slot.link = found.and_then(|input| input.link);
    }
    let known = body.inputs.len();
    for input in inputs {
        let is_known = body.inputs.iter().take(known).any(|slot| slot.name == input.name);
        if !is_known {
            body.inputs.push(sockets.slot(input));
        }
    }
}

/// Old files have values for inputs that are sockets by force. Where the count of values says
/// so, those are left out: what remains.
fn without_forced<'a>(
    class: &NodeClass,
    body: &Body<'a>,
    values: &'a [Json],
) -> Option<Vec<&'a Json>> {
    if !class.declared_inputs().any(is_forced) {
        return None;
    }
    let mut places: Vec<bool> = Vec::new();
    for spec in class.declared_inputs().filter(|spec| has_widget(spec) || is_forced(spec)) {
        places.push(is_forced(spec));
        if truthy(spec.options.get("control_after_generate")) {
            places.push(false);
        }
    }
    places.extend(added(class).filter(|(name, _)| body.widget(name).is_some()).map(|_| false));
    if places.len() != values.len() {
        return None;
    }
    let kept = values.iter().zip(places).filter(|(_, forced)| !forced);
    Some(kept.map(|(value, _)| value).collect())
}

/// The output slots: those of the class, then what else the file has.
pub(super) fn outputs<'a>(class: &'a NodeClass, saved: UiNode<'a>) -> Vec<Output<'a>> {
    let declared = class.outputs.iter().map(|output| match output.type_name() {
        Some("COMFY_MATCHTYPE_V3") => "*",
        Some(name) => name,
        None => "COMBO",
    });
    let others = saved.output_types().skip(class.outputs.len());
    declared.map(Cow::Borrowed).chain(others).map(Output::new).collect()
}
