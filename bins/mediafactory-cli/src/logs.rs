//! `mediafactory logs`: what a server writes.

use std::process::ExitCode;

use clap::Args;
use mediafactory::{Factory, Json, LogEvent, LogLine, config::Resolved};

use crate::{
    failure::{Failure, INTERRUPTED},
    follow, output,
    server::Workplace,
};

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Go on with every line as it is written, until Ctrl-C
    #[arg(long)]
    follow: bool,
    /// The ComfyUI server, by its name or a tag; the first one when not given
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Print one JSON object for each line
    #[arg(long)]
    json: bool,
}

pub(crate) async fn perform(task: &Logs, resolved: &Resolved) -> Result<ExitCode, Failure> {
    let workplace = Workplace::for_looking(resolved).await?;
    let factory = &workplace.factory;
    let told =
        if task.follow { follow_log(factory, task).await } else { latest(factory, task).await };
    workplace.close(told).await
}

async fn latest(factory: &Factory, task: &Logs) -> Result<ExitCode, Failure> {
    let lines = factory.log(task.backend.as_deref()).await?;
    if lines.is_empty() {
        output::note("the log is empty");
    } else {
        tell(&lines, task.json)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn follow_log(factory: &Factory, task: &Logs) -> Result<ExitCode, Failure> {
    let mut follower = factory.follow_log(task.backend.as_deref()).await?;
    loop {
        let event = tokio::select! {
            event = follower.next() => event?,
            () = follow::interrupted() => {
                follower.close().await;
                return Ok(ExitCode::from(INTERRUPTED));
            }
        };
        match event {
            LogEvent::Lines(lines) => {
                if !tell(&lines, task.json)? {
                    return Ok(ExitCode::SUCCESS);
                }
            }
            LogEvent::Lost { reason } => output::note(&format!("the connection is lost: {reason}")),
            LogEvent::Back { may_lack_lines } => {
                let lacks = if may_lack_lines { "; lines may be missing before this" } else { "" };
                output::note(&format!("the connection is back{lacks}"));
            }
        }
    }
}

/// Writes lines, and says whether anybody still reads them.
fn tell(lines: &[LogLine], as_json: bool) -> Result<bool, Failure> {
    let lines = lines.iter().map(|line| {
        if as_json {
            let members =
                [("time", Json::from(line.time.as_str())), ("text", Json::from(line.plain_text()))];
            return Json::object(members).to_string();
        }
        format!("{}  {}", line.time, line.plain_text())
    });
    output::is_read(&lines.collect::<Vec<_>>().join("\n"))
}
