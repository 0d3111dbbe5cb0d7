//! One job, made from a queue item or a history entry.

use serde_json::{Map, Value, json};

use crate::queue::QueueItem;

/// The entry is of a shape on which the real server's handler fails, and with it the whole reply.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broken;

/// How much of a text is shown as the preview of a job, in characters.
const TEXT_PREVIEW_MAX: usize = 1024;

const PREVIEWABLE: &[&str] = &["images", "video", "audio", "3d", "text"];
const MODEL_EXTENSIONS: &[&str] = &[".obj", ".fbx", ".gltf", ".glb", ".usdz"];
const TEXT_EXTENSIONS: &[&str] = &[".txt", ".md", ".json"];

pub(super) fn from_queue(item: &QueueItem, status: &str) -> Result<Value, Broken> {
    let mut job = Map::new();
    add(&mut job, "id", json!(item.prompt_id));
    add(&mut job, "status", json!(status));
    add(&mut job, "priority", item.number.clone());
    add(&mut job, "create_time", item.extra_data.get("create_time").cloned().unwrap_or_default());
    add(&mut job, "outputs_count", json!(0));
    add(&mut job, "previewable_outputs_count", json!(0));
    add(&mut job, "workflow_id", workflow_id(&item.extra_data)?);
    Ok(Value::Object(job))
}

pub(super) fn from_history(id: &str, entry: &Value) -> Result<Value, Broken> {
    let nothing = Map::new();
    let extra_data = entry.pointer("/prompt/3").and_then(Value::as_object).unwrap_or(&nothing);
    let outputs = entry.get("outputs").and_then(Value::as_object).unwrap_or(&nothing);
    let end = End::of(entry);
    let summary = Summary::of(outputs);
    let mut job = Map::new();
    add(&mut job, "id", json!(id));
    add(&mut job, "status", json!(end.status));
    add(&mut job, "priority", entry.pointer("/prompt/0").cloned().unwrap_or_default());
    add(&mut job, "create_time", extra_data.get("create_time").cloned().unwrap_or_default());
    add(&mut job, "execution_start_time", end.started);
    add(&mut job, "execution_end_time", end.ended);
    add(&mut job, "execution_error", end.error);
    add(&mut job, "outputs_count", json!(summary.count));
    add(&mut job, "previewable_outputs_count", json!(summary.previewable));
    add(&mut job, "preview_output", summary.preview());
    add(&mut job, "workflow_id", workflow_id(extra_data)?);
    Ok(Value::Object(job))
}

/// A finished job with everything that is known of it.
pub(super) fn detail(id: &str, entry: &Value) -> Result<Value, Broken> {
    let mut job = from_history(id, entry)?;
    if let Some(job) = job.as_object_mut() {
        let part = |pointer: &str| entry.pointer(pointer).cloned().unwrap_or_default();
        job.insert("outputs".to_owned(), normalized(&part("/outputs")));
        job.insert("execution_status".to_owned(), part("/status"));
        job.insert(
            "workflow".to_owned(),
            json!({"prompt": part("/prompt/2"), "extra_data": part("/prompt/3")}),
        );
    }
    Ok(job)
}

/// Members without a value are left out.
fn add(job: &mut Map<String, Value>, name: &str, value: Value) {
    if !value.is_null() {
        job.insert(name.to_owned(), value);
    }
}

fn workflow_id(extra_data: &Map<String, Value>) -> Result<Value, Broken> {
    let Some(pnginfo) = extra_data.get("extra_pnginfo") else { return Ok(Value::Null) };
    let Some(workflow) = pnginfo.as_object().ok_or(Broken)?.get("workflow") else {
        return Ok(Value::Null);
    };
    Ok(workflow.as_object().ok_or(Broken)?.get("id").cloned().unwrap_or_default())
}

/// How a job ended, by the messages of its history.
struct End {
    status: &'static str,
    started: Value,
    ended: Value,
    error: Value,
}

impl End {
    fn of(entry: &Value) -> Self {
        let mut end = Self {
            status: "completed",
            started: Value::Null,
            ended: Value::Null,
            error: Value::Null,
        };
        let mut was_interrupted = false;
        let messages = entry.pointer("/status/messages").and_then(Value::as_array);
        for message in messages.into_iter().flatten() {
            let data = message.get(1).cloned().unwrap_or_default();
            let time = data.get("timestamp").cloned().unwrap_or_default();
            match message.get(0).and_then(Value::as_str) {
                Some("execution_start") => end.started = time,
                Some("execution_success") => end.ended = time,
                Some("execution_error") => (end.ended, end.error) = (time, data),
                Some("execution_interrupted") => (end.ended, was_interrupted) = (time, true),
                _ => {}
            }
        }
        if entry.pointer("/status/status_str").and_then(Value::as_str) == Some("error") {
            end.status = if was_interrupted { "cancelled" } else { "failed" };
        }
        end
    }
}

/// The outputs of a job in numbers, and the ones that could stand for it.
#[derive(Default)]
struct Summary {
    count: usize,
    previewable: usize,
    saved: Option<Value>,
    other: Option<Value>,
    text_file: Option<Value>,
    text: Option<Value>,
}

impl Summary {
    fn of(outputs: &Map<String, Value>) -> Self {
        let mut summary = Self::default();
        for (node, shown) in outputs {
            for (kind, items) in shown.as_object().into_iter().flatten() {
                let Some(items) = items.as_array().filter(|_| kind != "animated") else { continue };
                for item in items {
                    summary.add(node, kind, item);
                }
            }
        }
        summary
    }

    fn add(&mut self, node: &str, kind: &str, item: &Value) {
        let model =
            item.as_str().filter(|name| has_extension(name, MODEL_EXTENSIONS)).map(model_file);
        let Some(mut item) = item.as_object().cloned().or(model) else {
            if kind == "text" && !item.is_null() {
                self.text.get_or_insert_with(|| text_preview(node, &crate::python::str(item)));
            }
            return;
        };
        self.count += 1;
        let name = item.get("filename").and_then(Value::as_str).unwrap_or_default().to_lowercase();
        let format = item.get("format").and_then(Value::as_str).unwrap_or_default();
        let is_text = kind == "text" || has_extension(&name, TEXT_EXTENSIONS);
        let is_previewable = PREVIEWABLE.contains(&kind)
            || format.starts_with("video/")
            || format.starts_with("audio/")
            || is_text
            || has_extension(&name, MODEL_EXTENSIONS);
        if !is_previewable {
            return;
        }
        self.previewable += 1;
        let is_saved = item.get("type").and_then(Value::as_str) == Some("output");
        item.insert("nodeId".to_owned(), json!(node));
        item.entry("mediaType").or_insert_with(|| json!(kind));
        let place = match (is_text, is_saved) {
            (true, _) => &mut self.text_file,
            (false, true) => &mut self.saved,
            (false, false) => &mut self.other,
        };
        place.get_or_insert(Value::Object(item));
    }

    fn preview(self) -> Value {
        self.saved.or(self.other).or(self.text_file).or(self.text).unwrap_or_default()
    }
}

fn has_extension(name: &str, extensions: &[&str]) -> bool {
    let name = name.to_lowercase();
    extensions.iter().any(|extension| name.ends_with(extension))
}

fn model_file(name: &str) -> Map<String, Value> {
    let members = [
        ("filename", json!(name)),
        ("type", json!("output")),
        ("subfolder", json!("")),
        ("mediaType", json!("3d")),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn text_preview(node: &str, text: &str) -> Value {
    let shown: String = text.chars().take(TEXT_PREVIEW_MAX).collect();
    if shown.len() == text.len() {
        return json!({"content": shown, "nodeId": node, "mediaType": "text"});
    }
    json!({"content": shown, "truncated": true, "nodeId": node, "mediaType": "text"})
}

/// Outputs as the detail shows them: no `null` items, and model files as objects.
fn normalized(outputs: &Value) -> Value {
    let mut outputs = outputs.clone();
    for shown in outputs.as_object_mut().into_iter().flat_map(|outputs| outputs.values_mut()) {
        for (kind, items) in shown.as_object_mut().into_iter().flatten() {
            let Some(items) = items.as_array_mut().filter(|_| kind != "animated") else { continue };
            items.retain(|item| !item.is_null());
            for item in items {
                let name = item
                    .as_str()
                    .filter(|name| has_extension(name, MODEL_EXTENSIONS))
                    .map(str::to_owned);
                if let Some(name) = name {
                    *item = Value::Object(model_file(&name));
                }
            }
        }
    }
    outputs
}
