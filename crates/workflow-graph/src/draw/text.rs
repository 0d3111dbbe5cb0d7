//! Text made safe and short for pictures.

use crate::json::Json;

/// A value in one line, cut where it gets long.
pub(super) fn shortened(value: &Json, characters_max: usize) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    cut(&in_one_line(&text), characters_max)
}

/// A text cut to so many characters, with a sign that it is.
pub(super) fn cut(text: &str, characters_max: usize) -> String {
    match text.char_indices().nth(characters_max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().trim_end()),
    }
}

/// A text without line breaks and other control characters.
pub(super) fn in_one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// A text for XML and HTML, as content or in quotes. What XML cannot hold is replaced.
pub(super) fn escape_xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                escaped.push('\u{fffd}');
            }
            other => escaped.push(other),
        }
    }
    escaped
}
