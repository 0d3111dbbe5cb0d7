//! What waits and what runs, and how to stop it.

use workflow_graph::{Json, NodeId};

use crate::{client::Client, error::Error, http::Body, ids::PromptId};

/// The queue of a server at one moment.
///
/// ```
/// use comfy_client::{PromptId, Queue};
/// let queue = Queue::default();
/// let id: PromptId = "550e8400-e29b-41d4-a716-446655440000".parse()?;
/// assert!(!queue.holds(&id));
/// # Ok::<(), comfy_client::InvalidPromptId>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queue {
    /// What runs now; one item at most, unless a later ComfyUI has more workers.
    pub running: Vec<QueueItem>,
    /// What waits, in the order it will run.
    pub pending: Vec<QueueItem>,
}

/// One prompt in the queue.
///
/// ```
/// use comfy_client::QueueItem;
/// use workflow_graph::Json;
/// let item = QueueItem::from_json(&Json::parse(br#"[4, "x", {}, {}, ["9"]]"#)?);
/// assert_eq!(item.map(|item| item.number), Some(4.0));
/// # Ok::<(), workflow_graph::json::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct QueueItem {
    /// Its number: lower ones run first. Infinite when the server names none.
    pub number: f64,
    /// Its id as the server tells it; the prompts of other clients on old servers may have any
    /// text.
    pub prompt_id: String,
    /// The workflow, with the values that the server made of its inputs.
    pub workflow: Json,
    /// What was sent along, such as `client_id` and `create_time`.
    pub extra_data: Json,
    /// The output nodes that will run, in no particular order.
    pub outputs: Vec<NodeId>,
}

impl Queue {
    /// Whether a prompt runs or waits.
    pub fn holds(&self, prompt: &PromptId) -> bool {
        self.running.iter().chain(&self.pending).any(|item| prompt.names(&item.prompt_id))
    }

    fn from_json(json: &Json) -> Option<Self> {
        let items = |name| -> Option<Vec<QueueItem>> {
            Some(json.get(name)?.as_array()?.iter().filter_map(QueueItem::from_json).collect())
        };
        let mut queue = Self { running: items("queue_running")?, pending: items("queue_pending")? };
        // The server lists its heap; it will run by number, and by id among equals.
        queue.pending.sort_by(|one, other| {
            one.number.total_cmp(&other.number).then_with(|| one.prompt_id.cmp(&other.prompt_id))
        });
        Some(queue)
    }
}

impl QueueItem {
    /// Reads one item of `GET /queue`: a list of number, id, workflow, extra data and outputs.
    /// The id is needed; what else is missing or of another kind stays empty, so that one odd
    /// item does not hide the others.
    pub fn from_json(json: &Json) -> Option<Self> {
        let members = json.as_array()?;
        let member = |index: usize| members.get(index);
        Some(Self {
            number: member(0).and_then(Json::as_f64).unwrap_or(f64::INFINITY),
            prompt_id: member(1)?.as_str()?.to_owned(),
            workflow: member(2).cloned().unwrap_or_default(),
            extra_data: member(3).cloned().unwrap_or_default(),
            outputs: member(4)
                .and_then(Json::as_array)
                .unwrap_or_default()
                .iter()
                .filter_map(|id| id.as_str()?.parse().ok())
                .collect(),
        })
    }
}

/// What a server should let go of, once the prompt that runs has ended.
///
/// ```
/// use comfy_client::Free;
/// let free = Free { unload_models: true, ..Free::default() };
/// assert!(!free.free_memory);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Free {
    /// Models in memory.
    pub unload_models: bool,
    /// Also the cached results of all nodes; the server then unloads models as well.
    pub free_memory: bool,
}

impl Client {
    /// What runs and what waits. The reply holds every waiting workflow and can be megabytes.
    pub async fn queue(&self) -> Result<Queue, Error> {
        let reply = self.http.get(&["queue"], &[]).await?.success(&self.http)?;
        Queue::from_json(&reply.json(&self.http)?).ok_or_else(|| Error::UnexpectedReply {
            call: reply.call,
            problem: "it has no lists `queue_running` and `queue_pending` of queued prompts"
                .to_owned(),
        })
    }

    /// Stops a prompt if it is the one that runs now. The server does not say whether it was;
    /// the history will.
    pub async fn interrupt_prompt(&self, prompt: &PromptId) -> Result<(), Error> {
        let body = Json::object([("prompt_id", Json::from(prompt.to_string()))]);
        self.tell(&["interrupt"], body).await
    }

    /// Stops whatever runs now, also another client's prompt.
    pub async fn interrupt_whatever_runs(&self) -> Result<(), Error> {
        self.tell(&["interrupt"], Json::object([])).await
    }

    /// Takes prompts that wait out of the queue. They leave no trace in the history. One that
    /// has just begun is not touched; interrupt it as well.
    pub async fn delete_from_queue(&self, prompts: &[PromptId]) -> Result<(), Error> {
        let ids = prompts.iter().map(|id| Json::from(id.to_string())).collect();
        self.tell(&["queue"], Json::object([("delete", Json::Array(ids))])).await
    }

    /// Lets the server free memory between two prompts.
    pub async fn free(&self, free: Free) -> Result<(), Error> {
        let members = [
            ("unload_models", Json::from(free.unload_models)),
            ("free_memory", Json::from(free.free_memory)),
        ];
        self.tell(&["free"], Json::object(members)).await
    }

    /// Posts to a route whose success is an empty body.
    async fn tell(&self, segments: &[&str], body: Json) -> Result<(), Error> {
        let reply = self.http.post(segments, Body::Json(body)).await?;
        reply.success(&self.http).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_items_are_sorted_as_they_will_run() {
        let json = Json::parse(
            br#"{"queue_running": [], "queue_pending": [
                [-2.0, "c", {}, {}, []], [0, "b", {}, {}, []], [3, "a", {}, {}, []],
                [0, "a", {}, {}, []], [1, "z", {}, {}, ["9"]]]}"#,
        );
        let queue = Queue::from_json(&json.unwrap()).unwrap();
        let order: Vec<_> =
            queue.pending.iter().map(|item| (item.number, item.prompt_id.as_str())).collect();
        assert_eq!(order, [(-2.0, "c"), (0.0, "a"), (0.0, "b"), (1.0, "z"), (3.0, "a")]);
    }

    #[test]
    fn an_odd_item_does_not_hide_the_others() {
        let json = Json::parse(
            br#"{"queue_running": [[1, "a"]],
                "queue_pending": [null, 7, [], [1], [3, 4, {}], [null, "b"], [2, "c", {}, {}, []]]}"#,
        );
        let queue = Queue::from_json(&json.unwrap()).unwrap();
        let ids: Vec<_> = queue
            .running
            .iter()
            .chain(&queue.pending)
            .map(|item| item.prompt_id.as_str())
            .collect();
        assert_eq!(ids, ["a", "c", "b"]);
    }

    #[test]
    fn what_has_no_lists_is_no_queue() {
        let json = Json::parse(br#"{"queue_running": []}"#);
        assert_eq!(Queue::from_json(&json.unwrap()), None);
    }
}
