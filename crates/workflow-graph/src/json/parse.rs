//! Reading JSON in Python's dialect.

use std::borrow::Cow;

use thiserror::Error;

use super::{Json, Name, Number, Object, surrogate};

/// Why a text is not JSON, and where.
///
/// ```
/// use workflow_graph::Json;
/// let error = Json::parse(b"{\"a\": 1,\n oops}").unwrap_err();
/// assert_eq!(error.to_string(), "not JSON at line 2 column 2: expected a member name in quotes");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not JSON at line {line} column {column}: {problem}")]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// The byte in the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: &'static str,
}

pub(super) fn parse(text: &[u8], depth_max: usize) -> Result<Json, ParseError> {
    let mut parser = Parser { text, at: 0, depth_max, members: Vec::new(), items: Vec::new() };
    let parsed = parser.document();
    parsed.map_err(|problem| parser.error(problem))
}

const STAND_IN: &str = "a character from U+10F800 on, which stands for a lone surrogate here";

type Parsed<T> = Result<T, &'static str>;

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    depth_max: usize,
    /// The members read so far of all objects that are still open, the inner ones last: an
    /// object is built when its size is known.
    members: Vec<(Name, Json)>,
    /// The same for lists.
    items: Vec<Json>,
}

impl<'a> Parser<'a> {
    fn document(&mut self) -> Parsed<Json> {
        // Editors on Windows write a byte order mark.
        if self.rest().starts_with(b"\xef\xbb\xbf") {
            self.at += 3;
        }
        let value = self.value(0)?;
        self.skip_space();
        if self.peek().is_some() { Err("more text after the end of the value") } else { Ok(value) }
    }

    fn value(&mut self, depth: usize) -> Parsed<Json> {
        if depth > self.depth_max {
            return Err("lists and objects nest too deep");
        }
        self.skip_space();
        match self.peek() {
            None => Err("the text ends where a value should stand"),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(|text| Json::String(text.into())),
            Some(b'-' | b'0'..=b'9') => self.number().map(Json::Number),
            Some(_) => self.word(),
        }
    }

    fn word(&mut self) -> Parsed<Json> {
        if self.eat_word(b"null") {
            Ok(Json::Null)
        } else if self.eat_word(b"true") {
            Ok(Json::Bool(true))
        } else if self.eat_word(b"false") {
            Ok(Json::Bool(false))
        } else if self.eat_word(b"NaN") {
            Ok(Json::Number(Number::from_spelling("NaN")))
        } else if self.eat_word(b"Infinity") {
            Ok(Json::Number(Number::from_spelling("Infinity")))
        } else {
            Err("expected a value")
        }
    }

    fn object(&mut self, depth: usize) -> Parsed<Json> {
        let first = self.members.len();
        self.at += 1;
        self.skip_space();
        if self.eat(b'}') {
            return Ok(Json::Object(Object::new()));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err("expected a member name in quotes");
            }
            let name = self.string()?;
            self.skip_space();
            if !self.eat(b':') {
                return Err("expected `:` after a member name");
            }
            let value = self.value(depth + 1)?;
            self.members.push((name.into(), value));
            self.skip_space();
            if self.eat(b'}') {
                return Ok(Json::Object(self.members.drain(first..).collect()));
            }
            if !self.eat(b',') {
                return Err("expected `,` or `}`");
            }
        }
    }

    fn array(&mut self, depth: usize) -> Parsed<Json> {
        let first = self.items.len();
        self.at += 1;
        self.skip_space();
        if self.eat(b']') {
            return Ok(Json::Array(Vec::new()));
        }
        loop {
            let value = self.value(depth + 1)?;
            self.items.push(value);
            self.skip_space();
            if self.eat(b']') {
                return Ok(Json::Array(self.items.drain(first..).collect()));
            }
            if !self.eat(b',') {
                return Err("expected `,` or `]`");
            }
        }
    }

    fn number(&mut self) -> Parsed<Number> {
        let start = self.at;
        self.eat(b'-');
        if self.rest().starts_with(b"Infinity") {
            self.at += b"Infinity".len();
            return Ok(Number::from_spelling(self.since(start)));
        }
        if !self.eat(b'0') && self.digits() == 0 {
            return Err("expected a digit");
        }
        if self.eat(b'.') && self.digits() == 0 {
            return Err("expected a digit after the point");
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _signed = self.eat(b'+') || self.eat(b'-');
            if self.digits() == 0 {
                return Err("expected a digit in the exponent");
            }
        }
        Ok(Number::from_spelling(self.since(start)))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    /// Reads a string from its opening quote. Most have no escape and are taken in one piece.
    fn string(&mut self) -> Parsed<Cow<'a, str>> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let is_plain = |byte: &u8| *byte != b'"' && *byte != b'\\' && *byte >= 0x20;
            let plain = rest.iter().position(|byte| !is_plain(byte)).unwrap_or(rest.len());
            let piece = rest.get(..plain).unwrap_or_default();
            self.at += plain;
            let piece = std::str::from_utf8(piece).map_err(|_| "the text is not UTF-8")?;
            if let Some(at) = surrogate::first_stand_in(piece) {
                self.at = self.at - plain + at;
                return Err(STAND_IN);
            }
            if text.is_empty() && self.eat(b'"') {
                return Ok(Cow::Borrowed(piece));
            }
            text.push_str(piece);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                Some(_) => return Err("a control character in a string must be escaped"),
                None => return Err("the text ends inside a string"),
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let byte = self.peek().ok_or("the text ends inside a string")?;
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err("unknown escape"),
        })
    }

    fn unicode_escape(&mut self) -> Parsed<char> {
        let first = self.hex4()?;
        if (0xd800..0xdc00).contains(&first) && self.rest().starts_with(b"\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.hex4()?;
            if (0xdc00..0xe000).contains(&second) {
                let joined = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                let joined = char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER);
                let is_free = surrogate::of_stand_in(joined).is_none();
                return if is_free { Ok(joined) } else { Err(STAND_IN) };
            }
            self.at = before;
        }
        Ok(char::from_u32(first).unwrap_or_else(|| surrogate::stand_in(first)))
    }

    fn hex4(&mut self) -> Parsed<u32> {
        const PROBLEM: &str = "expected four hexadecimal digits";
        let digits = self.text.get(self.at..self.at + 4).ok_or(PROBLEM)?;
        let mut value = 0;
        for digit in digits {
            value = value * 16 + char::from(*digit).to_digit(16).ok_or(PROBLEM)?;
        }
        self.at += 4;
        Ok(value)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn eat_word(&mut self, word: &[u8]) -> bool {
        let found = self.rest().starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// The text read since `start`; only called over ASCII.
    fn since(&self, start: usize) -> &'a str {
        std::str::from_utf8(self.text.get(start..self.at).unwrap_or_default()).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error(&self, problem: &'static str) -> ParseError {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        let line = before.split(|byte| *byte == b'\n').count();
        let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
        ParseError { line, column, problem }
    }
}
