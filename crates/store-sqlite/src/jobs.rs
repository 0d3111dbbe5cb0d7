//! The tables `jobs` and `job_log`.

mod outcomes;
mod owners;
mod retention;

use std::time::Duration;

use async_trait::async_trait;
use batch::{
    Adoption, Appended, Event, Job, JobCursor, JobId, JobPage, JobQuery, JobRecord, JobStore,
    Outcome, OwnerId, Retention, State, StoreError,
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, named_params};
use workflow_graph::Json;

use crate::{
    SqliteStore,
    columns::{self, Problem, timestamp_text},
    conditions::Conditions,
    connections::Durability,
    error::Fault,
};

#[cfg(test)]
pub(crate) use self::outcomes::OUTCOMES;

#[async_trait]
impl JobStore for SqliteStore {
    async fn create(&self, record: JobRecord, owner: &OwnerId) -> Result<(), StoreError> {
        let owner = *owner;
        let created = self.write(move |connection| create(connection, &record, &owner)).await;
        created.map_err(|error| error.in_job_store("record a job"))
    }

    async fn create_with(
        &self,
        record: JobRecord,
        owner: &OwnerId,
        first: Event,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let owner = *owner;
        let created = self.write(move |connection| {
            create(connection, &record, &owner)?;
            append(connection, record.id, &first, at).map(drop)
        });
        created.await.map_err(|error| error.in_job_store("record a job"))
    }

    async fn append(
        &self,
        id: &JobId,
        event: Event,
        at: Timestamp,
    ) -> Result<Appended, StoreError> {
        let id = *id;
        // What can be asked of the server again need not wait for the disk.
        let durability =
            if event.is_dispensable() { Durability::InFile } else { Durability::OnDisk };
        let appended = move |connection: &Connection| append(connection, id, &event, at);
        let appended = self.inner.writer.run(durability, appended);
        appended.await.map_err(|error| error.in_job_store("record what happened to a job"))
    }

    fn expect(&self, jobs_at_servers: usize) {
        self.inner.writer.expect(jobs_at_servers);
    }

    async fn get(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        let id = *id;
        let found = self.read(move |connection| of_id(connection, &id));
        found.await.map_err(|error| error.in_job_store("read a job"))
    }

    async fn list(&self, query: &JobQuery) -> Result<JobPage, StoreError> {
        let query = query.clone();
        let listed = self.read(move |connection| list(connection, &query)).await;
        listed.map_err(|error| error.in_job_store("list jobs"))
    }

    async fn latest_of_shape(
        &self,
        shape_digest: &str,
        limit: u32,
    ) -> Result<Vec<Job>, StoreError> {
        let shape = shape_digest.to_owned();
        let found = self.read(move |connection| latest_of_shape(connection, &shape, limit)).await;
        found.map_err(|error| error.in_job_store("read earlier jobs"))
    }

    async fn outcomes(&self, server: &str, limit: u32) -> Result<Vec<Outcome>, StoreError> {
        let server = server.to_owned();
        let found = self.read(move |connection| outcomes::latest(connection, &server, limit)).await;
        found.map_err(|error| error.in_job_store("read what earlier jobs took"))
    }

    async fn renew(&self, owner: &OwnerId, until: Timestamp) -> Result<(), StoreError> {
        let owner = *owner;
        // After a power failure nobody is alive, whatever the leases say.
        let renewed = move |connection: &Connection| owners::renew(connection, &owner, until);
        let renewed = self.inner.writer.run(Durability::InFile, renewed).await;
        renewed.map_err(|error| error.in_job_store("renew a lease"))
    }

    async fn adopt(&self, adoption: &Adoption) -> Result<Vec<Job>, StoreError> {
        let adoption = adoption.clone();
        let adopted = self.write(move |connection| owners::adopt(connection, &adoption)).await;
        adopted.map_err(|error| error.in_job_store("take over unfinished jobs"))
    }

    async fn leave(&self, owner: &OwnerId) -> Result<(), StoreError> {
        let owner = *owner;
        let left = self.write(move |connection| owners::leave(connection, &owner)).await;
        left.map_err(|error| error.in_job_store("end a lease"))
    }

    async fn prune(&self, keep: &Retention) -> Result<u64, StoreError> {
        let keep = *keep;
        let pruned = self.write(move |connection| retention::prune(connection, &keep)).await;
        pruned.map_err(|error| error.in_job_store("forget old jobs"))
    }
}

/// Adds an event to a job's log, if it can follow. The transaction holds the lock for writing, so
/// nobody changes the state between the check and the write.
pub(crate) fn append(
    connection: &Connection,
    id: JobId,
    event: &Event,
    at: Timestamp,
) -> Result<Appended, Fault> {
    let job = id.to_string();
    let state: Option<String> = connection
        .prepare_cached("SELECT state FROM jobs WHERE id = ?1")?
        .query_row([&job], |row| row.get(0))
        .optional()?;
    let state: State = state
        .ok_or(StoreError::UnknownJob { id })?
        .parse()
        .map_err(|error| damaged(&job, columns::problem("state", &error)))?;
    let next = state.next(event).map_err(|source| StoreError::Illegal { id, source })?;
    let seq: u32 = connection
        .prepare_cached(
            "INSERT INTO job_log (job, seq, at, event)
             SELECT ?1, count(*), ?2, ?3 FROM job_log WHERE job = ?1 RETURNING seq",
        )?
        .query_row((&job, timestamp_text(at), event.to_json().to_string()), |row| row.get(0))?;
    // Where a job is, too, stands in its log: the state and the server only repeat it.
    let server = if let Event::SubmitStarted { server } = event {
        Some(server.as_str())
    } else {
        (next == State::Recorded).then_some("")
    };
    connection
        .prepare_cached("UPDATE jobs SET state = ?2, server = coalesce(?3, server) WHERE id = ?1")?
        .execute((&job, next.as_str(), server))?;
    outcomes::note(connection, &job, event, at)?;
    Ok(Appended { seq, state: next })
}

fn create(connection: &Connection, record: &JobRecord, owner: &OwnerId) -> Result<(), Fault> {
    let targets = record.targets.as_ref().map(|targets| texts_json(targets).to_string());
    // What is beyond 64 bits of milliseconds is for ever, as the largest number is.
    let running_ms_max =
        record.running_time_max.map(|max| u64::try_from(max.as_millis()).unwrap_or(u64::MAX));
    let inserted = connection
        .prepare_cached(
            "INSERT INTO jobs (id, created_at, state, server, servers, workflow, ui_workflow,
                 workflow_digest, shape_digest, targets, parameters, seed, template, model, tool,
                 service, caller, priority, notes, running_ms_max, models, workload, owner)
             VALUES (:id, :created_at, :state, '', :servers, :workflow, :ui_workflow,
                 :workflow_digest, :shape_digest, :targets, :parameters, :seed, :template, :model,
                 :tool, :service, :caller, :priority, :notes, :running_ms_max, :models,
                 :workload, :owner)
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(named_params! {
            ":id": record.id.to_string(),
            ":created_at": timestamp_text(record.created_at),
            ":state": State::Recorded.as_str(),
            ":servers": texts_json(&record.servers).to_string(),
            ":workflow": record.workflow.to_string(),
            ":ui_workflow": record.ui_workflow.as_ref().map(Json::to_string),
            ":workflow_digest": record.workflow_digest,
            ":shape_digest": record.shape_digest,
            ":targets": targets,
            ":parameters": record.parameters.to_string(),
            ":seed": record.seed.map(|seed| seed.to_string()),
            ":template": record.template,
            ":model": record.model,
            ":tool": record.tool,
            ":service": record.service,
            ":caller": record.caller,
            ":priority": record.priority,
            ":notes": texts_json(&record.notes).to_string(),
            ":running_ms_max": running_ms_max.map(|max| max.to_string()),
            ":models": texts_json(&record.models).to_string(),
            ":workload": record.workload,
            ":owner": owner.to_string(),
        })?;
    match inserted {
        0 => Err(StoreError::Duplicate { id: record.id }.into()),
        _ => Ok(()),
    }
}

fn list(connection: &Connection, query: &JobQuery) -> Result<JobPage, Fault> {
    let states = (!query.states.is_empty()).then(|| [states_json(query.states.iter().copied())]);
    let text = |text: &Option<String>| text.clone().map(|text| [text]);
    let all = Conditions::default()
        .and("state IN (SELECT value FROM json_each(?))", states)
        .and("service = ?", text(&query.service))
        .and("workflow_digest = ?", text(&query.workflow_digest))
        .and("shape_digest = ?", text(&query.shape_digest));
    let total: i64 = connection
        .prepare_cached(&format!("SELECT count(*) FROM jobs {}", all.sql()))?
        .query_row(all.values(), |row| row.get(0))?;

    let place = |cursor: JobCursor| [timestamp_text(cursor.created_at), cursor.id.to_string()];
    let rest = all.and("(created_at, id) < (?, ?)", query.cursor.map(place));
    let page_size = query.page_size();
    // One more than asked for tells whether there is another page.
    let most = u64::from(page_size) + 1;
    let page = format!("{} ORDER BY created_at DESC, id DESC LIMIT {most}", rest.sql());
    let mut jobs = select(connection, &page, rest.values())?;
    let page_size = page_size.try_into().unwrap_or(usize::MAX);
    let has_more = jobs.len() > page_size;
    jobs.truncate(page_size);
    Ok(JobPage {
        next_cursor: jobs.last().filter(|_| has_more).map(|job| JobCursor::from(&job.record)),
        jobs,
        total: total.try_into().unwrap_or_default(),
    })
}

/// The newest jobs of a shape that ended well.
fn latest_of_shape(
    connection: &Connection,
    shape_digest: &str,
    limit: u32,
) -> Result<Vec<Job>, Fault> {
    // The plus keeps SQLite off the index of states, of which most jobs have the same.
    select(
        connection,
        "WHERE shape_digest = :shape AND +state = :state ORDER BY created_at DESC LIMIT :limit",
        named_params! {
            ":shape": shape_digest,
            ":state": State::Succeeded.as_str(),
            ":limit": limit,
        },
    )
}

/// The jobs that `condition` chooses, with their logs, as one moment knows them.
/// The job `id`, if there is one.
pub(crate) fn of_id(connection: &Connection, id: &JobId) -> Result<Option<Job>, Fault> {
    Ok(select(connection, "WHERE id = :id", named_params! {":id": id.to_string()})?.pop())
}

fn select(
    connection: &Connection,
    condition: &str,
    values: impl Params,
) -> Result<Vec<Job>, Fault> {
    let jobs = select_each(connection, condition, values)?;
    Ok(jobs.into_iter().collect::<Result<_, _>>()?)
}

/// The same, and of each that cannot be read why.
pub(crate) fn select_each(
    connection: &Connection,
    condition: &str,
    values: impl Params,
) -> Result<Vec<Result<Job, StoreError>>, Fault> {
    let mut jobs = Vec::new();
    let mut statement = connection.prepare_cached(&format!("SELECT * FROM jobs {condition}"))?;
    let mut rows = statement.query(values)?;
    while let Some(row) = rows.next()? {
        let id: String = row.get("id")?;
        let job = read_job(row, read_log(connection, &id)?);
        jobs.push(job.map_err(|problem| damaged(&id, problem)));
    }
    Ok(jobs)
}

fn read_job(row: &Row<'_>, log: Result<Log, Problem>) -> Result<Job, Problem> {
    let (record, state) = read_record(row)?;
    let job = Job::replay(record, log?).map_err(|error| columns::problem("log", &error))?;
    if job.state != state {
        return Err(format!("the log ends at {}, but the state is {state}", job.state));
    }
    let server: String = columns::get(row, "server")?;
    if job.server().unwrap_or_default() != server {
        let logged = job.server().unwrap_or("no server");
        return Err(format!("the log ends at {logged}, but the server is `{server}`"));
    }
    Ok(job)
}

type Log = Vec<(Event, Timestamp)>;

fn read_log(connection: &Connection, job: &str) -> Result<Result<Log, Problem>, Fault> {
    let mut log = Log::new();
    let mut statement = connection
        .prepare_cached("SELECT seq, at, event FROM job_log WHERE job = ?1 ORDER BY seq")?;
    let mut rows = statement.query([job])?;
    while let Some(row) = rows.next()? {
        let expected = log.len();
        match read_entry(row, expected) {
            Ok(entry) => log.push(entry),
            Err(problem) => return Ok(Err(format!("log entry {expected}: {problem}"))),
        }
    }
    Ok(Ok(log))
}

fn read_entry(row: &Row<'_>, expected: usize) -> Result<(Event, Timestamp), Problem> {
    let seq: u32 = columns::get(row, "seq")?;
    if usize::try_from(seq) != Ok(expected) {
        return Err(format!("the next one is number {seq}"));
    }
    let event = Event::from_json(&columns::json(row, "event")?)
        .map_err(|error| columns::problem("event", &error))?;
    Ok((event, columns::parsed(row, "at")?))
}

fn read_record(row: &Row<'_>) -> Result<(JobRecord, State), Problem> {
    let targets = columns::optional_json(row, "targets")?;
    let running_ms_max: Option<u64> = columns::optional_parsed(row, "running_ms_max")?;
    let record = JobRecord {
        id: columns::parsed(row, "id")?,
        created_at: columns::parsed(row, "created_at")?,
        servers: read_texts("servers", &columns::json(row, "servers")?)?,
        workflow: columns::json(row, "workflow")?,
        ui_workflow: columns::optional_json(row, "ui_workflow")?,
        workflow_digest: columns::get(row, "workflow_digest")?,
        shape_digest: columns::get(row, "shape_digest")?,
        targets: targets.map(|targets| read_texts("targets", &targets)).transpose()?,
        parameters: columns::json(row, "parameters")?,
        seed: columns::optional_parsed(row, "seed")?,
        template: columns::get(row, "template")?,
        model: columns::get(row, "model")?,
        tool: columns::get(row, "tool")?,
        service: columns::get(row, "service")?,
        caller: columns::get(row, "caller")?,
        priority: columns::get(row, "priority")?,
        notes: read_texts("notes", &columns::json(row, "notes")?)?,
        running_time_max: running_ms_max.map(Duration::from_millis),
        models: read_texts("models", &columns::json(row, "models")?)?,
        workload: columns::get(row, "workload")?,
    };
    Ok((record, columns::parsed(row, "state")?))
}

fn texts_json(texts: &[String]) -> Json {
    Json::Array(texts.iter().map(|text| Json::from(text.as_str())).collect())
}

fn read_texts(column: &str, json: &Json) -> Result<Vec<String>, Problem> {
    json.as_array()
        .and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect())
        .ok_or_else(|| columns::problem(column, &"not a list of texts"))
}

pub(crate) fn states_json(states: impl Iterator<Item = State>) -> String {
    Json::Array(states.map(|state| Json::from(state.as_str())).collect()).to_string()
}

fn damaged(id: &str, problem: Problem) -> StoreError {
    StoreError::Damaged { id: id.to_owned(), problem }
}
