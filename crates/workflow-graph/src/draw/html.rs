//! A page with a picture to look around in.

use super::{Mark, Picture, Shape, Status, svg, text};
use crate::json::Json;

/// What the page looks like and does. It works on what is in the page, and text only ever
/// becomes text there.
const STYLE: &str = include_str!("viewer.css");
const SCRIPT: &str = include_str!("viewer.js");

/// The page forbids itself all requests; only its own style and script are allowed.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

pub(super) fn write(picture: &Picture, title: &str) -> String {
    let title = text::escape_xml(title);
    let drawing = svg::write(picture);
    let details = Json::Array(picture.nodes.iter().map(details).collect()).to_string();
    // A script element ends at its closing tag, wherever that is written.
    let details = details.replace('<', "\\u003c");
    let legend = legend(picture);
    let count = picture.nodes.len();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header><h1>{title}</h1>\
         <input id=\"search\" type=\"search\" placeholder=\"Search {count} nodes\" aria-label=\"Search nodes\">\
         <output id=\"found\"></output>\
         <button id=\"fit\" type=\"button\">Fit</button>{legend}</header>\n\
         <main id=\"stage\" tabindex=\"0\" aria-label=\"Workflow graph\">{drawing}</main>\n\
         <aside id=\"details\" hidden></aside>\n\
         <script type=\"application/json\" id=\"nodes\">{details}</script>\n\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

/// All of a node: what the picture cuts is whole here.
fn details(node: &Shape) -> Json {
    let input = |row: &super::Row| {
        let value = match &row.value {
            None => Json::Null,
            Some(Json::String(text)) => Json::from(&**text),
            Some(other) => Json::from(other.to_string()),
        };
        Json::Array(vec![Json::from(&*row.name), value])
    };
    let text = |text: Option<&str>| text.map_or(Json::Null, Json::from);
    Json::object([
        ("id", Json::from(node.id.as_str())),
        ("class", Json::from(&*node.class_type)),
        ("title", text(node.title.as_deref())),
        ("status", text(node.status.map(Status::as_str))),
        ("mark", text(node.mark.map(Mark::as_str))),
        ("inputs", Json::Array(node.inputs.iter().map(input).collect())),
        ("changes", Json::Array(node.changes.iter().map(|line| Json::from(&**line)).collect())),
    ])
}

/// The states and marks that are in the picture, with their colors.
fn legend(picture: &Picture) -> String {
    let mut legend = String::new();
    let mut entry = |name: &str, style: String, count: usize| {
        if count > 0 {
            legend.push_str("<span class=\"key\"><i style=\"");
            legend.push_str(&style);
            legend.push_str("\"></i>");
            legend.push_str(name);
            legend.push(' ');
            legend.push_str(&count.to_string());
            legend.push_str("</span>");
        }
    };
    for status in Status::ALL {
        let count = picture.nodes.iter().filter(|node| node.status == Some(status)).count();
        entry(status.as_str(), format!("border-color:{}", status.color()), count);
    }
    for mark in Mark::ALL {
        let count = picture.nodes.iter().filter(|node| node.mark == Some(mark)).count();
        entry(mark.as_str(), format!("background:{}", mark.color()), count);
    }
    legend
}
