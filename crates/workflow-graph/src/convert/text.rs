//! What the front end makes of texts when it sends them: random choices and comments in prompts,
//! names of other nodes' widgets in file names.

use std::borrow::Cow;

use super::{
    class_node::SAVING_CLASSES,
    scene::{Kind, Node, Place, ROOT, Scene},
};
use crate::{json::Json, ui::id_text};

/// A prompt without comments, with the first of each `{a|b}`, and how many such there were. One
/// alone in braces is no choice: only the braces go.
pub(super) fn resolve_choices(prompt: &str) -> (String, usize) {
    let text = without_comments(prompt);
    let mut choices = 0;
    let mut resolved = String::with_capacity(text.len());
    first_choices(&text, &mut resolved, &mut choices);
    for escaped in ['{', '}', '|'] {
        resolved = resolved.replace(&format!("\\{escaped}"), &escaped.to_string());
    }
    (resolved, choices)
}

/// Whether a text has anything that [`resolve_choices`] would change.
pub(super) fn has_choices(prompt: &str) -> bool {
    prompt.contains('{')
        || prompt.contains("//")
        || prompt.contains("/*")
        || prompt.contains("\\}")
        || prompt.contains("\\|")
}

/// A text that [`resolve_choices`] makes a prompt of, if there is one: a backslash before a brace
/// cannot be written.
pub(super) fn protected(prompt: &str) -> Option<String> {
    let mut text = String::with_capacity(prompt.len());
    for character in prompt.chars() {
        if matches!(character, '{' | '}' | '|') {
            text.push('\\');
        } else if matches!(character, '/' | '*') && text.ends_with('/') {
            // Nothing in braces is nothing, but keeps a comment from beginning.
            text.push_str("{}");
        }
        text.push(character);
    }
    (resolve_choices(&text).0 == prompt).then_some(text)
}

/// `/* … */` and everything from `//` to the end of the line go.
fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('/') {
        let (before, comment) = rest.split_at(at);
        kept.push_str(before);
        rest = if let Some(end) = comment.strip_prefix("/*").and_then(|inside| inside.find("*/")) {
            comment.get(end + 4..).unwrap_or_default()
        } else if comment.starts_with("//") {
            comment
                .find(['\n', '\r', '\u{2028}', '\u{2029}'])
                .map_or("", |end| comment.get(end..).unwrap_or_default())
        } else {
            kept.push('/');
            comment.get(1..).unwrap_or_default()
        };
    }
    kept.push_str(rest);
    kept
}

/// Copies a text with the first option of each block in braces. Blocks within the chosen option
/// are open again; those in others are passed over. One pass, however deep they are.
fn first_choices(text: &str, resolved: &mut String, choices: &mut usize) {
    let mut characters = text.chars();
    // For each block around: whether it has had a `|` on its own level.
    let mut open: Vec<bool> = Vec::new();
    // How deep in blocks of an option that was not chosen.
    let mut skipped: Option<usize> = None;
    while let Some(character) = characters.next() {
        match (character, skipped) {
            ('\\', _) => {
                let escaped = characters.next();
                if skipped.is_none() {
                    resolved.push('\\');
                    resolved.extend(escaped);
                }
            }
            ('{', None) => open.push(false),
            ('{', Some(depth)) => skipped = Some(depth + 1),
            ('|', None) if !open.is_empty() => {
                *choices += 1;
                skipped = Some(0);
            }
            ('}', Some(0)) => {
                skipped = None;
                open.pop();
            }
            ('}', None) if open.pop().is_some() => {}
            ('}', Some(depth)) => skipped = Some(depth - 1),
            (character, None) => resolved.push(character),
            (_, Some(_)) => {}
        }
    }
}

/// The text with each `%node.widget%` replaced by what that widget holds. A node is named by its
/// property `Node name for S&R`, else by its title.
pub(super) fn fill_names(scene: &Scene<'_>, pattern: &str) -> String {
    let mut filled = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        let inside = from.get(1..).unwrap_or_default();
        let end = inside.find('%').filter(|end| *end > 0);
        let Some((name, after)) = end.and_then(|end| inside.split_at_checked(end)) else {
            filled.push('%');
            rest = inside;
            continue;
        };
        match named_value(scene, name) {
            Some(value) => filled.push_str(&value),
            None => {
                filled.push('%');
                filled.push_str(name);
                filled.push('%');
            }
        }
        rest = after.get(1..).unwrap_or_default();
    }
    filled.push_str(rest);
    filled
}

/// The first `%date:…%` of a text.
pub(super) fn date_pattern(text: &str) -> Option<&str> {
    let from = text.get(text.find("%date:")?..)?;
    let end = from.get(1..)?.find('%')?;
    from.get(..end + 2)
}

fn named_value(scene: &Scene<'_>, name: &str) -> Option<String> {
    let (node, widget) = name.split_once('.').filter(|(_, widget)| !widget.contains('.'))?;
    let node = scene.node(by_name(scene, node)?)?;
    let own = node.body.widget(widget).map(|widget| widget.value);
    let promoted = || {
        let slot = node.body.inputs().find(|slot| slot.name == widget)?;
        slot.promoted.map(|promoted| Cow::Borrowed(&promoted.value))
    };
    let value = own.or_else(promoted)?;
    let forbidden = |character: char| {
        matches!(character, '/' | '?' | '<' | '>' | '\\' | ':' | '*' | '|' | '"' | '\u{7f}')
            || character < ' '
    };
    let text = match value.as_deref() {
        None | Some(Json::Null) => String::new(),
        Some(Json::Bool(value)) => value.to_string(),
        Some(value) => id_text(value).map_or_else(|| value.to_string(), Cow::into_owned),
    };
    Some(text.replace(forbidden, "_"))
}

fn by_name(scene: &Scene<'_>, name: &str) -> Option<Place> {
    let places = in_order(scene);
    let has = |place: &Place, is: &dyn Fn(&Node<'_>) -> bool| scene.node(*place).is_some_and(is);
    let by_property = places
        .iter()
        .find(|place| has(place, &|node| search_name(node).is_some_and(|own| own == name)));
    let by_title = || places.iter().find(|place| has(place, &|node| node.title() == name));
    by_property.or_else(by_title).copied()
}

/// The name that a node is searched by; the front end gives one to those that have none.
fn search_name<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    if let Some(name) = node.saved.property("Node name for S&R") {
        return name.as_str();
    }
    let Kind::Class(class) = node.kind else { return None };
    (!SAVING_CLASSES.contains(&&*class.name)).then_some(&*class.name)
}

/// All nodes: what is in a subgraph stands in front of its first instance.
fn in_order(scene: &Scene<'_>) -> Vec<Place> {
    let mut order = Vec::new();
    let mut seen = vec![false; scene.graphs.len()];
    let mut stack = vec![(Place { graph: ROOT, node: 0 }, false)];
    while let Some((place, inner_done)) = stack.pop() {
        let Some(node) = scene.node(place) else { continue };
        let inner = if let Kind::Instance(graph) = node.kind { Some(graph) } else { None };
        let unseen =
            |graph: &usize| seen.get_mut(*graph).is_some_and(|seen| !std::mem::replace(seen, true));
        let inner = inner.filter(|_| !inner_done).filter(unseen);
        if let Some(graph) = inner {
            stack.push((place, true));
            stack.push((Place { graph, node: 0 }, false));
            continue;
        }
        order.push(place);
        stack.push((Place { node: place.node + 1, ..place }, false));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::{date_pattern, protected, resolve_choices};

    #[track_caller]
    fn check(prompt: &str, expected: &str, choices: usize) {
        assert_eq!(resolve_choices(prompt), (expected.to_owned(), choices));
    }

    #[test]
    fn the_first_of_each_choice_is_taken() {
        check("a {red|blue} fox", "a red fox", 1);
        check("{a {b|c}|d} e", "a b e", 2);
        check("{x|{y|z}} {p|q}", "x p", 2);
    }

    #[test]
    fn braces_without_a_choice_go() {
        check("{\"a\": 1}", "\"a\": 1", 0);
        check("open { end", "open  end", 0);
        check("close } end", "close } end", 0);
    }

    #[test]
    fn escaped_signs_stay() {
        check(r"\{a\|b\}", "{a|b}", 0);
        check(r"a | b \n", r"a | b \n", 0);
    }

    #[test]
    fn comments_go() {
        check("a // b\nc", "a \nc", 0);
        check("a /* b\n */ c / d", "a  c / d", 0);
        check("http://x.y", "http:", 0);
        check("a /* b", "a /* b", 0);
    }

    #[test]
    fn prompts_can_be_protected() {
        for prompt in ["{\"a\": [1|2]}", "http://x.y /* z */ // w", "a\\nb", ""] {
            let text = protected(prompt).unwrap();
            assert_eq!(resolve_choices(&text), (prompt.to_owned(), 0), "{text}");
        }
        assert_eq!(protected("a \\{ b"), None);
    }

    #[test]
    fn a_date_is_found() {
        assert_eq!(date_pattern("x/%date:yyyy%_a"), Some("%date:yyyy%"));
        assert_eq!(date_pattern("x/%date:yyyy"), None);
    }
}
