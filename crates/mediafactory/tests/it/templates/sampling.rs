//! What a sampler of a workflow is set to, gathered from the nodes around it.

use workflow_graph::{Json, Workflow};

use super::{literal, source};

/// The settings of one run of a sampler, in the words of the registry.
#[derive(Debug, Default)]
pub(super) struct Sampling {
    pub(super) node: String,
    pub(super) guider: Option<String>,
    pub(super) sampler: Option<String>,
    pub(super) sampler_node: Option<String>,
    pub(super) scheduler: Option<String>,
    pub(super) scheduler_node: Option<String>,
    pub(super) steps: Option<f64>,
    pub(super) cfg: Option<f64>,
    pub(super) second_cfg: Option<f64>,
    pub(super) start: Option<f64>,
    pub(super) end: Option<f64>,
}

/// Nodes that sample.
const SAMPLERS: &[&str] =
    &["KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced"];

/// Inputs under which guiders and samplers take their scale, and the second one.
const SCALES: &[&str] = &["cfg", "cfg_conds"];
const SECOND_SCALES: &[&str] = &["cfg_cond2_negative"];

/// Every run of a sampler, in the order of the nodes, which is that of the data flow.
pub(super) fn all(workflow: &Workflow) -> Vec<Sampling> {
    let is_sampler = |class: &str| SAMPLERS.contains(&class);
    workflow
        .nodes()
        .filter(|(_, node)| is_sampler(node.class_type().as_str()))
        .map(|(id, _)| of(workflow, id.as_str()))
        .collect()
}

fn of(workflow: &Workflow, node: &str) -> Sampling {
    let guider = source(workflow, node, "guider");
    let algorithm = source(workflow, node, "sampler");
    let schedule = source(workflow, node, "sigmas").map(|found| schedule(workflow, found));
    let scale = |names: &[&str]| {
        let scaled = guider.unwrap_or(node);
        names.iter().find_map(|name| number(workflow, scaled, name))
    };
    let timing = schedule.unwrap_or(node);
    let by_name = algorithm.filter(|found| class(workflow, found) == "KSamplerSelect");
    let by_node = algorithm.filter(|found| class(workflow, found) != "KSamplerSelect");
    let own_schedule = schedule.map(|found| class(workflow, found));
    Sampling {
        node: class(workflow, node),
        guider: guider.map(|found| class(workflow, found)),
        sampler: text(workflow, by_name.unwrap_or(node), "sampler_name"),
        sampler_node: by_node.map(|found| class(workflow, found)),
        scheduler: text(workflow, timing, "scheduler"),
        scheduler_node: own_schedule.filter(|class| class != "BasicScheduler"),
        steps: number(workflow, timing, "steps"),
        cfg: scale(SCALES),
        second_cfg: scale(SECOND_SCALES),
        start: number(workflow, node, "start_at_step"),
        end: number(workflow, node, "end_at_step"),
    }
}

/// The node that makes the schedule, behind those that only cut it.
fn schedule<'a>(workflow: &'a Workflow, node: &'a str) -> &'a str {
    source(workflow, node, "sigmas").map_or(node, |before| schedule(workflow, before))
}

pub(super) fn class(workflow: &Workflow, node: &str) -> String {
    workflow.node(&node.parse().unwrap()).unwrap().class_type().as_str().to_owned()
}

fn text(workflow: &Workflow, node: &str, input: &str) -> Option<String> {
    literal(workflow, node, input).and_then(Json::as_str).map(str::to_owned)
}

pub(super) fn number(workflow: &Workflow, node: &str, input: &str) -> Option<f64> {
    literal(workflow, node, input).and_then(Json::as_f64)
}
