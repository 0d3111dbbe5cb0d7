//! Finding what is marked as open.

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

/// A member of an object or a place in a list.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Member(String),
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
            let mut texts = Vec::new();
            collect_texts(value, &mut Vec::new(), &mut texts);
            for (path, text) in texts {
                let pieces = pieces(text).map_err(|(placeholder, problem)| {
                    let (node, input) = (id.clone(), name.to_owned());
                    TemplateError::Placeholder { placeholder, node, input, problem }
                })?;
                if let Some(pieces) = pieces {
                    found.push(Spot { node: id.clone(), input: name.to_owned(), path, pieces });
                }
            }
        }
    }
    Ok(found)
}

/// The texts in a value with the way to each. The depth of what was parsed is limited.
fn collect_texts<'a>(value: &'a Json, path: &mut Vec<Step>, texts: &mut Vec<(Vec<Step>, &'a str)>) {
    match value {
        Json::String(text) => texts.push((path.clone(), text)),
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Step::Item(index));
                collect_texts(item, path, texts);
                path.pop();
            }
        }
        Json::Object(members) => {
            for (name, member) in members {
                path.push(Step::Member(name.clone()));
                collect_texts(member, path, texts);
                path.pop();
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
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
        let Some((inside, after)) = from.split_once("}}") else {
            plain.push_str("{{");
            rest = from;
            continue;
        };
        match mark(inside)? {
            Some(mark) => {
                if !plain.is_empty() {
                    pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Open(mark));
                rest = after;
            }
            // Braces around anything else are text; the next pair may begin inside.
            None => {
                plain.push_str("{{");
                rest = from;
            }
        }
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

/// `NAME`, `NAME:kind`, `NAME:kind=default` or `NAME=default` between braces.
fn mark(inside: &str) -> Result<Option<Mark>, Misread> {
    let (head, default) = match inside.split_once('=') {
        Some((head, default)) => (head, Some(default)),
        None => (inside, None),
    };
    let (name, kind) = match head.split_once(':') {
        Some((name, kind)) => (name.trim(), Some(kind.trim())),
        None => (head.trim(), None),
    };
    if !is_name(name) {
        return Ok(None);
    }
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
    Ok(Some(Mark { name: name.to_owned(), kind, default }))
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
    text.starts_with(|first: char| first.is_ascii_uppercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}
