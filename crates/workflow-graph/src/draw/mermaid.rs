//! Mermaid flowcharts.

use std::fmt::Write as _;

use super::{Mark, Picture, Status, text};

/// How much of a title is shown.
const TITLE_CHARACTERS_MAX: usize = 60;

pub(super) fn write(picture: &Picture) -> String {
    let mut chart = String::from("flowchart LR\n");
    write_into(picture, &mut chart).map_or_else(|_| String::new(), |()| chart)
}

fn write_into(picture: &Picture, chart: &mut String) -> std::fmt::Result {
    for (number, node) in picture.nodes.iter().enumerate() {
        let mut label = escape(&node.label());
        if let Some(title) = &node.title {
            label.push_str("<br/>");
            label.push_str(&escape(&text::cut(title, TITLE_CHARACTERS_MAX)));
        }
        writeln!(chart, "    n{number}[\"{label}\"]")?;
    }
    for link in &picture.links {
        let arrow = if link.mark == Some(Mark::Removed) { "-.->" } else { "-->" };
        writeln!(chart, "    n{} {arrow}|\"{}\"| n{}", link.from, escape(&link.input), link.to)?;
    }
    let styles = Status::ALL
        .map(|status| (status.as_str(), format!("stroke:{},stroke-width:3px", status.color())));
    let marks = Mark::ALL.map(|mark| (mark.as_str(), format!("fill:{},color:#111", mark.color())));
    for (style, definition) in styles.into_iter().chain(marks) {
        let nodes = picture.nodes.iter().enumerate();
        let with_it = nodes.filter(|(_, node)| node.styles().contains(&style));
        let names: Vec<String> = with_it.map(|(number, _)| format!("n{number}")).collect();
        if !names.is_empty() {
            writeln!(chart, "    classDef {style} {definition}")?;
            writeln!(chart, "    class {} {style}", names.join(","))?;
        }
    }
    Ok(())
}

/// A text inside quotes: Mermaid has entities of its own, written with a number sign. Whatever
/// it could take for markup is written so.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text::in_one_line(text).chars() {
        match character {
            '"' => escaped.push_str("#quot;"),
            '#' => escaped.push_str("#35;"),
            '&' => escaped.push_str("#amp;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            '`' | '%' | '*' | '_' | '~' | '[' | ']' | '(' | ')' | '{' | '}' | '|' | '\\' | ';'
            | ':' | '$' => {
                escaped.push('#');
                escaped.push_str(&u32::from(character).to_string());
                escaped.push(';');
            }
            other => escaped.push(other),
        }
    }
    escaped
}
