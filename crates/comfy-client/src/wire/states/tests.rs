use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::wire::NodeState;

/// A frame as ComfyUI spells it.
fn frame(nodes: &[(String, String)]) -> Bytes {
    let mut text =
        String::from(r#"{"type": "progress_state", "data": {"prompt_id": "p", "nodes": {"#);
    for (index, (name, state)) in nodes.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(text, "{comma}{}: {state}", Json::from(name.as_str())).unwrap();
    }
    text.push_str("}}}");
    text.into()
}

fn state(value: u32, state: &str) -> String {
    format!(r#"{{"value": {value}, "max": 9, "state": "{state}", "display_node_id": null}}"#)
}

fn nodes(states: &[(&str, u32, &str)]) -> Vec<(String, String)> {
    states.iter().map(|(name, value, word)| ((*name).to_owned(), state(*value, word))).collect()
}

#[track_caller]
fn check(reader: &mut NodeStateReader, states: &[(&str, u32, &str)], changed: &[(&str, f64)]) {
    let read = reader.read(&frame(&nodes(states))).unwrap();
    let read: Vec<_> = read.iter().map(|node| (node.node.as_str(), node.value)).collect();
    assert_eq!(read, changed);
}

#[test]
fn only_what_changed_is_read() {
    let mut reader = NodeStateReader::default();
    check(&mut reader, &[("4", 0, "running")], &[("4", 0.0)]);
    check(&mut reader, &[("4", 9, "finished")], &[("4", 9.0)]);
    let two = [("4", 9, "finished"), ("3", 0, "running")];
    check(&mut reader, &two, &[("3", 0.0)]);
    check(&mut reader, &two, &[]);
    let three = [("4", 9, "finished"), ("3", 10, "running"), ("8", 0, "running")];
    check(&mut reader, &three, &[("3", 10.0), ("8", 0.0)]);
    // The first and the last change, and what is between moves by a byte.
    let three = [("4", 10, "finished"), ("3", 10, "running"), ("8", 1, "running")];
    check(&mut reader, &three, &[("4", 10.0), ("8", 1.0)]);
    check(&mut reader, &three, &[]);
}

#[test]
fn a_frame_that_goes_on_from_no_other_is_read_from_where_they_part() {
    let mut reader = NodeStateReader::default();
    check(&mut reader, &[("4", 1, "running"), ("3", 2, "running")], &[("4", 1.0), ("3", 2.0)]);
    check(&mut reader, &[("4", 1, "running"), ("5", 2, "running")], &[("5", 2.0)]);
    check(&mut reader, &[("4", 1, "running")], &[]);
    check(&mut reader, &[], &[]);
    check(&mut reader, &[("4", 1, "running")], &[("4", 1.0)]);
}

#[test]
fn other_spellings_are_read_in_full() {
    let mut reader = NodeStateReader::default();
    let spelled =
        br#"{"data":{"nodes":{"4":{"max":1,"value":0,"state":"running"}},"prompt_id":"p"},"type":"progress_state"}"#;
    let spelled = Bytes::from_static(spelled);
    assert_eq!(NodeStateReader::prompt_of(&spelled), None);
    assert_eq!(reader.read(&spelled).unwrap().len(), 1);
    assert_eq!(reader.read(&spelled).unwrap().len(), 1, "there is nothing to compare with");
    let other = Bytes::from_static(br#"{"type": "status", "data": {}}"#);
    assert_eq!(reader.read(&other).unwrap(), []);
}

#[test]
fn a_broken_frame_is_an_error_and_the_next_counts_as_the_first() {
    let mut reader = NodeStateReader::default();
    let whole = frame(&nodes(&[("4", 9, "finished"), ("3", 1, "running")]));
    for end in 0..whole.len() {
        reader.read(&whole).unwrap();
        assert!(reader.read(&whole.slice(..end)).is_err(), "cut off at {end}");
    }
    assert_eq!(reader.read(&whole).unwrap().len(), 2);
}

#[test]
fn a_state_that_lacks_something_is_left_out() {
    let mut reader = NodeStateReader::default();
    let odd = [("4".to_owned(), r#"{"state": "running", "x": "}\""}"#.to_owned())];
    assert_eq!(reader.read(&frame(&odd)).unwrap(), []);
    let unnamed = [(String::new(), state(1, "running"))];
    assert_eq!(reader.read(&frame(&unnamed)).unwrap(), []);
    let word = [("4".to_owned(), state(1, "error"))];
    let read = reader.read(&frame(&word)).unwrap();
    assert_eq!(read[0].state, NodeState::Other("error".to_owned()));
}

/// What all changes so far come to.
fn fold(known: &mut Vec<NodeProgress>, changed: Vec<NodeProgress>) {
    for node in changed {
        match known.iter_mut().find(|known| known.node == node.node) {
            Some(known) => *known = node,
            None => known.push(node),
        }
    }
}

fn in_full(frame: &Bytes) -> Vec<NodeProgress> {
    let Message::ProgressState { nodes, .. } = decode_text(frame).unwrap() else { panic!() };
    nodes
}

proptest! {
    /// Nodes begin, go on and end in any order, as in a graph with nodes that run at once.
    #[test]
    fn the_changes_come_to_what_the_whole_frames_say(
        steps in proptest::collection::vec((0_usize..12, 0_u32..1200, any::<bool>()), 1..60)
    ) {
        let mut states: Vec<(String, String)> = Vec::new();
        let mut reader = NodeStateReader::default();
        let mut known = Vec::new();
        for (node, value, ends) in steps {
            let name = format!("{node}\"é.0");
            let new = state(value, if ends { "finished" } else { "running" });
            match states.iter_mut().find(|(known, _)| *known == name) {
                Some((_, state)) => *state = new,
                None => states.push((name, new)),
            }
            let frame = frame(&states);
            let changed = reader.read(&frame).unwrap();
            prop_assert!(changed.len() <= 1, "one node changed, and {} are told", changed.len());
            fold(&mut known, changed);
            prop_assert_eq!(&known, &in_full(&frame));
        }
    }

    #[test]
    fn frames_that_have_little_in_common_are_read_right(
        frames in proptest::collection::vec(
            proptest::collection::vec((0_usize..5, 0_u32..3), 0..6), 1..8)
    ) {
        let mut reader = NodeStateReader::default();
        let mut known: Vec<NodeProgress> = Vec::new();
        for states in frames {
            let mut named: Vec<(String, String)> = Vec::new();
            for (node, value) in states {
                let name = node.to_string();
                if !named.iter().any(|(known, _)| *known == name) {
                    named.push((name, state(value, "running")));
                }
            }
            let frame = frame(&named);
            let changed = reader.read(&frame).unwrap();
            let whole = in_full(&frame);
            // Only what the last frame lacked may be missing in this fold.
            known.retain(|known| whole.iter().any(|node| node.node == known.node));
            fold(&mut known, changed);
            for node in &whole {
                prop_assert!(known.contains(node), "{:?} is missing in {:?}", node, known);
            }
        }
    }

    #[test]
    fn no_frame_panics_and_every_error_is_one_of_the_decoder(
        at in 0_usize..200, byte in any::<u8>(), cut in 0_usize..200
    ) {
        let first = frame(&nodes(&[("4", 9, "finished"), ("3", 1, "running")]));
        let mut reader = NodeStateReader::default();
        reader.read(&first).unwrap();
        let mut second = first.to_vec();
        if let Some(old) = second.get_mut(at) {
            *old = byte;
        }
        second.truncate(second.len().saturating_sub(cut));
        let second = Bytes::from(second);
        let read = reader.read(&second);
        match decode_text(&second) {
            Ok(Message::ProgressState { nodes, .. }) => {
                // Of two nodes with one name the last one counts.
                let mut told = Vec::new();
                fold(&mut told, read.unwrap());
                prop_assert!(told.iter().all(|node| nodes.contains(node)));
            }
            Ok(_) => prop_assert!(read.is_ok()),
            Err(_) => prop_assert!(read.is_err()),
        }
    }
}
