//! Graphs in Graphviz's DOT language.

use std::fmt::Write as _;

use super::{Mark, Picture, Shape, text};

/// How much of a value is shown.
const VALUE_CHARACTERS_MAX: usize = 40;

pub(super) fn write(picture: &Picture) -> String {
    let mut graph = String::from(
        "digraph workflow {\n    rankdir=LR;\n    node [shape=box, style=\"rounded,filled\", \
         fillcolor=white, fontname=\"Helvetica\", fontsize=11];\n    edge [fontname=\"Helvetica\", \
         fontsize=9];\n",
    );
    write_into(picture, &mut graph).map_or_else(|_| String::new(), |()| graph)
}

fn write_into(picture: &Picture, graph: &mut String) -> std::fmt::Result {
    for (number, node) in picture.nodes.iter().enumerate() {
        writeln!(graph, "    n{number} [label=\"{}\"{}];", label(node), style(node))?;
    }
    for link in &picture.links {
        let input = escape(&link.input);
        let style = if link.mark == Some(Mark::Removed) { ", style=dashed" } else { "" };
        writeln!(graph, "    n{} -> n{} [label=\"{input}\"{style}];", link.from, link.to)?;
    }
    graph.push_str("}\n");
    Ok(())
}

/// The id, class and title, and a line for each value, set to the left.
fn label(node: &Shape) -> String {
    let mut lines = vec![escape(&node.label())];
    lines.extend(node.title.as_deref().map(escape));
    let mut label = lines.join("\\n");
    label.push_str("\\n");
    for row in &node.inputs {
        if let Some(value) = &row.value {
            let value = text::shortened(value, VALUE_CHARACTERS_MAX);
            label.push_str(&escape(&format!("{}: {value}", row.name)));
            label.push_str("\\l");
        }
    }
    label
}

fn style(node: &Shape) -> String {
    let mut style = String::new();
    if let Some(mark) = node.mark {
        style.push_str(", fillcolor=\"");
        style.push_str(mark.color());
        style.push('"');
    }
    if let Some(status) = node.status {
        style.push_str(", penwidth=3, color=\"");
        style.push_str(status.color());
        style.push('"');
    }
    style
}

/// A text inside quotes. A backslash would begin one of Graphviz's own escapes.
fn escape(text: &str) -> String {
    text::in_one_line(text).replace('\\', "\\\\").replace('"', "\\\"")
}
