//! Finding what is marked as open.

use std::sync::Arc;

use super::{Kind, TemplateError};
use crate::{
    ids::NodeId,
    json::Json,
    workflow::{Input, Workflow},
};

/// A value with something open in it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spot {
    pub(super) node: NodeId,
    pub(super) input: String,
    /// From the input's value to the text in it.
    pub(super) path: Vec<Step>,
    pub(super) pieces: Pieces,
}

/// A member of an object or a place in a list. A name is shared by all the ways through it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Member(Arc<str>),
    Item(usize),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pieces {
    /// The whole value is open.
    Whole(Mark),
    /// Places inside a text are.
    Text(Vec<Piece>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Plain(String),
    Open(Mark),
}

/// One placeholder as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    pub(super) name: String,
    pub(super) kind: Option<Kind>,
    pub(super) default: Option<Json>,
}

impl Spot {
    pub(super) fn marks(&self) -> Vec<&Mark> {
        match &self.pieces {
            Pieces::Whole(mark) => vec![mark],
            Pieces::Text(pieces) => pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Plain(_) => None,
                    Piece::Open(mark) => Some(mark),
                })
                .collect(),
        }
    }
}

/// All open places in the inputs of a workflow.
pub(super) fn spots(workflow: &Workflow) -> Result<Vec<Spot>, TemplateError> {
    let mut found = Vec::new();
    for (id, node) in workflow.nodes() {
        for (name, input) in node.inputs() {
            let Input::Literal(value) = input else { continue };
            let mut open = Vec::new();
            collect_open(value, &mut Vec::new(), &mut open).map_err(|(placeholder, problem)| {
                let (node, input) = (id.clone(), name.to_owned());
                TemplateError::Placeholder { placeholder, node, input, problem }
            })?;
            let spot =
                |(path, pieces)| Spot { node: id.clone(), input: name.to_owned(), path, pieces };
            found.extend(open.into_iter().map(spot));
        }
    }
    Ok(found)
}

/// The open texts in a value with the way to each. The depth of what was parsed is limited.
fn collect_open(
    value: &Json,
    path: &mut Vec<Step>,
    open: &mut Vec<(Vec<Step>, Pieces)>,
) -> Result<(), Misread> {
    match value {
        Json::String(text) => open.extend(pieces(text)?.map(|pieces| (path.clone(), pieces))),
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Step::Item(index));
                collect_open(item, path, open)?;
                path.pop();
            }
        }
        Json::Object(members) => {
            for (name, member) in members {
                path.push(Step::Member(name.as_str().into()));
                collect_open(member, path, open)?;
                path.pop();
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
    Ok(())
}

type Misread = (String, String);

/// What is open in a text, when anything is.
fn pieces(text: &str) -> Result<Option<Pieces>, Misread> {
    if let Some(mark) = param(text) {
        return Ok(Some(Pieces::Whole(mark)));
    }
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("{{") {
        plain.push_str(before);
        // Braces around anything else are text; the next pair may begin inside.
        if !begins_with_name(from) {
            plain.push_str("{{");
            rest = from;
            continue;
        }
        let Some((inside, after)) = from.split_once("}}") else {
            plain.push_str("{{");
            rest = from;
            break;
        };
        if !plain.is_empty() {
            pieces.push(Piece::Plain(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Open(mark(inside)?));
        rest = after;
    }
    plain.push_str(rest);
    if pieces.is_empty() {
        return Ok(None);
    }
    if plain.is_empty() && pieces.len() == 1 {
        let whole = pieces.pop().and_then(|piece| match piece {
            Piece::Open(mark) => Some(Pieces::Whole(mark)),
            Piece::Plain(_) => None,
        });
        return Ok(whole);
    }
    if !plain.is_empty() {
        pieces.push(Piece::Plain(plain));
    }
    Ok(Some(Pieces::Text(pieces)))
}

/// Whether a name and what may follow one stand behind two braces. Only then are the closing
/// braces looked for: they may be megabytes away, and the next pair begin at the next letter.
fn begins_with_name(from: &str) -> bool {
    let from = from.trim_start();
    let end = from.find(|letter| !is_name_letter(letter)).unwrap_or(from.len());
    let (name, rest) = from.split_at_checked(end).unwrap_or_default();
    let rest = rest.trim_start();
    is_name(name) && (rest.starts_with([':', '=']) || rest.starts_with("}}"))
}

/// `NAME`, `NAME:kind`, `NAME:kind=default` or `NAME=default` between braces.
fn mark(inside: &str) -> Result<Mark, Misread> {
    let (head, default) = match inside.split_once('=') {
        Some((head, default)) => (head, Some(default)),
        None => (inside, None),
    };
    let (name, kind) = match head.split_once(':') {
        Some((name, kind)) => (name.trim(), Some(kind.trim())),
        None => (head.trim(), None),
    };
    let misread = |problem: String| (format!("{{{{{inside}}}}}"), problem);
    let kind = match kind {
        None => None,
        Some(kind) => Some(Kind::from_name(kind).ok_or_else(|| {
            misread(format!("`{kind}` is no kind; there are int, float, bool, text and any"))
        })?),
    };
    let default = match default {
        None => None,
        Some(text) => {
            let value = Json::from(text);
            let value = match kind {
                None | Some(Kind::Text) => Ok(value),
                Some(Kind::Any) => Ok(Json::parse(text.as_bytes()).unwrap_or(value)),
                Some(kind) => kind.accept(&value),
            };
            Some(value.map_err(misread)?)
        }
    };
    Ok(Mark { name: name.to_owned(), kind, default })
}

/// `PARAM_NAME`, or `PARAM_INT_NAME` with a kind.
fn param(text: &str) -> Option<Mark> {
    let rest = text.strip_prefix("PARAM_").filter(|rest| is_name(rest))?;
    let typed = rest.split_once('_').and_then(|(kind, name)| {
        let kind = match kind {
            "STR" | "STRING" | "TEXT" => Kind::Text,
            "INT" => Kind::Integer,
            "FLOAT" => Kind::Number,
            "BOOL" => Kind::Flag,
            _ => return None,
        };
        is_name(name).then_some((kind, name))
    });
    // Without a kind it is a text by the convention, but it may stand for any value.
    let (kind, name) = typed.map_or((None, rest), |(kind, name)| (Some(kind), name));
    Some(Mark { name: name.to_owned(), kind, default: None })
}

/// Capitals, digits and underscores: what people write in prompts between two braces is not
/// spelled so.
fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase()) && text.chars().all(is_name_letter)
}

fn is_name_letter(letter: char) -> bool {
    letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_'
}
