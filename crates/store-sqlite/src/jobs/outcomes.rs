//! What jobs took: the table `outcomes`, written together with the end of a job.

use std::time::Duration;

use batch::{Event, MemoryPeak, Outcome};
use jiff::Timestamp;
use rusqlite::{Connection, Row};

use super::read_texts;
use crate::{
    columns::{self, Problem, timestamp_text},
    error::Fault,
};

/// The latest of a server, in the order of the primary key.
pub(crate) const OUTCOMES: &str = "SELECT * FROM outcomes WHERE server = ?1
    ORDER BY ended_at DESC, job DESC LIMIT ?2";

/// Notes what a job took whose end this event is. One that loads no models is not of interest.
pub(super) fn note(
    connection: &Connection,
    job: &str,
    event: &Event,
    at: Timestamp,
) -> Result<(), Fault> {
    let Event::Finished { ran, memory, .. } = event else { return Ok(()) };
    let ran_ms = ran.map(|ran| ran.as_millis().to_string());
    let memory = memory.as_ref().map(|peak| peak.to_json().to_string());
    connection
        .prepare_cached(
            "INSERT INTO outcomes (server, ended_at, job, models, workload, ran_ms, memory)
             SELECT server, ?2, id, models, workload, ?3, ?4 FROM jobs
             WHERE id = ?1 AND models <> '[]'",
        )?
        .execute((job, timestamp_text(at), ran_ms, memory))?;
    Ok(())
}

pub(super) fn latest(
    connection: &Connection,
    server: &str,
    limit: u32,
) -> Result<Vec<Outcome>, Fault> {
    let mut outcomes = Vec::new();
    let mut statement = connection.prepare_cached(OUTCOMES)?;
    let mut rows = statement.query((server, limit.min(Outcome::LIMIT_MAX)))?;
    while let Some(row) = rows.next()? {
        match read(row) {
            Ok(outcome) => outcomes.push(outcome),
            Err(problem) => tracing::error!(problem, "what a job took cannot be read"),
        }
    }
    Ok(outcomes)
}

fn read(row: &Row<'_>) -> Result<Outcome, Problem> {
    let ran_ms: Option<u64> = columns::optional_parsed(row, "ran_ms")?;
    let memory = columns::optional_json(row, "memory")?;
    let memory = memory.map(|memory| MemoryPeak::from_json(&memory)).transpose();
    Ok(Outcome {
        job: columns::parsed(row, "job")?,
        ended_at: columns::parsed(row, "ended_at")?,
        server: columns::get(row, "server")?,
        models: read_texts("models", &columns::json(row, "models")?)?,
        workload: columns::get(row, "workload")?,
        ran: ran_ms.map(Duration::from_millis),
        memory: memory.map_err(|error| columns::problem("memory", &error))?,
    })
}
