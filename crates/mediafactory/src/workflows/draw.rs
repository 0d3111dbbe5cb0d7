//! Drawings of workflows.

use std::str::FromStr;

use workflow_graph::{Json, Workflow, diff as difference, draw::Picture};

use super::api;
use crate::{
    error::{Error, FailureCode},
    failure, nearest,
};

/// More than anyone can look at; the layout takes memory for every node.
pub const DRAWN_NODES_MAX: usize = 20_000;

/// What a drawing is written in.
///
/// ```
/// use mediafactory::workflows::Drawing;
/// assert_eq!("dot".parse::<Drawing>()?, Drawing::Graphviz);
/// assert_eq!("png".parse::<Drawing>().unwrap_err().hint(), Some("the formats are mermaid, graphviz, svg, html"));
/// # Ok::<(), mediafactory::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawing {
    /// A Mermaid flowchart.
    Mermaid,
    /// A Graphviz graph in the DOT language.
    Graphviz,
    /// An SVG document.
    Svg,
    /// A page that can be moved, enlarged and searched, and loads nothing.
    Html,
}

impl Drawing {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Mermaid, Self::Graphviz, Self::Svg, Self::Html];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mermaid => "mermaid",
            Self::Graphviz => "graphviz",
            Self::Svg => "svg",
            Self::Html => "html",
        }
    }

    /// The media type of what is drawn.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Mermaid => "text/vnd.mermaid",
            Self::Graphviz => "text/vnd.graphviz",
            Self::Svg => "image/svg+xml",
            Self::Html => "text/html",
        }
    }
}

impl FromStr for Drawing {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "dot" {
            return Ok(Self::Graphviz);
        }
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.iter().map(|format| format.as_str());
            failure::argument(format!("`{text}` is no format of a drawing"))
                .with_hint(nearest::hint("formats", text, names))
        })
    }
}

/// Draws a workflow in API format of at most [`DRAWN_NODES_MAX`] nodes.
///
/// ```
/// use mediafactory::{Json, workflows::{Drawing, draw}};
/// let workflow = Json::parse(br#"{"3": {"class_type": "KSampler", "inputs": {}}}"#)?;
/// assert_eq!(draw(&workflow, Drawing::Mermaid)?, "flowchart LR\n    n0[\"3 KSampler\"]\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn draw(workflow: &Json, format: Drawing) -> Result<String, Error> {
    let workflow = drawable(workflow)?;
    Ok(written(&Picture::of(&workflow), format, "workflow"))
}

/// Draws the second workflow with what is different from the first marked.
pub fn draw_diff(before: &Json, after: &Json, format: Drawing) -> Result<String, Error> {
    let (before, after) = (drawable(before)?, drawable(after)?);
    let found = difference::between(&before, &after);
    Ok(written(&Picture::of_diff(&found), format, "difference"))
}

fn drawable(json: &Json) -> Result<Workflow, Error> {
    let workflow = api(json)?;
    let count = workflow.nodes().len();
    if count > DRAWN_NODES_MAX {
        let message =
            format!("a drawing may have {DRAWN_NODES_MAX} nodes, but the workflow has {count}");
        return Err(Error::new(FailureCode::LimitExceeded, message));
    }
    Ok(workflow)
}

fn written(picture: &Picture, format: Drawing, title: &str) -> String {
    match format {
        Drawing::Mermaid => picture.to_mermaid(),
        Drawing::Graphviz => picture.to_dot(),
        Drawing::Svg => picture.to_svg(),
        Drawing::Html => picture.to_html(title),
    }
}
