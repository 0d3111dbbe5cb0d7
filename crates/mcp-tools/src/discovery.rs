//! What the server has: models, nodes, health.

use mediafactory::{Device, Error, Health, NodeMatch, ServiceProblem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    definition::{Answer, Call, Definition, Effect, Words},
    paging, schema, services,
    shorten::shorten_choices,
    toolsets::Toolset,
};

pub(crate) fn tools() -> Vec<Definition> {
    const SET: Toolset = Toolset::Discovery;
    let health = Words {
        name: "comfyui_health_check",
        title: "Check the ComfyUI server",
        description: "Whether ComfyUI answers, its version, queue and devices, and how many jobs \
                      stand where. `simulated` means: pictures are drawn, not generated.",
    };
    let models = Words {
        name: "list_models",
        title: "List model files",
        description: "The model files of one kind that the server has; without a kind, the kinds.",
    };
    let info = Words {
        name: "get_node_info",
        title: "Describe a node class",
        description: "Inputs, outputs and choices of one node class, as the server defines them.",
    };
    let search = Words {
        name: "search_nodes",
        title: "Search node classes",
        description: "Node classes whose name, category or types match the words, best first.",
    };
    vec![
        Definition::new(SET, Effect::ReadsServer, health, comfyui_health_check),
        Definition::new(SET, Effect::ReadsServer, models, list_models),
        Definition::new(SET, Effect::ReadsServer, info, get_node_info),
        Definition::new(SET, Effect::ReadsServer, search, search_nodes),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct HealthCheck {
    /// Which server to ask, by name or tag; the first when absent.
    backend: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct HealthResult {
    server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    simulated: bool,
    socket_open: bool,
    queue_running: u32,
    queue_pending: u32,
    devices: Vec<DeviceResult>,
    jobs: Vec<JobCount>,
    /// Configured services that are missing, or not as they were written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    service_problems: Vec<ServiceProblemResult>,
}

#[derive(Serialize, JsonSchema)]
struct ServiceProblemResult {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    problem: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct DeviceResult {
    name: String,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vram_total_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vram_free_bytes: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
struct JobCount {
    state: &'static str,
    count: u64,
}

async fn comfyui_health_check(
    call: Call,
    arguments: HealthCheck,
) -> Result<Answer<HealthResult>, Error> {
    let mut health = call.factory.health(arguments.backend.as_deref()).await?;
    health.service_problems.extend(services::name_problems(&call.factory.services()));
    Ok(Answer::new(describe_health(&health), HealthResult::new(health)))
}

impl HealthResult {
    fn new(health: Health) -> Self {
        let problems = health.service_problems.into_iter();
        Self {
            server: health.server,
            version: health.version,
            simulated: health.simulated,
            socket_open: health.socket_open,
            queue_running: health.queue_running,
            queue_pending: health.queue_pending,
            devices: health.devices.into_iter().map(DeviceResult::new).collect(),
            jobs: health
                .jobs
                .into_iter()
                .map(|(state, count)| JobCount { state: state.as_str(), count })
                .collect(),
            service_problems: problems.map(ServiceProblemResult::new).collect(),
        }
    }
}

impl ServiceProblemResult {
    fn new(problem: ServiceProblem) -> Self {
        let ServiceProblem { file, service, problem, .. } = problem;
        Self { file: file.display().to_string(), service, problem }
    }
}

impl DeviceResult {
    pub(crate) fn new(device: Device) -> Self {
        Self {
            name: device.name,
            kind: device.kind,
            vram_total_bytes: device.vram_total_bytes,
            vram_free_bytes: device.vram_free_bytes,
        }
    }
}

fn describe_health(health: &Health) -> String {
    let version = health.version.as_deref().unwrap_or("of unknown version");
    let simulated = if health.simulated {
        "; it is the built-in simulator: pictures are drawn, not generated"
    } else {
        ""
    };
    let problems = health.service_problems.iter().map(|problem| format!("\nservice: {problem}"));
    format!(
        "ComfyUI {version} answers at {}: {} running, {} waiting{simulated}{}",
        health.server,
        health.queue_running,
        health.queue_pending,
        problems.collect::<String>()
    )
}

#[derive(Deserialize, JsonSchema)]
struct ListModels {
    /// Folder, such as checkpoints, `diffusion_models`, loras or vae.
    kind: Option<String>,
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Which server to ask, by name or tag; the first when absent.
    backend: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct ModelsResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// File names, or kinds when no kind was given.
    items: Vec<String>,
    total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

async fn list_models(call: Call, arguments: ListModels) -> Result<Answer<ModelsResult>, Error> {
    let backend = arguments.backend.as_deref();
    let (kind, items) = match &arguments.kind {
        Some(kind) => {
            let models = call.factory.models(kind, backend).await?;
            (Some(models.kind), models.files)
        }
        None => (None, call.factory.model_kinds(backend).await?),
    };
    let part = paging::cut(items, arguments.limit, arguments.cursor.as_deref())?;
    let text = match &kind {
        Some(kind) => format!("{} files in {kind}; {} shown", part.total, part.items.len()),
        None => format!("{} kinds of models; {} shown", part.total, part.items.len()),
    };
    let (items, total, next_cursor) = (part.items, part.total, part.next_cursor);
    Ok(Answer::new(text, ModelsResult { kind, items, total, next_cursor }))
}

#[derive(Deserialize, JsonSchema)]
struct GetNodeInfo {
    /// Node class, such as KSampler.
    #[schemars(length(min = 1))]
    class_type: String,
    /// Which server to ask, by name or tag; the first when absent.
    backend: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct NodeInfoResult {
    class_type: String,
    #[schemars(schema_with = "schema::any_object")]
    definition: Value,
    /// Choices that were cut because they are many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cut: Vec<String>,
}

async fn get_node_info(
    call: Call,
    arguments: GetNodeInfo,
) -> Result<Answer<NodeInfoResult>, Error> {
    let GetNodeInfo { class_type, backend } = arguments;
    let mut definition = call.factory.node_info(&class_type, backend.as_deref()).await?.to_serde();
    let cut = shorten_choices(&mut definition);
    let mut text = format!("the definition of {class_type} is in the structured content");
    if !cut.is_empty() {
        text.push_str("; cut: ");
        text.push_str(&cut.join(", "));
    }
    Ok(Answer::new(text, NodeInfoResult { class_type, definition, cut }))
}

#[derive(Deserialize, JsonSchema)]
struct SearchNodes {
    #[schemars(length(min = 1))]
    query: String,
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Which server to ask, by name or tag; the first when absent.
    backend: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct SearchResult {
    items: Vec<NodeResult>,
    total: u64,
}

#[derive(Serialize, JsonSchema)]
struct NodeResult {
    class_type: String,
    display_name: String,
    category: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

/// How many matches are shown when the caller does not say.
const MATCHES_DEFAULT: u32 = 20;

async fn search_nodes(call: Call, arguments: SearchNodes) -> Result<Answer<SearchResult>, Error> {
    let limit = arguments.limit.unwrap_or(MATCHES_DEFAULT);
    let backend = arguments.backend.as_deref();
    let page = call.factory.search_nodes(&arguments.query, limit, backend).await?;
    let items: Vec<NodeResult> = page.items.into_iter().map(NodeResult::new).collect();
    let mut text = format!("{} node classes match; {} shown", page.total, items.len());
    for node in &items {
        text.push_str("\n- ");
        text.push_str(&node.class_type);
    }
    Ok(Answer::new(text, SearchResult { items, total: page.total }))
}

impl NodeResult {
    fn new(found: NodeMatch) -> Self {
        Self {
            class_type: found.class_type,
            display_name: found.display_name,
            category: found.category,
            inputs: found.inputs,
            outputs: found.outputs,
        }
    }
}
