//! What a server would say of a workflow, and what it is made of.

use mediafactory::{
    Error, FailureCode,
    models::OnDevice,
    workflows::{Advice, Correction, Inspection, MissingNode, ModelUse, Objection, Validation},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::given::{FindingResult, judged, lines, show, whole};
use crate::{
    arguments::ObjectArgument,
    definition::{Answer, Call},
    models::MemoryResult,
    schema,
    shelf::INLINE_BYTES_MAX,
};

/// How many errors, warnings or corrections one answer lists. All of them are counted.
const FINDINGS_MAX: usize = 100;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Validate {
    /// API or UI format: an object, JSON text, or a `workflow_uri` of another answer.
    workflow: ObjectArgument,
    /// Ids of the output nodes to run; all when absent.
    targets: Option<Vec<String>>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct VerdictResult {
    valid: bool,
    /// The server's name for the refusal of the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// What would have worked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    choices: Vec<String>,
    /// Output nodes that would run.
    outputs: Vec<String>,
    error_count: usize,
    /// At most 100.
    errors: Vec<ObjectionResult>,
    warning_count: usize,
    /// At most 100. What would be taken, but is probably not meant.
    warnings: Vec<ObjectionResult>,
    /// At most 100. What the makers of the model would do otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    advice: Vec<AdviceResult>,
    /// What the conversion from UI format could not carry over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingResult>,
}

#[derive(Serialize, JsonSchema)]
struct AdviceResult {
    /// size, frames, cfg, `encoder_type` or lora
    rule: &'static str,
    node: String,
    input: String,
    told: String,
    /// Where the figure comes from.
    source: String,
}

#[derive(Serialize, JsonSchema)]
struct ObjectionResult {
    node: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    class_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    #[serde(rename = "type")]
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    details: String,
    /// What would work, nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::any_list")]
    choices: Vec<Value>,
    /// The server may name this instead of the error before it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    alternative: bool,
}

pub(super) async fn validate_workflow(
    call: Call,
    arguments: Validate,
) -> Result<Answer<VerdictResult>, Error> {
    let json = whole(&call, arguments.workflow, "workflow")?;
    let rulebook = call.factory.rulebook().await?;
    let given = judged(&rulebook, json)?;
    let verdict = match &arguments.targets {
        Some(targets) => rulebook.validate_targets(&given.workflow, targets),
        None => rulebook.validate(&given.workflow),
    };
    let mut result = VerdictResult::new(&verdict);
    // What cannot be converted would not be sent.
    result.valid &= !given.is_blocked;
    result.findings = given.findings;
    let text = describe(&verdict, &result);
    Ok(Answer::new(text, result))
}

impl VerdictResult {
    fn new(verdict: &Validation) -> Self {
        let error = verdict.error.as_ref();
        let list = |all: &[Objection]| -> Vec<ObjectionResult> {
            all.iter().take(FINDINGS_MAX).map(ObjectionResult::new).collect()
        };
        Self {
            valid: verdict.valid,
            error: error.map(|error| error.kind),
            message: error.map(|error| error.message.clone()),
            choices: error.map(|error| error.choices.clone()).unwrap_or_default(),
            outputs: verdict.outputs.clone(),
            error_count: verdict.errors.len(),
            errors: list(&verdict.errors),
            warning_count: verdict.warnings.len(),
            warnings: list(&verdict.warnings),
            advice: verdict.advice.iter().take(FINDINGS_MAX).map(AdviceResult::new).collect(),
            findings: Vec::new(),
        }
    }
}

impl AdviceResult {
    fn new(advice: &Advice) -> Self {
        Self {
            rule: advice.rule,
            node: advice.node.clone(),
            input: advice.input.clone(),
            told: advice.told.clone(),
            source: advice.source.clone(),
        }
    }
}

impl ObjectionResult {
    fn new(objection: &Objection) -> Self {
        Self {
            node: objection.node.clone(),
            class_type: objection.class_type.clone(),
            input: objection.input.clone(),
            kind: objection.kind,
            message: objection.message.clone(),
            details: objection.details.clone(),
            choices: objection.choices.iter().map(mediafactory::Json::to_serde).collect(),
            alternative: objection.alternative,
        }
    }
}

/// How a server names a class that it lacks.
const MISSING_CLASS: &str = "missing_node_type";

fn headline(verdict: &Validation, is_valid: bool) -> String {
    let (errors, warnings) = (told(verdict).count(), verdict.warnings.len());
    if is_valid {
        let outputs = verdict.outputs.join(", ");
        return format!("valid; outputs that run: {outputs}; {errors} errors, {warnings} warnings");
    }
    let why = verdict.error.as_ref().map(|error| {
        let near = match (error.choices.first(), error.kind) {
            (Some(near), _) => format!("; nearest is {near}"),
            (None, MISSING_CLASS) => {
                "; no class has a name like it, search_nodes finds classes by words".to_owned()
            }
            (None, _) => String::new(),
        };
        format!(": {} ({}){near}", error.message, error.kind)
    });
    let why = why.unwrap_or_default();
    format!("invalid{why}; {errors} errors, {warnings} warnings")
}

/// The errors without the other names that the server might give them.
fn told(verdict: &Validation) -> impl Iterator<Item = &Objection> {
    verdict.errors.iter().filter(|error| !error.alternative)
}

fn describe(verdict: &Validation, result: &VerdictResult) -> String {
    let mut text = headline(verdict, result.valid);
    text.push_str(&lines(result.findings.iter().map(FindingResult::line)));
    let errors: Vec<&Objection> = told(verdict).collect();
    text.push_str(&lines(errors.iter().map(|error| format!("\n- {}", error.sentence()))));
    let warned = |warning: &Objection| format!("\n- warning: {}", warning.sentence());
    text.push_str(&lines(verdict.warnings.iter().map(warned)));
    let advised = |advice: &Advice| format!("\n- advice: {}", advice.sentence());
    text.push_str(&lines(verdict.advice.iter().map(advised)));
    text
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Fix {
    /// API or UI format: an object, JSON text, or a `workflow_uri` of another answer.
    workflow: ObjectArgument,
    /// Make only the corrections at these paths, such as /3/inputs/steps; all when absent.
    paths: Option<Vec<String>>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct FixResult {
    correction_count: usize,
    /// In the order in which they are made, at most 100.
    corrections: Vec<CorrectionResult>,
    before: VerdictResult,
    after: VerdictResult,
    /// With the corrections; absent when it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_object")]
    workflow: Option<Value>,
    workflow_uri: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingResult>,
}

#[derive(Serialize, JsonSchema)]
struct CorrectionResult {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_value")]
    from: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_value")]
    to: Option<Value>,
    reason: String,
}

pub(super) async fn validate_and_fix_workflow(
    call: Call,
    arguments: Fix,
) -> Result<Answer<FixResult>, Error> {
    let json = whole(&call, arguments.workflow, "workflow")?;
    let rulebook = call.factory.rulebook().await?;
    let given = judged(&rulebook, json)?;
    let fixes = match &arguments.paths {
        Some(paths) => rulebook.fix_at(&given.workflow, paths)?,
        None => rulebook.fix(&given.workflow),
    };
    let shown = show(&call, &fixes.workflow, "the corrected workflow")?;
    let mut text = format!("{} corrections; ", fixes.corrections.len());
    text.push_str(&headline(&fixes.after, fixes.after.valid));
    text.push_str(&lines(given.findings.iter().map(FindingResult::line)));
    text.push_str(&lines(fixes.corrections.iter().map(change)));
    let left: Vec<&Objection> = told(&fixes.after).collect();
    text.push_str(&lines(left.iter().map(|error| format!("\n- left: {}", error.sentence()))));
    let corrections = fixes.corrections.iter().take(FINDINGS_MAX);
    let result = FixResult {
        correction_count: fixes.corrections.len(),
        corrections: corrections.map(CorrectionResult::new).collect(),
        before: VerdictResult::new(&fixes.before),
        after: VerdictResult::new(&fixes.after),
        workflow: shown.workflow,
        workflow_uri: shown.uri,
        findings: given.findings,
    };
    Ok(Answer::new(text, result).with_line(&shown.line).with_blocks(shown.link))
}

impl CorrectionResult {
    fn new(correction: &Correction) -> Self {
        Self {
            path: correction.path.clone(),
            from: correction.from.as_ref().map(mediafactory::Json::to_serde),
            to: correction.to.as_ref().map(mediafactory::Json::to_serde),
            reason: correction.reason.clone(),
        }
    }
}

fn change(correction: &Correction) -> String {
    let side = |value: &Option<mediafactory::Json>| {
        value.as_ref().map_or("nothing".to_owned(), ToString::to_string)
    };
    let (from, to) = (side(&correction.from), side(&correction.to));
    format!("\n- {}: {from} -> {to} ({})", correction.path, correction.reason)
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Inspect {
    /// API or UI format: an object, JSON text, or a `workflow_uri` of another answer.
    workflow: ObjectArgument,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct InspectResult {
    /// api or ui
    format: &'static str,
    nodes: usize,
    /// The identity of what it computes.
    digest: String,
    outputs: Vec<NodeName>,
    /// Nodes that call a paid service.
    services: Vec<NodeName>,
    /// By role, such as `positive_prompt` or `seed`: its places, with `node`, `input`, `value`.
    #[schemars(schema_with = "schema::any_object")]
    inputs: Value,
    models: Vec<ModelResult>,
    missing_nodes: Vec<MissingResult>,
    /// What is wrong with the links.
    problems: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingResult>,
}

#[derive(Serialize, JsonSchema)]
struct NodeName {
    node: String,
    class_type: String,
}

#[derive(Serialize, JsonSchema)]
struct ModelResult {
    node: String,
    input: String,
    kind: &'static str,
    file: String,
    /// Absent when the server has no list to look in.
    #[serde(skip_serializing_if = "Option::is_none")]
    installed: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nearest: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct MissingResult {
    node: String,
    class_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pack: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nearest: Vec<String>,
}

pub(super) async fn inspect_workflow(
    call: Call,
    arguments: Inspect,
) -> Result<Answer<InspectResult>, Error> {
    let json = whole(&call, arguments.workflow, "workflow")?;
    let inspection = call.factory.rulebook().await?.inspect(&json)?;
    let text = describe_inspection(&inspection);
    let result = InspectResult::new(inspection);
    let bytes = serde_json::to_string(&result).map_or(usize::MAX, |json| json.len());
    if bytes > INLINE_BYTES_MAX {
        let message = format!("what there is to say has {bytes} bytes, more than an answer takes");
        return Err(Error::new(FailureCode::LimitExceeded, message).with_hint(
            "`mediafactory workflow inspect` tells it on the command line; visualize_workflow \
             draws it",
        ));
    }
    Ok(Answer::new(text, result))
}

impl InspectResult {
    fn new(inspection: Inspection) -> Self {
        let names = |nodes: Vec<(String, String)>| {
            let nodes = nodes.into_iter();
            nodes.map(|(node, class_type)| NodeName { node, class_type }).collect()
        };
        Self {
            format: inspection.format,
            nodes: inspection.nodes,
            digest: inspection.digest,
            outputs: names(inspection.outputs),
            services: names(inspection.services),
            inputs: inspection.inputs.to_serde(),
            models: inspection.models.into_iter().map(ModelResult::new).collect(),
            missing_nodes: inspection.missing_nodes.into_iter().map(MissingResult::new).collect(),
            problems: inspection.problems,
            findings: inspection.findings.into_iter().map(FindingResult::new).collect(),
        }
    }
}

impl ModelResult {
    fn new(model: ModelUse) -> Self {
        Self {
            node: model.node,
            input: model.input,
            kind: model.kind,
            file: model.file,
            installed: model.installed,
            nearest: model.nearest,
        }
    }
}

impl MissingResult {
    fn new(missing: MissingNode) -> Self {
        Self {
            node: missing.node,
            class_type: missing.class_type,
            pack: missing.pack,
            nearest: missing.nearest,
        }
    }
}

fn describe_inspection(inspection: &Inspection) -> String {
    let outputs: Vec<String> =
        inspection.outputs.iter().map(|(node, class)| format!("{node} ({class})")).collect();
    let inputs = inspection.inputs.as_object().into_iter().flatten();
    let roles: Vec<&str> = inputs.map(|(role, _)| role.as_str()).collect();
    let mut text = format!(
        "{} nodes; outputs: {}; inputs by role: {}",
        inspection.nodes,
        outputs.join(", "),
        roles.join(", ")
    );
    let lacks = inspection.models.iter().filter(|model| model.installed == Some(false));
    let lacks: Vec<String> =
        lacks.map(|model| format!("\n- missing model: {}", model.file)).collect();
    text.push_str(&lines(lacks.into_iter()));
    let missing = inspection.missing_nodes.iter();
    text.push_str(&lines(
        missing.map(|missing| format!("\n- missing class: {}", missing.class_type)),
    ));
    text.push_str(&lines(inspection.problems.iter().map(|problem| format!("\n- {problem}"))));
    text
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct EstimateVram {
    /// API or UI format: an object, JSON text, or a `workflow_uri` of another answer.
    workflow: ObjectArgument,
    /// A card with so many GiB, instead of the server's.
    #[schemars(range(min = 0, max = 65536))]
    total_vram_gb: Option<f64>,
    /// So many GiB are free.
    #[schemars(range(min = 0, max = 65536))]
    free_vram_gb: Option<f64>,
    /// Whose device and files, by name or tag; the first when absent.
    backend: Option<String>,
}

pub(super) async fn estimate_vram(
    call: Call,
    arguments: EstimateVram,
) -> Result<Answer<MemoryResult>, Error> {
    let EstimateVram { workflow, total_vram_gb, free_vram_gb, backend } = arguments;
    let json = whole(&call, workflow, "workflow")?;
    let on = OnDevice { backend, total_vram_gb, free_vram_gb };
    Ok(MemoryResult::answer(&call.factory.estimate_vram(json, &on).await?))
}
