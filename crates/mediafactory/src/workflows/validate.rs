//! The verdict of a server, foreseen.

use workflow_graph::{
    Json, Workflow,
    validate::{ErrorKind, Located, Refusal, Targets, Verdict, Warning, validate},
};

use super::Rulebook;
use crate::models;

/// What a server would say of a workflow. An invalid workflow is an answer, no error.
///
/// ```
/// use mediafactory::{Json, workflows::{Rulebook, Rules}};
/// let rulebook = Rulebook::from_bytes(br#"{"A": {"input": {}, "output": ["IMAGE"]}}"#, Rules::V0_33)?;
/// let verdict = rulebook.validate(&Json::parse(br#"{"1": {"class_type": "B", "inputs": {}}}"#)?);
/// assert!(!verdict.valid);
/// assert_eq!(verdict.error.unwrap().kind, "missing_node_type");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// Whether the server would queue it; some outputs may still not run.
    pub valid: bool,
    /// Why the whole is refused, when it is.
    pub error: Option<Refused>,
    /// The output nodes that would run.
    pub outputs: Vec<String>,
    /// What the server would object to, node by node.
    pub errors: Vec<Objection>,
    /// What it would accept and that yet is probably not meant.
    pub warnings: Vec<Objection>,
    /// What the model registry would do otherwise. It never changes the verdict.
    pub advice: Vec<Advice>,
}

/// Why a whole workflow is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// The server's name for it, such as `prompt_no_outputs`.
    pub kind: &'static str,
    /// The server's words.
    pub message: String,
    /// Its details; empty when it has none.
    pub details: String,
    /// What would have worked.
    pub choices: Vec<String>,
}

/// An error or a warning at one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Objection {
    /// The node.
    pub node: String,
    /// Its class, where it is known.
    pub class_type: Option<String>,
    /// The input, when it is about one.
    pub input: Option<String>,
    /// The server's name for an error, such as `value_not_in_list`; ours for a warning.
    pub kind: &'static str,
    /// What is wrong, in the server's words for an error.
    pub message: String,
    /// The server's details; empty when it has none.
    pub details: String,
    /// What would work, nearest first.
    pub choices: Vec<Json>,
    /// Whether the server names this instead of the error before it, as chance has it: it walks
    /// outputs in the order of a hash set.
    pub alternative: bool,
}

/// Something that runs and that the makers of the model would do otherwise.
///
/// ```
/// # fn of(advice: &mediafactory::workflows::Advice) {
/// println!("node {}, input {}: {} [{}]", advice.node, advice.input, advice.told, advice.source);
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Which rule it breaks: `size`, `frames`, `cfg`, `encoder_type` or `lora`.
    pub rule: &'static str,
    /// The node.
    pub node: String,
    /// The input.
    pub input: String,
    /// What is probably wrong, and what would be right.
    pub told: String,
    /// Where the figure comes from.
    pub source: String,
}

impl Rulebook {
    /// What the server would say of a workflow with all its outputs. It takes any JSON: the
    /// server has a verdict on what is no workflow at all.
    pub fn validate(&self, workflow: &Json) -> Validation {
        validation(&self.verdict(workflow, None), workflow)
    }

    /// [`validate`](Self::validate) for some of the outputs.
    pub fn validate_targets(&self, workflow: &Json, targets: &[String]) -> Validation {
        validation(&self.verdict(workflow, Some(targets)), workflow)
    }

    pub(crate) fn verdict(&self, workflow: &Json, targets: Option<&[String]>) -> Verdict {
        let targets = targets.map_or(Targets::All, Targets::Only);
        validate(workflow, &self.catalog, targets, self.rules)
    }
}

impl Validation {
    /// `{valid, error, message?, choices?, outputs, errors, warnings, advice?}`, where `error` is
    /// the server's name for the refusal or null.
    pub fn to_json(&self) -> Json {
        let error = self.error.as_ref();
        let refused = error.into_iter().flat_map(Refused::members);
        let outputs = self.outputs.iter().map(|id| Json::from(id.as_str())).collect();
        let list = |all: &[Objection]| Json::Array(all.iter().map(Objection::to_json).collect());
        let first = [
            ("valid", Json::from(self.valid)),
            ("error", error.map_or(Json::Null, |error| Json::from(error.kind))),
        ];
        let rest = [
            ("outputs", Json::Array(outputs)),
            ("errors", list(&self.errors)),
            ("warnings", list(&self.warnings)),
        ];
        let advice = self.advice.iter().map(Advice::to_json).collect();
        let advice = (!self.advice.is_empty()).then_some(("advice", Json::Array(advice)));
        Json::object(first.into_iter().chain(refused).chain(rest).chain(advice))
    }
}

impl Advice {
    /// It in one line.
    pub fn sentence(&self) -> String {
        format!("node {}, input `{}`: {}", self.node, self.input, self.told)
    }

    /// `{rule, node, input, told, source}`.
    pub fn to_json(&self) -> Json {
        Json::object([
            ("rule", Json::from(self.rule)),
            ("node", Json::from(self.node.as_str())),
            ("input", Json::from(self.input.as_str())),
            ("told", Json::from(self.told.as_str())),
            ("source", Json::from(self.source.as_str())),
        ])
    }
}

impl Refused {
    /// The server's words, with its details where they say more.
    pub fn sentence(&self) -> String {
        if self.details.is_empty() || self.kind == OUTPUTS_FAILED {
            self.message.clone()
        } else if self.message.ends_with('.') {
            format!("{} {}", self.message, self.details)
        } else {
            format!("{}: {}", self.message, self.details)
        }
    }

    fn members(&self) -> impl Iterator<Item = (&'static str, Json)> + use<> {
        let message = self.sentence();
        let choices: Vec<Json> = self.choices.iter().map(|name| name.as_str().into()).collect();
        let choices = (!choices.is_empty()).then(|| ("choices", Json::Array(choices)));
        [("message", Json::from(message))].into_iter().chain(choices)
    }
}

/// Its details only repeat the errors of the nodes.
const OUTPUTS_FAILED: &str = "prompt_outputs_failed_validation";

impl Objection {
    /// It in one line: the node, what is wrong, and the nearest thing that would work.
    pub fn sentence(&self) -> String {
        let class = self.class_type.as_ref().map(|class| format!(" ({class})")).unwrap_or_default();
        let input = self.input.as_ref().map(|input| format!(", input `{input}`"));
        let input = input.unwrap_or_default();
        let says_more = !self.details.is_empty() && Some(&self.details) != self.input.as_ref();
        let details = if says_more { cut(&self.details) } else { String::new() };
        let near = self.choices.first().map(|near| format!("; nearest is {near}"));
        let near = near.unwrap_or_default();
        format!("node {}{class}{input}: {}{details}{near}", self.node, self.message)
    }

    /// `{node, class_type?, input, type, message, details?, choices?, alternative?}`.
    pub fn to_json(&self) -> Json {
        let text = |text: &Option<String>| text.as_deref().map(Json::from);
        let class_type = text(&self.class_type).map(|class| ("class_type", class));
        let first = std::iter::once(("node", Json::from(self.node.as_str()))).chain(class_type);
        let said = [
            ("input", text(&self.input).unwrap_or_default()),
            ("type", Json::from(self.kind)),
            ("message", Json::from(self.message.as_str())),
        ];
        let details =
            (!self.details.is_empty()).then(|| ("details", Json::from(self.details.as_str())));
        let choices =
            (!self.choices.is_empty()).then(|| ("choices", Json::from(self.choices.clone())));
        let alternative = self.alternative.then(|| ("alternative", Json::from(true)));
        Json::object(first.chain(said).chain(details).chain(choices).chain(alternative))
    }
}

/// How much of the server's details a sentence holds: they may list every file there is.
const DETAILS_CHARACTERS_MAX: usize = 200;

fn cut(details: &str) -> String {
    match details.char_indices().nth(DETAILS_CHARACTERS_MAX) {
        Some((end, _)) => format!(": {}…", details.get(..end).unwrap_or_default()),
        None => format!(": {details}"),
    }
}

pub(super) fn validation(verdict: &Verdict, workflow: &Json) -> Validation {
    Validation {
        valid: verdict.is_accepted(),
        error: verdict.refusal().map(refused),
        outputs: verdict.outputs().to_vec(),
        errors: verdict.errors().flat_map(|error| objections(verdict, error)).collect(),
        warnings: verdict.warnings().iter().map(warning).collect(),
        advice: advice(workflow),
    }
}

/// What is no workflow, or of no model that is known, is given no advice.
fn advice(workflow: &Json) -> Vec<Advice> {
    let (Ok(workflow), Ok(registry)) = (Workflow::from_json(workflow), models::registry()) else {
        return Vec::new();
    };
    let advice = registry.advise(&workflow).into_iter();
    advice
        .map(|advice| Advice {
            rule: advice.rule.as_str(),
            node: advice.node.to_string(),
            input: advice.input,
            told: advice.message,
            source: advice.source.text().to_owned(),
        })
        .collect()
}

fn refused(refusal: &Refusal) -> Refused {
    Refused {
        kind: refusal.kind.as_str(),
        message: refusal.message.clone(),
        details: refusal.details.clone(),
        choices: refusal.choices.clone(),
    }
}

fn objections(verdict: &Verdict, error: Located<'_>) -> Vec<Objection> {
    let Located { node, finding } = error;
    let class_type = verdict.node_errors().get(node).map(|errors| errors.class_type.clone());
    let named = |kind: ErrorKind, input: &Option<String>| Objection {
        node: node.to_owned(),
        class_type: class_type.clone(),
        input: input.clone(),
        kind: kind.as_str(),
        message: finding.message.clone(),
        details: finding.details.clone(),
        choices: finding.choices.clone(),
        alternative: false,
    };
    let others = finding.alternatives.iter();
    let others =
        others.map(|other| Objection { alternative: true, ..named(other.kind, &other.input) });
    std::iter::once(named(finding.kind, &finding.input)).chain(others).collect()
}

fn warning(warning: &Warning) -> Objection {
    Objection {
        node: warning.node.clone(),
        class_type: None,
        input: warning.input.clone(),
        kind: warning.kind.as_str(),
        message: warning.message.clone(),
        details: String::new(),
        choices: warning.choices.clone(),
        alternative: false,
    }
}
