//! SVG documents.

use std::fmt::Write as _;

use super::{Line, Mark, Picture, Shape, Status, text};
use crate::layout::{self, Layout, Point, Size, Spacing};

/// The space around everything, in pixels.
const MARGIN: u32 = 24;
const SPACING: Spacing = Spacing { margin: MARGIN, columns: 90, rows: 24 };
/// The width of every node.
const WIDTH: u32 = 250;
/// The height of the head of a node, with its id and class.
const HEAD: u32 = 26;
/// The height of a title and of an input.
const ROW: u32 = 17;
/// The space below the last input.
const FOOT: u32 = 8;
/// What of a head, a name and a value fits the width.
const HEAD_CHARACTERS_MAX: usize = 30;
const TITLE_CHARACTERS_MAX: usize = 34;
const NAME_CHARACTERS_MAX: usize = 18;
const VALUE_CHARACTERS_MAX: usize = 20;
/// How many inputs are drawn; what links lead to is always drawn.
const VALUES_MAX: usize = 12;

/// A node as it is laid out: which of its inputs are drawn, and in which row.
struct Card<'a> {
    shape: &'a Shape,
    /// The row of each input; `None` for values that are left out.
    rows: Vec<Option<u32>>,
    outputs: u32,
    height: u32,
}

pub(super) fn write(picture: &Picture) -> String {
    let mut svg = String::new();
    write_into(picture, &mut svg).map_or_else(|_| String::new(), |()| svg)
}

fn write_into(picture: &Picture, svg: &mut String) -> std::fmt::Result {
    let mut outputs = vec![0_u32; picture.nodes.len()];
    for link in &picture.links {
        if let Some(outputs) = outputs.get_mut(link.from) {
            // A slot may be any number; no node has so many that they could not be drawn.
            *outputs = link.slot.min(OUTPUTS_MAX).saturating_add(1).max(*outputs);
        }
    }
    let cards: Vec<Card<'_>> = picture
        .nodes
        .iter()
        .zip(outputs)
        .map(|(shape, outputs)| Card::new(shape, outputs))
        .collect();
    let sizes: Vec<Size> =
        cards.iter().map(|card| Size { width: WIDTH, height: card.height }).collect();
    let links: Vec<(usize, usize)> =
        picture.links.iter().map(|link| (link.from, link.to)).collect();
    let Layout { points, lanes } = layout::place(&sizes, &links, SPACING);
    let right = points.iter().map(|point| point.x.saturating_add(WIDTH)).max().unwrap_or(MARGIN);
    let bottoms =
        points.iter().zip(&sizes).map(|(point, size)| point.y.saturating_add(size.height));
    let bottom = bottoms.chain(lanes.iter().flatten().map(|lane| lane.y));
    let (width, height) =
        (right.saturating_add(MARGIN), bottom.max().unwrap_or(MARGIN).saturating_add(MARGIN));
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"12\">"
    )?;
    write_style(svg)?;
    writeln!(svg, "<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>")?;
    for (link, lanes) in picture.links.iter().zip(&lanes) {
        write_link(svg, link, lanes, &cards, &points)?;
    }
    for (number, (card, point)) in cards.iter().zip(&points).enumerate() {
        write_card(svg, number, card, *point)?;
    }
    svg.push_str("</svg>\n");
    Ok(())
}

/// How many outputs are drawn apart.
const OUTPUTS_MAX: u32 = 31;

/// Colors are variables with a default, so that a page around the picture can set others.
fn write_style(svg: &mut String) -> std::fmt::Result {
    svg.push_str(
        "<style>.paper{fill:var(--paper,#f6f7f9)}.card{fill:var(--card,#fff);\
         stroke:var(--edge,#9aa1ad)}.name{fill:var(--dim,#5b6370)}.value,.head{fill:var(--ink,#16191f)}\
         .head{font-weight:600}.link{fill:none;stroke:var(--link,#7c8698);stroke-width:1.6}\
         .dot{fill:var(--link,#7c8698)}.link.removed{stroke-dasharray:5 4;stroke:#b91c1c}\
         .link.added{stroke:#15803d;stroke-width:2.4}",
    );
    for status in Status::ALL {
        let (name, color) = (status.as_str(), status.color());
        write!(svg, ".node.{name} .card{{stroke:{color};stroke-width:3}}")?;
    }
    for mark in Mark::ALL {
        let (name, color) = (mark.as_str(), mark.color());
        write!(svg, ".node.{name} .card{{fill:{color}}}.node.{name} text{{fill:#16191f}}")?;
    }
    svg.push_str("</style>\n");
    Ok(())
}

impl<'a> Card<'a> {
    fn new(shape: &'a Shape, outputs: u32) -> Self {
        let mut drawn = 0_u32;
        let mut values = 0;
        let mut rows = Vec::with_capacity(shape.inputs.len());
        for row in &shape.inputs {
            let is_drawn = row.value.is_none() || values < VALUES_MAX;
            values += usize::from(row.value.is_some());
            rows.push(is_drawn.then_some(drawn));
            drawn = drawn.saturating_add(u32::from(is_drawn));
        }
        let left_out = u32::from(values > VALUES_MAX);
        let title = if shape.title.is_some() { ROW } else { 0 };
        let rows_high = drawn.saturating_add(left_out).max(outputs).saturating_mul(ROW);
        Self { shape, rows, outputs, height: rows_high.saturating_add(HEAD + title + FOOT) }
    }

    fn top_of_rows(&self) -> u32 {
        HEAD + if self.shape.title.is_some() { ROW } else { 0 }
    }

    /// The middle of a row, from the top of the card.
    fn row_middle(&self, row: u32) -> u32 {
        self.top_of_rows().saturating_add(row.saturating_mul(ROW)).saturating_add(ROW / 2)
    }
}

fn write_link(
    svg: &mut String,
    link: &Line,
    lanes: &[Point],
    cards: &[Card<'_>],
    points: &[Point],
) -> std::fmt::Result {
    let ends =
        (cards.get(link.from), points.get(link.from), cards.get(link.to), points.get(link.to));
    let (Some(from), Some(start), Some(to), Some(end)) = ends else { return Ok(()) };
    let output = from.row_middle(link.slot.min(from.outputs.saturating_sub(1)));
    let start = Point { x: start.x.saturating_add(WIDTH), y: start.y.saturating_add(output) };
    let row = to.rows.get(link.row).copied().flatten().unwrap_or_default();
    let end = Point { x: end.x, y: end.y.saturating_add(to.row_middle(row)) };
    let mark = link.mark.map_or("", Mark::as_str);
    write!(
        svg,
        "<path class=\"link {mark}\" data-from=\"{}\" data-to=\"{}\" data-input=\"{}\" d=\"M{} {}",
        link.from,
        link.to,
        text::escape_xml(&link.input),
        start.x,
        start.y
    )?;
    let mut last = start;
    for lane in lanes {
        write_curve(svg, last, *lane)?;
        last = Point { x: lane.x.saturating_add(WIDTH), y: lane.y };
        write!(svg, "H{}", last.x)?;
    }
    write_curve(svg, last, end)?;
    svg.push_str("\"/>");
    for Point { x, y } in [start, end] {
        write!(svg, "<circle class=\"dot\" cx=\"{x}\" cy=\"{y}\" r=\"3\"/>")?;
    }
    svg.push('\n');
    Ok(())
}

/// A curve that leaves and arrives level.
fn write_curve(svg: &mut String, from: Point, to: Point) -> std::fmt::Result {
    let bend = i64::from((from.x.abs_diff(to.x) / 2).clamp(40, 160));
    let (leaving, arriving) = (i64::from(from.x) + bend, i64::from(to.x) - bend);
    write!(svg, "C{leaving} {} {arriving} {} {} {}", from.y, to.y, to.x, to.y)
}

fn write_card(svg: &mut String, number: usize, card: &Card<'_>, point: Point) -> std::fmt::Result {
    let shape = card.shape;
    let classes = [vec!["node"], shape.styles()].concat().join(" ");
    let Point { x, y } = point;
    let height = card.height;
    writeln!(
        svg,
        "<g class=\"{classes}\" data-node=\"{number}\" transform=\"translate({x} {y})\">\
         <title>{}</title><rect class=\"card\" width=\"{WIDTH}\" height=\"{height}\" rx=\"8\"/>",
        text::escape_xml(&shape.label())
    )?;
    write_text(svg, "head", 10, 17, &text::cut(&shape.label(), HEAD_CHARACTERS_MAX))?;
    if let Some(title) = &shape.title {
        write_text(svg, "name", 10, HEAD + 11, &text::cut(title, TITLE_CHARACTERS_MAX))?;
    }
    for (row, place) in shape.inputs.iter().zip(&card.rows) {
        let Some(place) = place else { continue };
        let baseline = card.row_middle(*place).saturating_add(4);
        write_text(svg, "name", 10, baseline, &text::cut(&row.name, NAME_CHARACTERS_MAX))?;
        if let Some(value) = &row.value {
            let value = text::escape_xml(&text::shortened(value, VALUE_CHARACTERS_MAX));
            let right = WIDTH - 12;
            writeln!(
                svg,
                "<text class=\"value\" x=\"{right}\" y=\"{baseline}\" text-anchor=\"end\">{value}</text>"
            )?;
        }
    }
    let left_out = card.rows.iter().filter(|row| row.is_none()).count();
    if left_out > 0 {
        let baseline = height.saturating_sub(FOOT + 4);
        write_text(svg, "name", 10, baseline, &format!("and {left_out} more"))?;
    }
    svg.push_str("</g>\n");
    Ok(())
}

fn write_text(svg: &mut String, class: &str, x: u32, y: u32, text: &str) -> std::fmt::Result {
    let text = text::escape_xml(text);
    writeln!(svg, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>")
}
