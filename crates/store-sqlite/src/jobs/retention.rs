//! Forgetting finished jobs.

use batch::{Retention, State};
use rusqlite::{Connection, named_params};

use super::states_json;
use crate::{columns::timestamp_text, error::Fault};

/// The finished jobs that are too old, and those beyond the newest so many.
const GONE: &str = "
    SELECT id FROM (
        SELECT id, created_at, row_number() OVER (ORDER BY created_at DESC, id DESC) AS place
        FROM jobs WHERE state IN (SELECT value FROM json_each(:finals))
    )
    WHERE created_at < :since OR place > :jobs_max";

pub(super) fn prune(connection: &Connection, keep: &Retention) -> Result<u64, Fault> {
    let finals = states_json(State::ALL.into_iter().filter(State::is_final));
    let since = keep.recorded_since.map(timestamp_text);
    // More jobs than that no database holds.
    let jobs_max = keep.jobs_max.map_or(i64::MAX, |most| i64::try_from(most).unwrap_or(i64::MAX));
    let values = named_params! {":finals": finals, ":since": since, ":jobs_max": jobs_max};
    connection
        .prepare_cached(&format!("DELETE FROM job_log WHERE job IN ({GONE})"))?
        .execute(values)?;
    connection
        .prepare_cached(&format!("DELETE FROM outcomes WHERE job IN ({GONE})"))?
        .execute(values)?;
    let gone = connection
        .prepare_cached(&format!("DELETE FROM jobs WHERE id IN ({GONE})"))?
        .execute(values)?;
    Ok(u64::try_from(gone).unwrap_or(u64::MAX))
}
