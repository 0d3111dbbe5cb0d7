//! Who drives which job: the table `owners`, and the column that names one.

use batch::{Adoption, Job, OwnerId, State};
use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::{select_each, states_json};
use crate::{
    columns::{self, timestamp_text},
    error::Fault,
};

pub(super) fn renew(
    connection: &Connection,
    owner: &OwnerId,
    until: Timestamp,
) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO owners (id, alive_until) VALUES (?1, ?2)
             ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until",
        )?
        .execute((owner.to_string(), timestamp_text(until)))?;
    Ok(())
}

pub(super) fn leave(connection: &Connection, owner: &OwnerId) -> Result<(), Fault> {
    connection.prepare_cached("DELETE FROM owners WHERE id = ?1")?.execute([owner.to_string()])?;
    Ok(())
}

/// Which jobs are free and whose they become are one transaction: of two heirs, each job has one.
pub(super) fn adopt(connection: &Connection, adoption: &Adoption) -> Result<Vec<Job>, Fault> {
    bury(connection, adoption)?;
    let free = select_each(
        connection,
        "WHERE state IN (SELECT value FROM json_each(:unfinished))
             AND owner <> :owner AND owner NOT IN (SELECT id FROM owners)
             AND (:only IS NULL OR id = :only)
         ORDER BY created_at, id",
        named_params! {
            ":owner": adoption.owner.to_string(),
            ":unfinished": states_json(State::ALL.into_iter().filter(|state| !state.is_final())),
            ":only": adoption.only.map(|only| only.to_string()),
        },
    )?;
    let mut adopted = Vec::new();
    let limit = usize::try_from(adoption.limit).unwrap_or(usize::MAX);
    for job in free {
        match job {
            Ok(job) if adopted.len() < limit && adoption.is_reachable(&job) => adopted.push(job),
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "an unfinished job is left as it is"),
        }
    }
    let mut take = connection.prepare_cached("UPDATE jobs SET owner = ?2 WHERE id = ?1")?;
    for job in &adopted {
        take.execute((job.record.id.to_string(), adoption.owner.to_string()))?;
    }
    Ok(adopted)
}

/// Forgets the owners whose lease has ended.
fn bury(connection: &Connection, adoption: &Adoption) -> Result<(), Fault> {
    let mut dead = Vec::new();
    let mut statement = connection.prepare_cached("SELECT id, alive_until FROM owners")?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let until = columns::parsed::<Timestamp>(row, "alive_until");
        // A lease that cannot be read protects nobody.
        if !until.is_ok_and(|until| adoption.is_alive(until)) {
            dead.push(row.get::<_, String>("id")?);
        }
    }
    let mut forget = connection.prepare_cached("DELETE FROM owners WHERE id = ?1")?;
    for id in dead.iter().filter(|id| **id != adoption.owner.to_string()) {
        forget.execute([id])?;
    }
    Ok(())
}
