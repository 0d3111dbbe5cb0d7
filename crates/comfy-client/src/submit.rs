//! Submitting a workflow.

use workflow_graph::{Json, NodeId, Workflow};

use crate::{
    client::Client,
    error::{Call, Error},
    excerpt::Excerpt,
    http::Body,
    ids::{ClientId, PromptId},
    rejection::{NodeErrors, Rejection},
};

/// One workflow to run.
///
/// ```
/// use comfy_client::{PromptId, QueuePlace, Submission};
/// use workflow_graph::{Json, Workflow};
///
/// let json = Json::parse(br#"{"1": {"class_type": "EmptyImage", "inputs": {}}}"#)?;
/// let workflow = Workflow::from_json(&json)?;
/// let prompt_id: PromptId = "550e8400-e29b-41d4-a716-446655440000".parse()?;
/// let submission =
///     Submission { place: QueuePlace::Front, ..Submission::new(prompt_id, &workflow) };
/// assert!(submission.client_id.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Submission<'a> {
    /// The id to give it. Never send one id twice: the server would run it twice.
    pub prompt_id: PromptId,
    /// The workflow. It is sent as it is, titles and unknown members included.
    pub workflow: &'a Workflow,
    /// The session that gets its events. `None` sends them to nobody.
    pub client_id: Option<ClientId>,
    /// The same workflow in UI format, an object. Nodes that save pictures write it into them.
    pub ui_workflow: Option<&'a Json>,
    /// Where in the queue.
    pub place: QueuePlace,
    /// The output nodes to run; `None` for all. An empty list is refused by the server.
    pub targets: Option<Vec<NodeId>>,
    /// Whether samplers send previews.
    pub previews: Previews,
}

impl<'a> Submission<'a> {
    /// A submission to the end of the queue, of all outputs, with the server's own previews.
    pub fn new(prompt_id: PromptId, workflow: &'a Workflow) -> Self {
        Self {
            prompt_id,
            workflow,
            client_id: None,
            ui_workflow: None,
            place: QueuePlace::Back,
            targets: None,
            previews: Previews::ServerDefault,
        }
    }

    fn to_json(&self) -> Result<Json, Error> {
        // Without a client id, ComfyUI would send progress and previews to every socket, and
        // old versions would forget the outputs of a cached run. No socket has this one.
        let client_id =
            self.client_id.map_or_else(|| self.prompt_id.to_string(), |id| id.to_string());
        let mut members = vec![
            ("prompt", self.workflow.to_json()),
            ("prompt_id", Json::from(self.prompt_id.to_string())),
            ("client_id", Json::from(client_id)),
            ("extra_data", self.extra_data()?),
        ];
        match self.place {
            QueuePlace::Back => {}
            QueuePlace::Front => members.push(("front", Json::from(true))),
            QueuePlace::Number(number) if number.is_finite() => {
                members.push(("number", Json::from(number)));
            }
            // It would put the server's queue out of order for everybody.
            QueuePlace::Number(number) => {
                let problem = format!("a place in the queue must be a finite number, not {number}");
                return Err(Error::Unusable { problem });
            }
        }
        if let Some(targets) = &self.targets {
            let targets = targets.iter().map(|node| Json::from(node.as_str())).collect();
            members.push(("partial_execution_targets", Json::Array(targets)));
        }
        Ok(Json::object(members))
    }

    fn extra_data(&self) -> Result<Json, Error> {
        let mut members = Vec::new();
        match self.ui_workflow {
            None => {}
            Some(workflow @ Json::Object(_)) => {
                let info = Json::object([("workflow", workflow.clone())]);
                members.push(("extra_pnginfo", info));
            }
            // A `null` here breaks the server's own list of jobs.
            Some(other) => {
                let problem = format!("a UI workflow must be an object, but is {}", other.kind());
                return Err(Error::Unusable { problem });
            }
        }
        if let Some(method) = self.previews.method() {
            members.push(("preview_method", Json::from(method)));
        }
        Ok(Json::object(members))
    }
}

/// Where in the queue a submission goes. Lower numbers run first.
///
/// ```
/// use comfy_client::QueuePlace;
/// assert_eq!(QueuePlace::default(), QueuePlace::Back);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum QueuePlace {
    /// After everything that waits.
    #[default]
    Back,
    /// Before everything that waits, an earlier front submission included.
    Front,
    /// At this number, which must be finite.
    Number(f64),
}

/// Which previews samplers make while they run. Other methods cost the server more time.
///
/// ```
/// use comfy_client::Previews;
/// assert_eq!(Previews::default(), Previews::ServerDefault);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Previews {
    /// What the server was started with; commonly none.
    #[default]
    ServerDefault,
    /// None.
    None,
    /// The best method that the server has a model for.
    Auto,
    /// A fast approximation.
    Latent2Rgb,
    /// A small decoder model.
    Taesd,
}

impl Previews {
    fn method(self) -> Option<&'static str> {
        match self {
            Self::ServerDefault => None,
            Self::None => Some("none"),
            Self::Auto => Some("auto"),
            Self::Latent2Rgb => Some("latent2rgb"),
            Self::Taesd => Some("taesd"),
        }
    }
}

/// What the server says of a submission that it queued.
///
/// ```
/// use comfy_client::Accepted;
/// let accepted = Accepted { number: 4.0, dropped: Vec::new() };
/// assert!(accepted.dropped.is_empty());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// Its number in the queue.
    pub number: f64,
    /// Nodes with errors. The outputs that depend on them will silently not be made, while the
    /// others will.
    pub dropped: Vec<NodeErrors>,
}

impl Client {
    /// Queues a workflow. When the error's [`Error::retry`] is
    /// [`Retry::CheckFirst`](crate::Retry::CheckFirst), it may be queued all the same: the
    /// server does not notice when one id is sent twice.
    pub async fn submit(&self, submission: &Submission<'_>) -> Result<Accepted, Error> {
        let http = &*self.http;
        let reply = http.post(&["prompt"], Body::Json(submission.to_json()?)).await?;
        if reply.status == 400
            && let Ok(raw @ Json::Object(_)) = reply.json(http)
        {
            let rejection = Box::new(Rejection::from_json(raw));
            return Err(Error::Rejected { server: http.server.clone(), rejection });
        }
        let reply = reply.success(http)?;
        let json = reply.json(http)?;
        accepted(&submission.prompt_id, &json, &reply.call)
    }
}

fn accepted(prompt_id: &PromptId, json: &Json, call: &Call) -> Result<Accepted, Error> {
    let unexpected = |problem| Error::UnexpectedReply { call: call.clone(), problem };
    match json.get("prompt_id").and_then(Json::as_str) {
        Some(id) if prompt_id.names(id) => {}
        Some(id) => {
            return Err(unexpected(format!(
                "it queued the workflow as `{}` and not as `{prompt_id}`; a ComfyUI that lets \
                 the client choose is needed",
                Excerpt(id)
            )));
        }
        None => return Err(unexpected("it has no `prompt_id`".to_owned())),
    }
    let number = json.get("number").and_then(Json::as_f64);
    Ok(Accepted {
        number: number.ok_or_else(|| unexpected("it has no `number`".to_owned()))?,
        dropped: json.get("node_errors").map(NodeErrors::read_all).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "550e8400-e29b-41d4-a716-446655440000";

    #[track_caller]
    fn check_sent(change: impl FnOnce(&mut Submission<'_>), expected: &str) {
        let json = Json::parse(
            br#"{"1": {"class_type": "A", "inputs": {"seed": 18446744073709551615}, "_meta": {"title": "t"}}}"#,
        );
        let workflow = Workflow::from_json(&json.unwrap()).unwrap();
        let mut submission = Submission::new(ID.parse().unwrap(), &workflow);
        change(&mut submission);
        let sent = submission.to_json().map(|json| json.to_string().replace(ID, "ID"));
        assert_eq!(sent.unwrap_or_else(|error| error.to_string()), expected);
    }

    #[test]
    fn the_plain_body_keeps_the_workflow_and_always_names_a_client() {
        check_sent(
            |_| {},
            r#"{"prompt":{"1":{"class_type":"A","inputs":{"seed":18446744073709551615},"_meta":{"title":"t"}}},"prompt_id":"ID","client_id":"ID","extra_data":{}}"#,
        );
    }

    #[test]
    fn every_option_has_its_member() {
        let ui = Json::object([("nodes", Json::Array(Vec::new()))]);
        let json = Json::parse(br#"{"1": {"class_type": "A", "inputs": {}}}"#).unwrap();
        let workflow = Workflow::from_json(&json).unwrap();
        let submission = Submission {
            ui_workflow: Some(&ui),
            place: QueuePlace::Number(-2.5),
            targets: Some(vec!["1".parse().unwrap()]),
            previews: Previews::Auto,
            ..Submission::new(ID.parse().unwrap(), &workflow)
        };
        assert_eq!(
            submission.to_json().unwrap().to_string().replace(ID, "ID"),
            r#"{"prompt":{"1":{"class_type":"A","inputs":{}}},"prompt_id":"ID","client_id":"ID","extra_data":{"extra_pnginfo":{"workflow":{"nodes":[]}},"preview_method":"auto"},"number":-2.5,"partial_execution_targets":["1"]}"#
        );
    }

    #[test]
    fn what_would_harm_the_server_is_not_sent() {
        check_sent(
            |submission| submission.place = QueuePlace::Number(f64::NAN),
            "a place in the queue must be a finite number, not NaN",
        );
        check_sent(
            |submission| submission.ui_workflow = Some(&Json::Null),
            "a UI workflow must be an object, but is null",
        );
    }
}
