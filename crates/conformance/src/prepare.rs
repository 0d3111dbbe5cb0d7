//! Brings a server into the state in which a scenario was recorded.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::error::Error;
use crate::recording::Recording;
use crate::server::{Frame, Reply, Sent, Server};

const CHECKPOINT: &str = "tiny-sd15.safetensors";

/// Numbers below this are too few for the scenario in which a prompt in front has to come before number -3.
const NUMBER_MIN: i64 = 10;

/// The side of a picture that takes a server long enough to save to be asked something meanwhile.
const LARGE_SIDE: u32 = 2048;

/// The scenario as it is played: with names that no server has met, and with enough work where it needs time.
pub(crate) fn staged(recording: &Recording) -> Recording {
    let recording = recording.freshened();
    let Some(first) = recording.graphs().next().cloned() else { return recording };
    if !overlaps(&recording) || has_sampler(&first) {
        return recording;
    }
    let mut longer = first.clone();
    for node in longer.as_object_mut().into_iter().flat_map(Map::values_mut) {
        if node.get("class_type").is_some_and(|class| class == "EmptyImage")
            && let Some(inputs) = node.get_mut("inputs").and_then(Value::as_object_mut)
        {
            inputs.insert("width".to_owned(), json!(LARGE_SIDE));
            inputs.insert("height".to_owned(), json!(LARGE_SIDE));
        }
    }
    recording.with_graph(&first, &longer)
}

/// Whether prompts are submitted while another one is at work.
pub(crate) fn overlaps(recording: &Recording) -> bool {
    let accepted = recording.requests().filter(|(index, request)| {
        request.is_submission()
            && recording.response_to(*index).is_some_and(|response| response.status == 200)
    });
    let submissions: Vec<usize> = accepted.map(|(index, _)| index).collect();
    submissions.windows(2).any(|pair| {
        let &[one, next] = pair else { return false };
        let is_end = |kind: &str, data: &Value| {
            kind == "executing" && data.get("node").is_some_and(Value::is_null)
        };
        !recording.events().any(|(at, kind, data)| one < at && at < next && is_end(kind, data))
    })
}

fn has_sampler(graph: &Value) -> bool {
    let mut nodes = graph.as_object().into_iter().flat_map(Map::values);
    nodes.any(|node| node.get("class_type").is_some_and(|class| class == "KSampler"))
}

/// Empties the cache, then fills it with what the recorded server had in it.
pub(crate) async fn prepare(server: &Server, recording: &Recording) -> Result<(), Error> {
    let remaining = json_of(&server.get("/prompt").await?, "GET /prompt")?;
    if remaining.pointer("/exec_info/queue_remaining") != Some(&json!(0)) {
        let reason = "prompts are waiting or running; the suite needs a server of its own";
        return Err(Error::NotReady { reason: reason.to_owned() });
    }
    let models = json_of(&server.get("/models/checkpoints").await?, "GET /models/checkpoints")?;
    if !models.as_array().is_some_and(|models| models.contains(&json!(CHECKPOINT))) {
        let reason = format!("it has no checkpoint {CHECKPOINT}; put one into models/checkpoints");
        return Err(Error::NotReady { reason });
    }
    server.post("/free", Sent::Json(&json!({"free_memory": true, "unload_models": true}))).await?;
    // The memory is freed between two prompts: before or right after this one, and so before the next.
    let text = Uuid::new_v4().to_string();
    let nothing = json!({
        "1": {"class_type": "PrimitiveString", "inputs": {"value": text}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    });
    let mut number = run(server, &nothing).await?;
    while number < NUMBER_MIN {
        // A refused prompt counts as well.
        server.post("/prompt", Sent::Json(&json!({}))).await?;
        number += 1;
    }
    if let Some(graph) = cached_at_start(recording) {
        run(server, &graph).await?;
    }
    if let Some(name) = broken_picture(recording) {
        let sent = Sent::File { name, bytes: b"not a picture".to_vec(), fields: &Map::new() };
        server.post("/upload/image", sent).await?;
    }
    Ok(())
}

/// A graph that puts into the cache what the first prompt found there.
fn cached_at_start(recording: &Recording) -> Option<Value> {
    let (_, _, data) = recording.events().find(|(_, kind, _)| *kind == "execution_cached")?;
    let cached: Vec<&str> =
        data.get("nodes")?.as_array()?.iter().filter_map(Value::as_str).collect();
    let graph = recording.graphs().next()?.as_object()?;
    let mut primer = Map::new();
    for id in cached {
        primer.insert(id.to_owned(), graph.get(id)?.clone());
        let show = json!({"class_type": "PreviewAny", "inputs": {"source": [id, 0]}});
        primer.insert(format!("show{id}"), show);
    }
    (!primer.is_empty()).then_some(Value::Object(primer))
}

fn broken_picture(recording: &Recording) -> Option<String> {
    let mut nodes = recording.graphs().filter_map(Value::as_object).flat_map(Map::values);
    nodes.find_map(|node| {
        let image = node.get("inputs")?.get("image")?.as_str()?;
        image.starts_with("broken-").then(|| image.to_owned())
    })
}

/// Runs a graph to its end and gives the number that the server gave it.
async fn run(server: &Server, graph: &Value) -> Result<i64, Error> {
    let client_id = Uuid::new_v4().simple().to_string();
    let mut socket = server.open_socket(&client_id).await?;
    let body = json!({"prompt": graph, "client_id": client_id});
    let reply = json_of(&server.post("/prompt", Sent::Json(&body)).await?, "POST /prompt")?;
    let failed = |what: &str| Error::NotReady { reason: format!("a preparing prompt {what}") };
    let (Some(id), Some(number)) = (reply.get("prompt_id"), reply.get("number")) else {
        return Err(failed(&format!("was refused: {reply}")));
    };
    loop {
        let frame = socket.next().await.ok_or_else(|| failed("did not come to its end"))?;
        let Frame::Text(event) = frame else { continue };
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
        let Some(data) = event.get("data").filter(|data| data.get("prompt_id") == Some(id)) else {
            continue;
        };
        match kind {
            "execution_error" => return Err(failed(&format!("failed: {data}"))),
            "executing" if data.get("node").is_some_and(Value::is_null) => break,
            _ => {}
        }
    }
    drop(socket.close().await);
    Ok(number.as_i64().unwrap_or_default())
}

fn json_of(reply: &Reply, request: &str) -> Result<Value, Error> {
    reply.json().ok_or_else(|| Error::NotReady {
        reason: format!("it answered {request} with {} and no JSON", reply.status),
    })
}
