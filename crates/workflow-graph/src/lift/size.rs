//! How much place a node takes, by the front end's measure.

use crate::{
    catalog::NodeClass,
    convert::form::{FormSlot, NodeForm},
    layout::Size,
};

/// What a node is wide unless its words need more; the front end's own nodes are 270 at least.
const WIDTH: u32 = 315;
/// The front end draws a title above the place that a file gives for a node.
pub(super) const TITLE: u32 = 30;
/// The height of a row of slots or of a widget, with its gap, and what is around them.
const ROW: u32 = 24;
const AROUND: u32 = 26;
/// How much taller a widget is where the front end draws nodes in the page, at most.
const TALLER: u32 = 8;
/// The height of a field of text.
const AREA: u32 = 144;
/// How far a node grows to show a picture, once it has one.
const PICTURE: u32 = 224;
/// How far a node grows to show a video: one as upright as a telephone, as wide as the node.
const VIDEO: u32 = WIDTH * 16 / 9 + 4;
/// The width of a letter, and of what stands left and right of a title or of two names.
const LETTER: u32 = 8;
const BESIDE: u32 = 50;

/// Types whose widget is a view of something, and its height.
const VIEWS: [(&str, u32); 11] = [
    ("BOUNDING_BOXES", 400),
    ("CHART", 300),
    ("COMPOSITOR", 400),
    ("CURVE", 300),
    ("GALLERIA", 400),
    ("IMAGECOMPARE", 300),
    ("LOAD_3D", 400),
    ("LOAD_3D_ADVANCED", 400),
    ("PAINTER", 640),
    ("PREVIEW_3D", 400),
    ("VIDEO_EDIT", 400),
];

/// The place of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// As the file gives it, without the title.
    pub(super) size: Size,
    /// How much of the column the node needs: with its title and with what it will show.
    pub(super) height: u32,
}

impl Place {
    /// The place of a node of a class that the server has.
    pub(super) fn known(title: &str, class: &NodeClass, form: &NodeForm<'_>) -> Self {
        let sockets: Vec<FormSlot<'_>> =
            form.slots().filter(|slot| slot.widget.is_none()).collect();
        let names = sockets.iter().map(|slot| letters(slot.name)).max().unwrap_or_default();
        let outputs = class.outputs.iter().map(|output| letters(&output.name)).max();
        let names = names.saturating_add(outputs.unwrap_or_default());
        let view = |slot: FormSlot<'_>| {
            let shown = class.input(slot.widget?).and_then(|input| input.text("widgetType"));
            let type_name = shown.unwrap_or(slot.type_name);
            VIEWS.iter().find(|(name, _)| *name == type_name)
        };
        let views = form.slots().filter_map(view).map(|(_, height)| *height);
        let rows = form.widgets().saturating_add(count(sockets.len().max(class.outputs.len())));
        let height = AROUND
            .saturating_add(ROW.saturating_mul(rows))
            .saturating_add(AREA.saturating_mul(form.areas()))
            .saturating_add(views.fold(0, u32::saturating_add));
        let size = Size { width: width(letters(title).max(names)), height };
        let taller = TALLER.saturating_mul(form.widgets()).saturating_add(growth(class, form));
        Self { size, height: height.saturating_add(TITLE).saturating_add(taller) }
    }

    /// The place of a node of which only its links and values are known.
    pub(super) fn unknown(title: &str, sockets: usize, values: usize) -> Self {
        let rows = count(sockets.saturating_add(values));
        let height = AROUND.saturating_add(ROW.saturating_mul(rows));
        let size = Size { width: width(letters(title)), height };
        Self { size, height: height.saturating_add(TITLE) }
    }
}

/// How far a node grows when it shows what it has loaded or made.
fn growth(class: &NodeClass, form: &NodeForm<'_>) -> u32 {
    const UPLOADS: [&str; 2] = ["AUDIOUPLOAD", "IMAGEUPLOAD"];
    let uploads = form.slots().any(|slot| UPLOADS.contains(&slot.type_name));
    let given = class.outputs.iter().any(|output| output.type_name() == Some("VIDEO"));
    let taken = class.declared_inputs().any(|input| input.type_name() == Some("VIDEO"));
    match (uploads, class.output_node) {
        (true, _) if given => VIDEO,
        (_, true) if taken => VIDEO,
        (false, false) => 0,
        _ => PICTURE,
    }
}

fn width(letters: u32) -> u32 {
    /// A title may be a whole text; the front end shows what fits.
    const LETTERS_MAX: u32 = 100;
    WIDTH.max(letters.min(LETTERS_MAX).saturating_mul(LETTER).saturating_add(BESIDE))
}

fn letters(text: &str) -> u32 {
    count(text.chars().count())
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
