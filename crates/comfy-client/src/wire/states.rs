//! Frames of node states, read as what changed since the frame before.
//!
//! ComfyUI sends the states of all nodes that have begun whenever one of them changes, so that
//! the frames of a run grow with the square of its nodes. Two frames in a row differ in one node
//! or two: what is alike is compared as bytes, and only the rest is decoded.

use bytes::Bytes;
use workflow_graph::Json;

use super::{
    DecodeError,
    text::{Message, NodeProgress, decode_text, node_state},
};

/// Reads the `progress_state` frames of one prompt.
///
/// ```
/// use bytes::Bytes;
/// use comfy_client::wire::NodeStateReader;
///
/// let frame = |nodes: &str| {
///     let start = r#"{"type": "progress_state", "data": {"prompt_id": "p", "nodes": {"#;
///     Bytes::from(format!("{start}{nodes}}}}}}}"))
/// };
/// let first = frame(r#""4": {"value": 0, "max": 1, "state": "running"}"#);
/// let second = frame(
///     r#""4": {"value": 0, "max": 1, "state": "running"}, "3": {"value": 1, "max": 9, "state": "running"}"#,
/// );
/// assert_eq!(NodeStateReader::prompt_of(&second), Some("p"));
///
/// let mut reader = NodeStateReader::default();
/// assert_eq!(reader.read(&first)?.len(), 1);
/// let changed = reader.read(&second)?;
/// assert_eq!(changed.len(), 1);
/// assert_eq!(changed[0].node.as_str(), "3");
/// assert_eq!(reader.read(&second)?, []);
/// # Ok::<(), comfy_client::wire::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct NodeStateReader {
    /// The frame that was read last; empty when there is nothing to compare with.
    frame: Bytes,
    /// Where its nodes stand in it, in order.
    entries: Vec<Entry>,
}

/// One node's name and state, without the comma around it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: usize,
    end: usize,
}

/// A frame of another spelling than ComfyUI's.
struct Unfamiliar;

impl NodeStateReader {
    /// The prompt of a frame, if it is one of node states as ComfyUI spells them. This looks at
    /// the beginning of the frame only. Other frames are for [`decode_text`], which knows these
    /// as well.
    pub fn prompt_of(frame: &[u8]) -> Option<&str> {
        Head::read(frame).ok().map(|head| head.prompt)
    }

    /// The nodes whose state differs from the frame before, in the order they began; all of them
    /// from the first frame, and from one that does not continue the frame before.
    ///
    /// A frame that is no frame of node states has none. After an error, the next frame counts
    /// as the first.
    pub fn read(&mut self, frame: &Bytes) -> Result<Vec<NodeProgress>, DecodeError> {
        if let Ok(changed) = self.read_changes(frame) {
            self.frame = frame.clone();
            return Ok(changed);
        }
        self.frame = Bytes::new();
        self.entries.clear();
        let message = decode_text(frame)?;
        Ok(if let Message::ProgressState { nodes, .. } = message { nodes } else { Vec::new() })
    }

    fn read_changes(&mut self, frame: &[u8]) -> Result<Vec<NodeProgress>, Unfamiliar> {
        let mut cursor = Cursor { text: frame, at: Head::read(frame)?.nodes_at };
        cursor.skip_space();
        let old_at = self.entries.first().map_or(0, |first| first.start);
        let mut index = self.skip_what_is_alike(0, old_at, &mut cursor);
        let mut changed = Vec::new();
        while !cursor.eats(b"}") {
            if index > 0 {
                cursor.expect(b",")?;
            }
            let (entry, progress) = cursor.entry()?;
            changed.extend(progress);
            let old = self.entries.get_mut(index).map(|old| std::mem::replace(old, entry));
            match old {
                Some(old) if old.name(&self.frame) == entry.name(frame) => {
                    index = self.skip_what_is_alike(index + 1, old.end, &mut cursor);
                }
                // The frames part here: what follows in the old one is of no use.
                Some(_) => {
                    index += 1;
                    self.entries.truncate(index);
                }
                None => {
                    self.entries.push(entry);
                    index += 1;
                }
            }
        }
        self.entries.truncate(index);
        cursor.expect(b"}")?;
        cursor.expect(b"}")?;
        cursor.end()?;
        Ok(changed)
    }

    /// Moves over the nodes from `index` on that stand in both frames alike, from `old_at` in the
    /// old one and from the cursor in the new one. Returns the index of the first that does not.
    fn skip_what_is_alike(&mut self, index: usize, old_at: usize, cursor: &mut Cursor) -> usize {
        let old = self.frame.get(old_at..).unwrap_or_default();
        let new = cursor.text.get(cursor.at..).unwrap_or_default();
        let alike_to = old_at + alike_bytes(old, new);
        let entries = self.entries.get_mut(index..).unwrap_or_default();
        let alike = entries.partition_point(|entry| entry.end <= alike_to);
        let new_at = cursor.at;
        for entry in entries.iter_mut().take(alike) {
            if old_at != new_at {
                entry.start = entry.start - old_at + new_at;
                entry.end = entry.end - old_at + new_at;
            }
            cursor.at = entry.end;
        }
        index + alike
    }
}

/// How many bytes two texts begin with in common.
fn alike_bytes(one: &[u8], other: &[u8]) -> usize {
    /// So many are compared at once.
    const BLOCK: usize = 1024;
    let blocks = one.chunks_exact(BLOCK).zip(other.chunks_exact(BLOCK));
    let alike = BLOCK * blocks.take_while(|(one, other)| one == other).count();
    let rests = one.iter().skip(alike).zip(other.iter().skip(alike));
    alike + rests.take_while(|(one, other)| one == other).count()
}

impl Entry {
    fn name(self, frame: &[u8]) -> Option<&[u8]> {
        Cursor { text: frame, at: self.start }.string().ok()
    }
}

/// What stands before the nodes.
struct Head<'a> {
    prompt: &'a str,
    nodes_at: usize,
}

impl<'a> Head<'a> {
    fn read(frame: &'a [u8]) -> Result<Self, Unfamiliar> {
        let mut cursor = Cursor { text: frame, at: 0 };
        let kind: [&[u8]; 4] = [b"{", b"\"type\"", b":", b"\"progress_state\""];
        let data: [&[u8]; 6] = [b",", b"\"data\"", b":", b"{", b"\"prompt_id\"", b":"];
        kind.iter().chain(&data).try_for_each(|token| cursor.expect(token))?;
        let prompt = cursor.plain_text()?;
        let nodes: [&[u8]; 4] = [b",", b"\"nodes\"", b":", b"{"];
        nodes.iter().try_for_each(|token| cursor.expect(token))?;
        Ok(Self { prompt, nodes_at: cursor.at })
    }
}

/// A place in a frame.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        let is_space = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        self.at += self.rest().iter().take_while(is_space).count();
    }

    fn eats(&mut self, token: &[u8]) -> bool {
        self.skip_space();
        let is_there = self.rest().starts_with(token);
        self.at += if is_there { token.len() } else { 0 };
        is_there
    }

    fn expect(&mut self, token: &[u8]) -> Result<(), Unfamiliar> {
        if self.eats(token) { Ok(()) } else { Err(Unfamiliar) }
    }

    fn end(&mut self) -> Result<(), Unfamiliar> {
        self.skip_space();
        if self.rest().is_empty() { Ok(()) } else { Err(Unfamiliar) }
    }

    /// A string with its quotes, as it is spelled.
    fn string(&mut self) -> Result<&'a [u8], Unfamiliar> {
        self.skip_space();
        let start = self.at;
        let Some((b'"', inside)) = self.rest().split_first() else { return Err(Unfamiliar) };
        let mut is_escaped = false;
        let ends = |byte: &u8| {
            let ends = *byte == b'"' && !is_escaped;
            is_escaped = *byte == b'\\' && !is_escaped;
            ends
        };
        self.at += 2 + inside.iter().position(ends).ok_or(Unfamiliar)?;
        self.text.get(start..self.at).ok_or(Unfamiliar)
    }

    /// A string that is spelled without escapes.
    fn plain_text(&mut self) -> Result<&'a str, Unfamiliar> {
        let spelled = std::str::from_utf8(self.string()?).map_err(|_| Unfamiliar)?;
        if spelled.contains('\\') { Err(Unfamiliar) } else { Ok(spelled.trim_matches('"')) }
    }

    /// An object, as it is spelled.
    fn object(&mut self) -> Result<&'a [u8], Unfamiliar> {
        self.skip_space();
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.rest().first().ok_or(Unfamiliar)? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' => depth += 1,
                b'}' => depth = depth.checked_sub(1).ok_or(Unfamiliar)?,
                _ if depth == 0 => return Err(Unfamiliar),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return self.text.get(start..self.at).ok_or(Unfamiliar);
            }
        }
    }

    /// One node: where it stands, and its state if that has what it needs.
    fn entry(&mut self) -> Result<(Entry, Option<NodeProgress>), Unfamiliar> {
        self.skip_space();
        let start = self.at;
        let name = Json::parse(self.string()?).map_err(|_| Unfamiliar)?;
        self.expect(b":")?;
        let state = Json::parse_deep(self.object()?).map_err(|_| Unfamiliar)?;
        let progress = name.as_str().and_then(|name| node_state(name, &state));
        Ok((Entry { start, end: self.at }, progress))
    }
}

#[cfg(test)]
mod tests;
