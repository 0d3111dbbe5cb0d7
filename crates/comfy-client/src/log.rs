//! The lines of a server's log.

mod follow;

use std::{iter::Peekable, str::Chars};

use workflow_graph::Json;

pub use self::follow::{LogEvent, LogFollower};
use crate::{client::Client, error::Error};

/// One piece of a server's log, mostly a line.
///
/// ```
/// use comfy_client::LogLine;
/// let line = LogLine { time: "2026-09-22T10:00:00.5".to_owned(), text: "got prompt\n".to_owned() };
/// assert_eq!(line.text.trim_end(), "got prompt");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written, by the server's clock and without a time zone, as it says.
    pub time: String,
    /// What was written, with its line break, and with colors where the server uses them.
    pub text: String,
}

impl LogLine {
    /// Reads the `entries` of an answer or of a [`Message::Logs`](crate::wire::Message::Logs).
    /// What is no entry is left out.
    pub fn all_from_json(json: &Json) -> Vec<Self> {
        let entries = json.get("entries").and_then(Json::as_array).unwrap_or_default();
        entries.iter().filter_map(Self::read).collect()
    }

    /// The text without colors, line breaks at its end and other control characters, so that it can
    /// be shown on a terminal whoever wrote it.
    ///
    /// ```
    /// use comfy_client::LogLine;
    /// let text = "\u{1b}[32m[INFO]\u{1b}[0m got prompt\n".to_owned();
    /// assert_eq!(LogLine { time: String::new(), text }.plain_text(), "[INFO] got prompt");
    /// ```
    pub fn plain_text(&self) -> String {
        let mut plain = String::with_capacity(self.text.len());
        let mut letters = self.text.trim_end().chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '\u{1b}' => skip_sequence(&mut letters),
                '\n' | '\t' => plain.push(letter),
                letter if letter.is_control() => {}
                letter => plain.push(letter),
            }
        }
        plain
    }

    fn read(json: &Json) -> Option<Self> {
        let text = |name| Some(json.get(name)?.as_str()?.to_owned());
        Some(Self { time: text("t").unwrap_or_default(), text: text("m")? })
    }
}

impl Client {
    /// The latest of what the server wrote to its log, oldest first: some 300 lines. For a look
    /// at why something failed; paths of the server and texts of all its users stand in it.
    ///
    /// `None` from a server without this route, which is meant for ComfyUI's own pages.
    pub async fn log(&self) -> Result<Option<Vec<LogLine>>, Error> {
        let reply = self.http.get(&["internal", "logs", "raw"], &[]).await?;
        if matches!(reply.status, 404 | 405) {
            return Ok(None);
        }
        let json = reply.success(&self.http)?.json(&self.http)?;
        Ok(Some(LogLine::all_from_json(&json)))
    }
}

/// Skips the rest of an escape sequence: all of `[…m` and the like, or one letter.
fn skip_sequence(letters: &mut Peekable<Chars<'_>>) {
    if letters.next_if_eq(&'[').is_none() {
        letters.next();
        return;
    }
    // Parameters, and then the letter that ends it.
    while letters.next_if(|letter| matches!(letter, ' '..='?')).is_some() {}
    letters.next_if(|letter| matches!(letter, '@'..='~'));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_line_is_left_out() {
        let json = Json::parse(
            br#"{"entries": [{"t": "1", "m": "a\n"}, null, {"t": "2"}, {"m": "b"}], "size": {}}"#,
        );
        let lines = LogLine::all_from_json(&json.unwrap());
        let texts: Vec<_> = lines.iter().map(|line| (&*line.time, &*line.text)).collect();
        assert_eq!(texts, [("1", "a\n"), ("", "b")]);
        assert_eq!(LogLine::all_from_json(&Json::Null), []);
    }

    #[test]
    fn what_moves_a_terminal_is_taken_out() {
        for (text, plain) in [
            ("\u{1b}[1m\u{1b}[31m[ERROR]\u{1b}[0m no\n  more\r\n", "[ERROR] no\n  more"),
            ("\r 50%|\u{8}\u{1b}[A", " 50%|"),
            ("a\u{1b}[2J\u{1b}]0;title\u{7}b", "a0;titleb"),
            ("\u{1b}", ""),
            ("\u{1b}[31", ""),
            ("ü\u{9b}31m\tx", "ü31m\tx"),
        ] {
            let line = LogLine { time: String::new(), text: text.to_owned() };
            assert_eq!(line.plain_text(), plain);
        }
    }
}
