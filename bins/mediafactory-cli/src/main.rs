//! MediaFactory on the command line: `mediafactory generate "a red fox in the snow"`.
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 the job or the server
//! failed, 2 the command line or the configuration is wrong, 130 stopped by Ctrl-C.

mod arguments;
mod config;
mod display;
mod doctor;
mod failure;
mod follow;
mod gallery;
mod generate;
mod input;
mod jobs;
mod logs;
mod models;
mod output;
mod place;
mod report;
mod run;
mod server;
mod services;
mod sim;
mod startup;
mod templates;
mod workflow;

use std::{process::ExitCode, time::Duration};

use tokio::runtime::Runtime;

use crate::{
    arguments::{Arguments, Task},
    failure::Failure,
};

/// Workflows are large trees of small values: reading, converting and dropping one of ten thousand
/// nodes takes this allocator half as long as the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What may still go on when everything is said: a file that is being written, a second Ctrl-C.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(refusal) => return output::refusal(&refusal),
    };
    let done = Runtime::new().map_err(|source| Failure::NoRuntime { source }).and_then(|runtime| {
        let done = runtime.block_on(perform(arguments));
        runtime.shutdown_timeout(LEAVE_WITHIN);
        done
    });
    done.unwrap_or_else(|failure| failure.tell())
}

async fn perform(arguments: Arguments) -> Result<ExitCode, Failure> {
    let Arguments { task, settings } = arguments;
    // These need no configuration, or not always, so a broken one does not stand in their way.
    match task {
        Task::Templates(templates) => return templates::perform(&templates, settings).await,
        Task::Sim(sim) => return sim::perform(&sim).await,
        Task::Config(config) => return config::perform(&config, settings),
        Task::Workflow(task) => return workflow::perform(task, settings).await,
        Task::Generate(_)
        | Task::Run(_)
        | Task::Services(_)
        | Task::Jobs(_)
        | Task::Doctor(_)
        | Task::Models(_)
        | Task::Logs(_) => {}
    }
    let resolved = startup::configure(settings)?;
    match task {
        Task::Generate(generate) => generate::perform(generate, &resolved).await,
        Task::Run(run) => run::perform(run, &resolved).await,
        Task::Services(services) => services::perform(services, &resolved).await,
        Task::Jobs(jobs) => jobs::perform(jobs, &resolved).await,
        Task::Doctor(doctor) => doctor::perform(&doctor, &resolved).await,
        Task::Models(models) => models::perform(&models, &resolved).await,
        Task::Logs(logs) => logs::perform(&logs, &resolved).await,
        Task::Templates(_) | Task::Sim(_) | Task::Config(_) | Task::Workflow(_) => {
            Ok(ExitCode::SUCCESS)
        }
    }
}
