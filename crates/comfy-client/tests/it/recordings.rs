//! Everything that a real ComfyUI 0.33.0 said in the recordings is understood.
//!
//! The recordings are no part of this repository: `MEDIAFACTORY_GROUND_TRUTH` names the folder
//! that holds `comfyui/recordings`. A few frames of our own are checked in any case.

use std::{fs, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use comfy_client::{
    HistoryEntry, NodeOutput, Outcome, QueueItem, Rejection,
    wire::{Binary, Message, decode_binary, decode_text},
};
use workflow_graph::Json;

#[expect(clippy::disallowed_methods, reason = "tests find the recordings by the environment")]
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("MEDIAFACTORY_GROUND_TRUTH");
    if folder.is_none() {
        eprintln!("skipped: MEDIAFACTORY_GROUND_TRUTH does not name the recordings");
    }
    folder.map(|folder| PathBuf::from(folder).join("comfyui/recordings"))
}

/// All lines of all recordings, with where they stand.
fn lines() -> Vec<(String, Json)> {
    let Some(folder) = folder() else { return Vec::new() };
    let mut lines = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
                let json = Json::parse(line.as_bytes()).unwrap();
                lines.push((format!("{name}:{}", number + 1), json));
            }
        }
    }
    assert!(!lines.is_empty());
    lines
}

pub(crate) fn of_kind(kind: &str) -> Vec<(String, Json)> {
    lines().into_iter().filter(|(_, line)| text(line, "kind") == kind).collect()
}

fn text<'a>(line: &'a Json, member: &str) -> &'a str {
    line.get(member).and_then(Json::as_str).unwrap_or_default()
}

fn bytes(line: &Json) -> Bytes {
    STANDARD.decode(text(line, "base64")).unwrap().into()
}

#[track_caller]
fn check_text(place: &str, frame: &str) {
    let message = decode_text(frame.as_bytes()).unwrap_or_else(|error| panic!("{place}: {error}"));
    assert!(!matches!(message, Message::Other { .. }), "{place}: {message:?}");
    for end in 0..frame.len() {
        let cut_off = decode_text(&frame.as_bytes()[..end]);
        assert!(cut_off.is_err(), "{place}: a frame cut off at {end} was read");
    }
}

#[track_caller]
fn check_binary(place: &str, frame: &Bytes) {
    let binary = decode_binary(frame).unwrap_or_else(|error| panic!("{place}: {error}"));
    assert!(!matches!(binary, Binary::Unknown { .. }), "{place}");
    for end in 0..frame.len() {
        drop(decode_binary(&frame.slice(..end)));
    }
}

#[test]
fn our_own_frames_are_understood_and_no_prefix_panics() {
    for frame in [
        r#"{"type":"status","data":{"status":{"exec_info":{"queue_remaining":1}}}}"#,
        r#"{"type":"execution_cached","data":{"nodes":["1","2"],"prompt_id":"p","timestamp":1}}"#,
        r#"{"type":"executing","data":{"node":"1","display_node":"1","prompt_id":"p"}}"#,
        r#"{"type":"executing","data":{"node":null,"prompt_id":"p"}}"#,
        r#"{"type":"progress_state","data":{"prompt_id":"p","nodes":{"3":{"value":1.0,"max":4.0,"state":"running","node_id":"3"}}}}"#,
        r#"{"type":"executed","data":{"node":"9","display_node":"9","output":{"images":[{"filename":"a.png","subfolder":"","type":"output"}]},"prompt_id":"p"}}"#,
        r#"{"type":"execution_interrupted","data":{"prompt_id":"p","node_id":"3","node_type":"KSampler","executed":[],"timestamp":1}}"#,
    ] {
        check_text("own", frame);
    }
    for frame in [
        &b"\0\0\0\x01\0\0\0\x02picture"[..],
        b"\0\0\0\x03\0\0\0\x017text",
        b"\0\0\0\x04\0\0\0\x02{}picture",
    ] {
        check_binary("own", &Bytes::from_static(frame));
    }
}

#[test]
fn every_recorded_text_frame_is_of_a_known_kind() {
    for (place, line) in of_kind("ws_text") {
        check_text(&place, &line.get("json").unwrap().to_string());
    }
}

#[test]
fn every_recorded_preview_names_its_node_and_prompt() {
    for (place, line) in of_kind("ws_binary") {
        let frame = bytes(&line);
        check_binary(&place, &frame);
        let Ok(Binary::PreviewWithMetadata { image, prompt, node, .. }) = decode_binary(&frame)
        else {
            panic!("{place}");
        };
        assert!(prompt.is_some() && node.is_some() && !image.bytes.is_empty(), "{place}");
        assert_eq!(image.media_type, "image/jpeg", "{place}");
    }
}

#[test]
fn every_recorded_rejection_says_why() {
    for (place, line) in of_kind("response") {
        if (text(&line, "path"), line.get("status").and_then(Json::as_u64))
            == ("/prompt", Some(400))
        {
            let rejection = Rejection::from_json(line.get("json").unwrap().clone());
            assert!(!rejection.kind.is_empty() && !rejection.message.is_empty(), "{place}");
            let named = rejection.raw.get("node_errors").and_then(Json::as_object).unwrap();
            assert_eq!(rejection.nodes.len(), named.len(), "{place}");
            assert!(rejection.nodes.iter().all(|node| !node.errors.is_empty()), "{place}");
        }
    }
}

#[test]
fn every_recorded_queue_item_is_read() {
    for (place, line) in of_kind("response") {
        if let ("/queue", Some(queue)) = (text(&line, "path"), line.get("json")) {
            for list in ["queue_running", "queue_pending"] {
                for item in queue.get(list).unwrap().as_array().unwrap() {
                    let item = QueueItem::from_json(item).unwrap_or_else(|| panic!("{place}"));
                    assert!(!item.outputs.is_empty(), "{place}");
                }
            }
        }
    }
}

#[test]
fn every_recorded_history_entry_tells_its_outcome_and_files() {
    for (place, line) in of_kind("response") {
        if !text(&line, "path").starts_with("/history") || line.get("json").is_none() {
            continue;
        }
        for (id, raw) in line.get("json").unwrap().as_object().unwrap() {
            let entry = HistoryEntry::from_json(id, raw.clone());
            let status = entry.status();
            match entry.outcome() {
                Outcome::Succeeded => assert_eq!(status, Some("success"), "{place}"),
                Outcome::Interrupted { node } => {
                    assert_eq!((status, node.is_some()), (Some("error"), true), "{place}");
                }
                Outcome::Failed(error) => {
                    assert_eq!(status, Some("error"), "{place}");
                    assert!(error.node.is_some() && !error.traceback.is_empty(), "{place}");
                }
                Outcome::Lost | Outcome::Unexplained { .. } | _ => panic!("{place}"),
            }
            let named = raw.to_string().matches(r#""filename":"#).count();
            let files = entry.outputs.iter().flat_map(NodeOutput::files).count();
            assert_eq!(files, named, "{place}");
            assert!(entry.number().is_some() && entry.workflow().is_some(), "{place}");
        }
    }
}
