//! The ComfyUI servers that there are, and what can be done to one as a whole.

use mediafactory::{BackendReport, Error, FailureCode, Forget, Freed, Interrupted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    definition::{Answer, Call, Definition, Effect, Words},
    discovery::DeviceResult,
    toolsets::Toolset,
};

pub(crate) fn tools() -> Vec<Definition> {
    let list = Words {
        name: "list_backends",
        title: "List the ComfyUI servers",
        description: "Every configured server: whether it answers, its devices, its load, and what \
                      it has in memory.",
    };
    let free = Words {
        name: "free_memory",
        title: "Free memory",
        description: "Have servers unload their models as soon as nothing runs.",
    };
    let interrupt = Words {
        name: "interrupt_execution",
        title: "Stop whatever runs on a server",
        description: "Stop what runs now on one server, whoever sent it. `cancel_job` stops one job \
                      and nothing else.",
    };
    vec![
        Definition::new(Toolset::Discovery, Effect::ReadsServer, list, list_backends),
        Definition::new(Toolset::Discovery, Effect::Frees, free, free_memory),
        Definition::new(Toolset::Execution, Effect::StopsAnything, interrupt, interrupt_execution),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct NoArguments {}

#[derive(Serialize, JsonSchema)]
struct BackendList {
    items: Vec<BackendResult>,
    total: usize,
}

#[derive(Serialize, JsonSchema)]
struct BackendResult {
    name: String,
    url: String,
    tags: Vec<String>,
    gpu_id: u32,
    answers: bool,
    /// Why it gave no answer just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// Why it gets no jobs for the time being.
    #[serde(skip_serializing_if = "Option::is_none")]
    set_aside: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    simulated: bool,
    socket_open: bool,
    /// Jobs of this process that it has.
    in_flight: u32,
    in_flight_max: u32,
    /// Prompts in its queue, whoever sent them.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_remaining: Option<u64>,
    /// Model files that it probably holds in memory.
    warm_models: Vec<String>,
    devices: Vec<DeviceResult>,
}

async fn list_backends(call: Call, _: NoArguments) -> Result<Answer<BackendList>, Error> {
    let backends = call.factory.backends().await;
    let lines = backends.iter().map(|backend| format!("\n- {}", describe(backend)));
    let text =
        std::iter::once(format!("{} servers", backends.len())).chain(lines).collect::<String>();
    let items: Vec<BackendResult> = backends.into_iter().map(BackendResult::new).collect();
    Ok(Answer::new(text, BackendList { total: items.len(), items }))
}

impl BackendResult {
    fn new(backend: BackendReport) -> Self {
        Self {
            name: backend.name,
            url: backend.url,
            tags: backend.tags,
            gpu_id: backend.gpu_id,
            answers: backend.problem.is_none(),
            problem: backend.problem,
            set_aside: backend.set_aside,
            version: backend.version,
            simulated: backend.simulated,
            socket_open: backend.socket_open,
            in_flight: backend.in_flight,
            in_flight_max: backend.in_flight_max,
            queue_remaining: backend.queue_remaining,
            warm_models: backend.warm_models,
            devices: backend.devices.into_iter().map(DeviceResult::new).collect(),
        }
    }
}

fn describe(backend: &BackendReport) -> String {
    let state = match (&backend.problem, &backend.set_aside) {
        (Some(problem), _) => format!("gives no answer: {problem}"),
        (None, Some(why)) => format!("gets no jobs for now: {why}"),
        (None, None) => {
            let version = backend.version.as_deref().unwrap_or("of unknown version");
            let simulated = if backend.simulated { ", simulated" } else { "" };
            format!(
                "ComfyUI {version}{simulated}, {} of {} jobs",
                backend.in_flight, backend.in_flight_max
            )
        }
    };
    format!("{} at {}: {state}", backend.name, backend.url)
}

#[derive(Deserialize, JsonSchema)]
struct FreeMemory {
    /// A server's name or tag, or a GPU number; all when absent.
    backend: Option<String>,
    /// Also forget the results of nodes: the next prompt runs whole.
    results_too: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
struct FreedList {
    servers: Vec<FreedResult>,
}

#[derive(Serialize, JsonSchema)]
struct FreedResult {
    backend: String,
    url: String,
    told: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

async fn free_memory(call: Call, arguments: FreeMemory) -> Result<Answer<FreedList>, Error> {
    let is_all = arguments.results_too.unwrap_or(false);
    let forget = if is_all { Forget::ModelsAndResults } else { Forget::Models };
    let freed = call.factory.free_memory(arguments.backend.as_deref(), forget).await?;
    let lines: Vec<String> = freed.iter().map(describe_freed).collect();
    let servers = freed.into_iter().map(FreedResult::new).collect();
    Ok(Answer::new(lines.join("\n"), FreedList { servers }))
}

impl FreedResult {
    fn new(freed: Freed) -> Self {
        Self {
            backend: freed.backend,
            url: freed.url,
            told: freed.problem.is_none(),
            problem: freed.problem,
        }
    }
}

fn describe_freed(freed: &Freed) -> String {
    match &freed.problem {
        Some(problem) => format!("{} was not told: {problem}", freed.backend),
        None => format!("{} frees memory as soon as nothing runs", freed.backend),
    }
}

#[derive(Deserialize, JsonSchema)]
struct InterruptExecution {
    /// Has to be true.
    confirm: bool,
    /// The server's name; needed where there are several.
    backend: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct InterruptResult {
    backend: String,
    url: String,
    interrupted: bool,
    /// What ran, whoever sent it.
    prompts: Vec<String>,
    /// Those of them that are jobs of this service.
    job_ids: Vec<String>,
}

async fn interrupt_execution(
    call: Call,
    arguments: InterruptExecution,
) -> Result<Answer<InterruptResult>, Error> {
    if !arguments.confirm {
        let message = "this stops whatever runs on the server, also the work of others";
        return Err(Error::new(FailureCode::ValidationError, message)
            .with_hint("give `confirm: true` if that is meant; `cancel_job` stops one job"));
    }
    let stopped = call.factory.interrupt(arguments.backend.as_deref()).await?;
    let text = if stopped.prompts.is_empty() {
        format!("nothing ran on {}", stopped.backend)
    } else {
        format!("{} was told to stop {}", stopped.backend, stopped.prompts.join(", "))
    };
    Ok(Answer::new(text, InterruptResult::new(stopped)))
}

impl InterruptResult {
    fn new(stopped: Interrupted) -> Self {
        Self {
            backend: stopped.backend,
            url: stopped.url,
            interrupted: !stopped.prompts.is_empty(),
            prompts: stopped.prompts,
            job_ids: stopped.jobs.iter().map(ToString::to_string).collect(),
        }
    }
}
