//! `mediafactory services run`.

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use clap::{Args, value_parser};
use mediafactory::{
    Factory, JobId, JobReport, Json, RunService, ServiceKind, ServiceSet, State, config::Resolved,
};
use tokio::time::timeout;

use crate::{
    failure::Failure,
    follow,
    generate::{TIMEOUT_SECONDS_MAX, name_and_value},
    output,
    place::Place,
    report,
    server::Workplace,
};

/// How long a job that is not waited for has to reach a server. One that has not goes on in another
/// process, if there is one.
const SENT_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The service
    #[arg(value_name = "NAME")]
    service: String,
    /// What to set; may be repeated. A value for a parameter of the kind `any` is read as JSON
    /// where it is JSON
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    values: Vec<(String, String)>,
    /// How long it may take
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=TIMEOUT_SECONDS_MAX))]
    timeout: Option<u64>,
    #[command(flatten)]
    place: Place,
    /// Wait for what comes out, as is done anyway
    #[arg(long, conflicts_with = "no_wait")]
    wait: bool,
    /// Leave as soon as a server has the job
    #[arg(long)]
    no_wait: bool,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

pub(super) async fn perform(task: Run, resolved: &Resolved) -> Result<ExitCode, Failure> {
    let workplace = Workplace::for_making(resolved).await?;
    let done = if task.wait || !task.no_wait {
        wait(&workplace, task).await
    } else {
        leave(&workplace, task).await
    };
    workplace.close(done).await
}

async fn wait(workplace: &Workplace, task: Run) -> Result<ExitCode, Failure> {
    let as_json = task.json;
    let job = start(&workplace.factory, task).await?;
    let ended = follow::to_the_end(&workplace.factory, &job).await?;
    report::tell(workplace, ended, as_json).await
}

async fn leave(workplace: &Workplace, task: Run) -> Result<ExitCode, Failure> {
    if workplace.ends_with_its_jobs() {
        return Err(Failure::Usage {
            message: "the built-in simulator ends with this program, and the job with it"
                .to_owned(),
            hint: Some("leave out --no-wait, or set COMFYUI_URL to a server that stays".to_owned()),
        });
    }
    let as_json = task.json;
    let factory = &workplace.factory;
    let job = start(factory, task).await?;
    tokio::select! {
        sent = timeout(SENT_WITHIN, sent(factory, &job)) => sent.unwrap_or(Ok(()))?,
        () = follow::interrupted() => return Err(Failure::Left),
    }
    let report = factory.job(&job).await?;
    tell_on_its_way(factory, &report, as_json)?;
    Ok(ExitCode::SUCCESS)
}

async fn start(factory: &Factory, task: Run) -> Result<JobId, Failure> {
    let parameters = parameters(&factory.services(), &task.service, task.values)?;
    let run = RunService {
        parameters,
        timeout: task.timeout.map(Duration::from_secs),
        placing: task.place.into_placing(),
        ..RunService::new(task.service)
    };
    let started = factory.start_service(run).await?;
    for note in &started.notes {
        output::note(&format!("note: {note}"));
    }
    Ok(started.job)
}

/// Services read numbers and flags from text themselves.
fn parameters(
    services: &ServiceSet,
    service: &str,
    values: Vec<(String, String)>,
) -> Result<BTreeMap<String, Json>, Failure> {
    let service = services.get(service)?;
    let mut parameters = BTreeMap::new();
    for (name, text) in values {
        let is_any = service.parameter(&name).is_some_and(|known| known.kind == ServiceKind::Any);
        let read = if is_any { Json::parse(text.as_bytes()).ok() } else { None };
        if parameters.insert(name.clone(), read.unwrap_or(Json::from(text))).is_some() {
            return Err(Failure::usage(format!("the parameter `{name}` is given twice")));
        }
    }
    Ok(parameters)
}

/// Waits until a server has the job, or it has ended already.
async fn sent(factory: &Factory, job: &JobId) -> Result<(), Failure> {
    let mut follower = factory.follow(job);
    while let Some(news) = follower.next().await? {
        match news.state {
            State::Recorded | State::Submitting => {}
            State::Queued
            | State::Running
            | State::Succeeded
            | State::Failed
            | State::Cancelled
            | State::TimedOut
            | State::Lost => break,
        }
    }
    Ok(())
}

fn tell_on_its_way(factory: &Factory, report: &JobReport, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::result(&Json::object(report::members(factory, report)).to_string());
    }
    let mut rows = vec![["state".to_owned(), report.state.to_string()]];
    rows.extend(report::rows(factory, report));
    output::result(&output::aligned(&rows))?;
    if !report.state.is_final() {
        output::note(&format!(
            "`mediafactory jobs watch {}` waits for it and fetches what comes out",
            report.job
        ));
    }
    Ok(())
}
