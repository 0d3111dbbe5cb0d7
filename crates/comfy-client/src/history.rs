//! What has ended, and how.

use std::time::Duration;

use workflow_graph::{Json, NodeId};

use crate::{
    client::Client,
    error::Error,
    ids::PromptId,
    outcome::{ExecutionError, Outcome},
    outputs::NodeOutput,
};

/// One prompt that has ended. The server keeps this in memory only: a restart loses it.
///
/// ```
/// use comfy_client::{HistoryEntry, Outcome};
/// use workflow_graph::Json;
///
/// let raw = Json::parse(br#"{
///     "prompt": [3, "550e8400-e29b-41d4-a716-446655440000", {}, {}, ["9"]],
///     "outputs": {"9": {"text": ["done"]}},
///     "status": {"status_str": "success", "completed": true, "messages": [["execution_success", {}]]}
/// }"#)?;
/// let entry = HistoryEntry::from_json("550e8400-e29b-41d4-a716-446655440000", raw);
/// assert_eq!(entry.outcome(), Outcome::Succeeded);
/// assert_eq!(entry.number(), Some(3.0));
/// assert_eq!(entry.outputs.len(), 1);
/// # Ok::<(), workflow_graph::json::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEntry {
    /// Its id as the server tells it; the prompts of other clients on old servers may have any
    /// text.
    pub prompt_id: String,
    /// What its nodes reported, as far as the server recorded it: nodes made at run time are
    /// missing when their results were cached.
    pub outputs: Vec<NodeOutput>,
    /// What happened, in order: the events that have a timestamp.
    pub messages: Vec<HistoryMessage>,
    /// The entry as it was read.
    pub raw: Json,
}

/// One thing that happened to a prompt.
///
/// ```
/// use comfy_client::HistoryMessage;
/// use workflow_graph::Json;
/// let data = Json::object([("timestamp", Json::from(5_u64))]);
/// let message = HistoryMessage { kind: "execution_start".to_owned(), data };
/// assert_eq!(message.timestamp_ms(), Some(5));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryMessage {
    /// The event's name, such as `execution_start`.
    pub kind: String,
    /// The event's data.
    pub data: Json,
}

impl HistoryMessage {
    /// When it happened, in milliseconds since 1970 on the server's clock.
    pub fn timestamp_ms(&self) -> Option<u64> {
        self.data.get("timestamp")?.as_u64()
    }

    fn read(json: &Json) -> Option<Self> {
        let [kind, data] = json.as_array()? else { return None };
        Some(Self { kind: kind.as_str()?.to_owned(), data: data.clone() })
    }
}

impl HistoryEntry {
    /// Reads one entry. Versions and forks differ in what they record, so whatever is missing
    /// stays empty.
    pub fn from_json(prompt_id: &str, raw: Json) -> Self {
        let outputs = raw.get("outputs").and_then(Json::as_object).into_iter().flatten();
        let messages = raw.at(&["status", "messages"]).and_then(Json::as_array);
        Self {
            prompt_id: prompt_id.to_owned(),
            outputs: outputs
                .filter_map(|(id, output)| Some(NodeOutput::from_json(id.parse().ok()?, output)))
                .collect(),
            messages: messages
                .unwrap_or_default()
                .iter()
                .filter_map(HistoryMessage::read)
                .collect(),
            raw,
        }
    }

    /// How it ended. It succeeded exactly when the server recorded `execution_success`: the
    /// status alone says `success` also after some failures. Nodes that were only blocked are no
    /// reason for a failure.
    pub fn outcome(&self) -> Outcome {
        if self.message("execution_success").is_some() {
            return Outcome::Succeeded;
        }
        if let Some(message) = self.message("execution_interrupted") {
            let node = message.data.get("node_id").and_then(Json::as_str);
            return Outcome::Interrupted { node: node.and_then(|id| id.parse().ok()) };
        }
        let errors = self.messages.iter().filter(|message| message.kind == "execution_error");
        let failure = errors
            .map(|message| ExecutionError::from_json(&message.data))
            .find(|error| !error.is_blocked());
        match failure {
            Some(error) => Outcome::Failed(Box::new(error)),
            None => Outcome::Unexplained { status: self.status().map(ToOwned::to_owned) },
        }
    }

    /// The server's word for how it ended: `success` or `error`. See [`HistoryEntry::outcome`].
    pub fn status(&self) -> Option<&str> {
        self.raw.at(&["status", "status_str"])?.as_str()
    }

    /// How long the server worked on it, by the server's clock: waiting in the queue does not count.
    /// `None` unless it ran to its end, and where the server does not say when that was.
    ///
    /// ```
    /// use comfy_client::HistoryEntry;
    /// use workflow_graph::Json;
    ///
    /// let raw = Json::parse(br#"{"status": {"messages": [
    ///     ["execution_start", {"timestamp": 1795149901043}],
    ///     ["execution_cached", {"nodes": ["4"], "timestamp": 1795149901044}],
    ///     ["execution_success", {"timestamp": 1795149913543}]]}}"#)?;
    /// let entry = HistoryEntry::from_json("550e8400-e29b-41d4-a716-446655440000", raw);
    /// assert_eq!(entry.duration().map(|time| time.as_millis()), Some(12_500));
    /// assert_eq!(entry.cached().collect::<Vec<_>>(), ["4"]);
    /// # Ok::<(), workflow_graph::json::ParseError>(())
    /// ```
    pub fn duration(&self) -> Option<Duration> {
        let at = |kind| self.message(kind).and_then(HistoryMessage::timestamp_ms);
        let worked_ms = at("execution_success")?.checked_sub(at("execution_start")?)?;
        Some(Duration::from_millis(worked_ms))
    }

    /// The nodes that did not run, because the server still had their results.
    pub fn cached(&self) -> impl Iterator<Item = &str> {
        let told = self.message("execution_cached").and_then(|message| message.data.get("nodes"));
        told.and_then(Json::as_array).unwrap_or_default().iter().filter_map(Json::as_str)
    }

    fn message(&self, kind: &str) -> Option<&HistoryMessage> {
        self.messages.iter().find(|message| message.kind == kind)
    }

    /// Its number in the queue.
    pub fn number(&self) -> Option<f64> {
        self.prompt_member(0)?.as_f64()
    }

    /// The workflow, with the values that the server made of its inputs.
    pub fn workflow(&self) -> Option<&Json> {
        self.prompt_member(2)
    }

    /// What was sent along, such as `client_id` and `create_time`.
    pub fn extra_data(&self) -> Option<&Json> {
        self.prompt_member(3)
    }

    /// Which node of the submitted workflow an output belongs to: a node made at run time
    /// reports under its own id.
    pub fn real_node(&self, output: &NodeId) -> Option<&str> {
        self.raw.at(&["meta", output.as_str(), "real_node_id"])?.as_str()
    }

    fn prompt_member(&self, index: usize) -> Option<&Json> {
        self.raw.get("prompt")?.as_array()?.get(index)
    }
}

impl Client {
    /// The latest entries, oldest first. Each holds its whole workflow, so ask for few.
    pub async fn history(&self, max_items: u32) -> Result<Vec<HistoryEntry>, Error> {
        let max_items = max_items.to_string();
        self.read_history(&["history"], &[("max_items", &max_items)]).await
    }

    /// One entry; `None` while the prompt waits or runs, and when the server does not know it.
    pub async fn history_of(&self, prompt: &PromptId) -> Result<Option<HistoryEntry>, Error> {
        let id = prompt.to_string();
        let entries = self.read_history(&["history", &id], &[]).await?;
        Ok(entries.into_iter().find(|entry| prompt.names(&entry.prompt_id)))
    }

    async fn read_history(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<HistoryEntry>, Error> {
        let reply = self.http.get(segments, query).await?.success(&self.http)?;
        let json = reply.json(&self.http)?;
        let found = json.kind();
        let Json::Object(entries) = json else {
            let problem = format!("an object of entries is expected, and this is {found}");
            return Err(Error::UnexpectedReply { call: reply.call, problem });
        };
        Ok(entries.into_iter().map(|(id, raw)| HistoryEntry::from_json(&id, raw)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_outcome(status: &str, expected: &Outcome) {
        let raw = Json::parse(format!(r#"{{"status": {status}}}"#).as_bytes()).unwrap();
        assert_eq!(&HistoryEntry::from_json("x", raw).outcome(), expected);
    }

    #[test]
    fn messages_decide_and_not_the_status() {
        check_outcome(
            r#"{"status_str": "error", "messages": [["execution_start", {}], ["execution_success", {}]]}"#,
            &Outcome::Succeeded,
        );
        check_outcome(
            r#"{"status_str": "error", "messages": [["execution_interrupted", {"node_id": "3"}]]}"#,
            &Outcome::Interrupted { node: "3".parse().ok() },
        );
        // A cycle that a node made at run time is recorded like this.
        check_outcome(
            r#"{"status_str": "success", "messages": [["execution_error", {"exception_type": "graph.DependencyCycleError"}]]}"#,
            &Outcome::Failed(Box::new(ExecutionError {
                exception_type: "graph.DependencyCycleError".to_owned(),
                ..ExecutionError::default()
            })),
        );
        check_outcome(
            r#"{"messages": [["execution_error", {"exception_type": "ExecutionBlocked"}], ["execution_error", {"exception_type": "ValueError"}]]}"#,
            &Outcome::Failed(Box::new(ExecutionError {
                exception_type: "ValueError".to_owned(),
                ..ExecutionError::default()
            })),
        );
        check_outcome(
            r#"{"messages": [["execution_error", {"exception_type": "ExecutionBlocked"}]]}"#,
            &Outcome::Unexplained { status: None },
        );
        check_outcome("null", &Outcome::Unexplained { status: None });
        check_outcome(
            r#"{"status_str": "success", "messages": [null, ["x"], 7]}"#,
            &Outcome::Unexplained { status: Some("success".to_owned()) },
        );
    }
}
