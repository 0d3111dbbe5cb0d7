//! What is done to a workflow before it becomes a job: converted where it must be, and held
//! against what the server has.

use std::time::Duration;

use futures::future::join_all;
use workflow_graph::{Json, NodeId, Workflow, json::Object};

use crate::{
    error::{Error, FailureCode},
    factory::Factory,
    failure, nearest,
    requests::{Placing, RunWorkflow},
    servers::Server,
    workflows::{self, Converted, Objection, Refused, Rulebook, Validation},
};

/// A workflow that can be sent.
pub(crate) struct Ready {
    pub(crate) workflow: Workflow,
    pub(crate) ui_workflow: Option<Json>,
    pub(crate) targets: Option<Vec<String>>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) placing: Placing,
    pub(crate) foreseen: Foreseen,
}

/// What will happen to a workflow, by what the servers have now.
#[derive(Debug, Default)]
pub(crate) struct Foreseen {
    /// The servers that would take it.
    pub(crate) servers: Vec<String>,
    /// What was done to it, and what is probably not meant in it.
    pub(crate) notes: Vec<String>,
}

/// How many objections a message or the notes tell; the details hold all of them.
const TOLD_MAX: usize = 5;

impl Factory {
    pub(crate) async fn prepare(&self, run: RunWorkflow) -> Result<Ready, Error> {
        let RunWorkflow { workflow, ui_workflow, targets, timeout, placing } = run;
        check_ui(ui_workflow.as_ref())?;
        let servers = self.placed(placing.backend.as_deref())?;
        let (workflow, ui_workflow, mut notes, servers) = if workflows::is_ui(&workflow) {
            let servers = self.reachable(servers).await?;
            let (converted, notes) = converted_by_one_of(&servers, &workflow).await?;
            (converted, ui_workflow.or(Some(workflow)), notes, servers)
        } else {
            let workflow = workflows::api(&workflow)?;
            (workflow, ui_workflow, Vec::new(), self.reachable(servers).await?)
        };
        check_targets(&workflow, targets.as_deref())?;
        let mut foreseen = foresee(&servers, &workflow, targets.as_deref()).await?;
        notes.append(&mut foreseen.notes);
        foreseen.notes = notes;
        Ok(Ready { workflow, ui_workflow, targets, timeout, placing, foreseen })
    }
}

/// A workflow as the first server converts it that has all of its classes.
async fn converted_by_one_of(
    servers: &[&Server],
    ui: &Json,
) -> Result<(Workflow, Vec<String>), Error> {
    let mut refusal = None;
    for server in servers {
        match converted(server, ui).await {
            Ok(converted) => return Ok(converted),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    Err(refusal.unwrap_or_else(|| failure::argument("there is no server to convert it for")))
}

/// A pack may have been installed since the node classes were read, so what does not convert is
/// tried once more with those of now.
async fn converted(server: &Server, ui: &Json) -> Result<(Workflow, Vec<String>), Error> {
    let mut converted = server.rulebook().await?.convert(ui.clone())?;
    if converted.is_blocked() {
        converted = server.fresh_rulebook().await?.convert(ui.clone())?;
    }
    if converted.is_blocked() {
        return Err(blocked(&converted));
    }
    if converted.workflow.as_object().is_some_and(Object::is_empty) {
        return Err(failure::argument(
            "nothing of the saved workflow runs: it has no nodes, or all are muted or bypassed",
        ));
    }
    let notes = converted.findings.iter().map(|finding| finding.message.clone());
    let notes = std::iter::once("converted from UI format".to_owned()).chain(notes).collect();
    Ok((workflows::api(&converted.workflow)?, notes))
}

/// Which of the servers would take a workflow; why not, when none would. What the first of them
/// takes and that yet is probably not meant comes back as notes.
pub(crate) async fn foresee(
    servers: &[&Server],
    workflow: &Workflow,
    targets: Option<&[String]>,
) -> Result<Foreseen, Error> {
    let judged = servers.iter().map(|server| judge(server, workflow, targets));
    let judged = join_all(judged).await;
    let mut foreseen = Foreseen::default();
    let mut refusal = None;
    let mut left_out = Vec::new();
    for (server, judged) in servers.iter().zip(judged) {
        match judged {
            Ok(notes) => {
                if foreseen.servers.is_empty() {
                    foreseen.notes = notes;
                }
                foreseen.servers.push(server.url());
            }
            Err(error) => {
                left_out.push(format!("server {} would not take it: {error}", server.name));
                refusal = refusal.or(Some(error));
            }
        }
    }
    match refusal {
        Some(error) if foreseen.servers.is_empty() => Err(error),
        _ => {
            foreseen.notes.append(&mut left_out);
            Ok(foreseen)
        }
    }
}

/// Refuses what the server would refuse, by what it has now.
async fn judge(
    server: &Server,
    workflow: &Workflow,
    targets: Option<&[String]>,
) -> Result<Vec<String>, Error> {
    let json = workflow.to_json();
    let judge = |rulebook: &Rulebook| match targets {
        Some(targets) => rulebook.validate_targets(&json, targets),
        None => rulebook.validate(&json),
    };
    let known = match server.rulebook().await {
        Ok(rulebook) => judge(&rulebook),
        // The server's own answer is then the first one.
        Err(error) => return Ok(vec![format!("it was not checked beforehand: {error}")]),
    };
    let verdict = if known.valid && known.errors.is_empty() {
        known
    } else {
        // A model or a pack may have come since: only the present answer refuses.
        server.fresh_rulebook().await.map_or(known, |rulebook| judge(&rulebook))
    };
    if verdict.valid { Ok(notes(&verdict)) } else { Err(refused(&verdict)) }
}

fn blocked(converted: &Converted) -> Error {
    let blocking = || converted.findings.iter().filter(|finding| finding.blocks);
    let told: Vec<&str> = blocking().map(|finding| finding.message.as_str()).collect();
    let message = format!("the workflow cannot be converted to API format: {}", listed(&told));
    let missing = blocking().all(|finding| finding.missing_class.is_some());
    let findings = converted.findings.iter().map(workflows::ConversionNote::to_json).collect();
    let details = Json::object([("findings", Json::Array(findings))]);
    let (code, hint) = if missing {
        (FailureCode::NodesMissing, "install the packs of custom nodes that have these classes")
    } else {
        (FailureCode::ValidationError, "repair it in the front end, or export it in API format")
    };
    Error::new(code, message).with_details(details).with_hint(hint)
}

fn refused(verdict: &Validation) -> Error {
    let whole = verdict.error.iter();
    let whole = whole.map(|error| format!("{} ({})", error.sentence(), error.kind));
    let mut told: Vec<String> = whole.collect();
    told.extend(sentences(verdict));
    let message = format!("ComfyUI would refuse the workflow: {}", listed(&told));
    let (code, hint) = advice(verdict.error.as_ref());
    Error::new(code, message).with_details(verdict.to_json()).with_hint(hint)
}

/// The code by what to do next, and what that is.
fn advice(error: Option<&Refused>) -> (FailureCode, String) {
    match error.map(|error| (error.kind, error.choices.as_slice())) {
        Some(("missing_node_type" | "invalid_prompt", choices)) => {
            let near = match choices.first() {
                Some(near) => format!("the nearest name of one that is there is `{near}`"),
                None => "none that is there has a name like it, `search_nodes` finds them by \
                         words"
                    .to_owned(),
            };
            let hint = format!(
                "install the custom node that has this class, or use another class; {near}"
            );
            (FailureCode::NodesMissing, hint)
        }
        Some(("prompt_no_outputs", _)) => {
            (FailureCode::ValidationError, HINT_OF_OUTPUTS.to_owned())
        }
        Some(_) | None => (FailureCode::ValidationError, HINT_OF_INPUTS.to_owned()),
    }
}

const HINT_OF_OUTPUTS: &str = "add an output node such as SaveImage, or link one that is there";

const HINT_OF_INPUTS: &str = "correct the inputs that are named: the details hold what would \
    work, and `validate_and_fix_workflow` proposes corrections";

/// What is told of a workflow that the server takes.
fn notes(verdict: &Validation) -> Vec<String> {
    let partial = (!verdict.errors.is_empty()).then(|| {
        let outputs = verdict.outputs.join(", ");
        let why = listed(&sentences(verdict));
        format!("of the output nodes only {outputs} will run: {why}")
    });
    let warnings = verdict.warnings.iter().map(Objection::sentence);
    let more = verdict.warnings.len().saturating_sub(TOLD_MAX);
    let more =
        (more > 0).then(|| format!("and {more} more warnings; `validate_workflow` lists all"));
    partial.into_iter().chain(warnings.take(TOLD_MAX)).chain(more).collect()
}

fn sentences(verdict: &Validation) -> Vec<String> {
    verdict.errors.iter().filter(|error| !error.alternative).map(Objection::sentence).collect()
}

fn listed(told: &[impl AsRef<str>]) -> String {
    let first: Vec<&str> = told.iter().take(TOLD_MAX).map(AsRef::as_ref).collect();
    match told.len().saturating_sub(TOLD_MAX) {
        0 => first.join("; "),
        more => format!("{}; and {more} more", first.join("; ")),
    }
}

fn check_ui(ui_workflow: Option<&Json>) -> Result<(), Error> {
    match ui_workflow {
        Some(ui) if ui.as_object().is_none() => {
            let kind = ui.kind();
            Err(failure::argument(format!("the UI workflow must be an object, but is {kind}")))
        }
        _ => Ok(()),
    }
}

fn check_targets(workflow: &Workflow, targets: Option<&[String]>) -> Result<(), Error> {
    for target in targets.into_iter().flatten() {
        let known = target.parse::<NodeId>().is_ok_and(|id| workflow.node(&id).is_some());
        if !known {
            let names: Vec<&str> = workflow.nodes().map(|(id, _)| id.as_str()).collect();
            return Err(failure::argument(format!("there is no node `{target}` to run"))
                .with_hint(nearest::hint("nodes", target, names.iter().copied())));
        }
    }
    if targets.is_some_and(<[String]>::is_empty) {
        return Err(failure::argument("the list of output nodes to run is empty")
            .with_hint("leave it out to run all outputs"));
    }
    Ok(())
}
