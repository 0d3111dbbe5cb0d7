//! What nodes reported over the socket, of which the history may lack some.

use std::collections::VecDeque;

use crate::outputs::NodeOutput;

/// How many outputs are kept. Far more than a workflow has that somebody drew.
const OUTPUTS_MAX: usize = 4096;

/// How many bytes the frames may have had that brought the outputs.
const BYTES_MAX: usize = 64 << 20;

/// The latest output of each node, as far as they fit.
#[derive(Debug, Default)]
pub(super) struct Seen {
    outputs: VecDeque<(NodeOutput, usize)>,
    bytes: usize,
}

impl Seen {
    /// Keeps an output in place of what the same node reported before. The oldest make room.
    pub(super) fn note(&mut self, output: NodeOutput, bytes: usize) {
        let before = self.outputs.iter().position(|(seen, _)| seen.node == output.node);
        if let Some(before) = before {
            self.remove(before);
        }
        self.outputs.push_back((output, bytes));
        self.bytes = self.bytes.saturating_add(bytes);
        while self.outputs.len() > OUTPUTS_MAX || self.bytes > BYTES_MAX {
            self.remove(0);
            tracing::debug!("an output was left out: only the history can still have it");
        }
    }

    pub(super) fn into_outputs(self) -> impl Iterator<Item = NodeOutput> {
        self.outputs.into_iter().map(|(output, _)| output)
    }

    fn remove(&mut self, index: usize) {
        if let Some((_, bytes)) = self.outputs.remove(index) {
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(node: usize) -> NodeOutput {
        NodeOutput { node: node.to_string().parse().unwrap(), items: Vec::new() }
    }

    fn nodes(seen: Seen) -> Vec<String> {
        seen.into_outputs().map(|output| output.node.to_string()).collect()
    }

    #[test]
    fn each_node_has_its_latest_output() {
        let mut seen = Seen::default();
        for node in [1, 2, 1] {
            seen.note(output(node), 5);
        }
        assert_eq!(seen.bytes, 10);
        assert_eq!(nodes(seen), ["2", "1"]);
    }

    #[test]
    fn the_oldest_make_room() {
        let mut seen = Seen::default();
        for node in 0..=OUTPUTS_MAX {
            seen.note(output(node), 0);
        }
        assert_eq!(seen.outputs.len(), OUTPUTS_MAX);
        seen.note(output(1), BYTES_MAX);
        seen.note(output(2), 1);
        assert_eq!(nodes(seen), ["2"]);
    }
}
