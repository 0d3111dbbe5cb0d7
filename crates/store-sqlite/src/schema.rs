//! The tables, and how an older database gets them.
//!
//! [`MIGRATIONS`] is append-only: `user_version` of a database is how many of them it has had.
//! What is already in the list is never changed, removed or reordered.

use std::path::Path;

use rusqlite::{Connection, ErrorCode as Code, TransactionBehavior};

use crate::{
    Error,
    error::{BUSY_WAIT, in_words},
};

/// Marks a file as ours, in the field that SQLite has for it: "MFAC" in ASCII.
const APPLICATION_ID: i32 = 0x4d46_4143;

/// Times are text with nine digits of the second, whose order is that of time. Seeds are text,
/// because SQLite's integers end at 63 bits. JSON is text as ComfyUI was sent it, because SQLite's
/// own JSON knows neither `NaN` nor the spelling of numbers.
const MIGRATIONS: [&str; 3] = [
    // `jobs.state` repeats what the log says, for lists; it is written with the log and checked
    // against it on every read.
    "
    CREATE TABLE jobs (
        id TEXT NOT NULL PRIMARY KEY,
        created_at TEXT NOT NULL,
        state TEXT NOT NULL,
        server TEXT NOT NULL,
        workflow TEXT NOT NULL,
        ui_workflow TEXT,
        workflow_digest TEXT NOT NULL,
        targets TEXT,
        parameters TEXT NOT NULL,
        seed TEXT,
        template TEXT,
        model TEXT,
        tool TEXT NOT NULL,
        label TEXT,
        notes TEXT NOT NULL,
        running_ms_max TEXT
    ) STRICT;
    CREATE INDEX jobs_by_age ON jobs (created_at, id);
    CREATE INDEX jobs_by_state ON jobs (state, created_at, id);

    CREATE TABLE job_log (
        job TEXT NOT NULL REFERENCES jobs (id),
        seq INTEGER NOT NULL,
        at TEXT NOT NULL,
        event TEXT NOT NULL,
        PRIMARY KEY (job, seq)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE assets (
        id TEXT NOT NULL PRIMARY KEY,
        blob TEXT NOT NULL,
        media_type TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        file_name TEXT NOT NULL,
        width INTEGER,
        height INTEGER,
        created_at TEXT NOT NULL,
        expires_at TEXT,
        job TEXT NOT NULL,
        node TEXT NOT NULL,
        output_index INTEGER NOT NULL,
        workflow_digest TEXT NOT NULL,
        workflow TEXT NOT NULL,
        parameters TEXT NOT NULL,
        seed TEXT,
        model TEXT,
        template TEXT,
        server TEXT NOT NULL,
        server_filename TEXT NOT NULL,
        server_subfolder TEXT NOT NULL,
        server_folder TEXT NOT NULL,
        started_at TEXT,
        finished_at TEXT,
        search_text TEXT NOT NULL,
        UNIQUE (job, node, output_index)
    ) STRICT;
    CREATE INDEX assets_by_age ON assets (created_at, id);
    CREATE INDEX assets_by_blob ON assets (blob);
    CREATE INDEX assets_by_expiry ON assets (expires_at, id) WHERE expires_at IS NOT NULL;
    ",
    // `jobs.server` was where a job should go; now it repeats what the log says, like the state,
    // and `servers` is where it may go. An owner that is not in `owners` is dead.
    "
    ALTER TABLE jobs ADD COLUMN servers TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE jobs ADD COLUMN shape_digest TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN service TEXT;
    ALTER TABLE jobs ADD COLUMN caller TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs DROP COLUMN label;
    UPDATE jobs SET servers = json_array(server);
    UPDATE job_log SET event = json_set(event, '$.server',
        (SELECT server FROM jobs WHERE id = job_log.job))
        WHERE event = '{\"version\":1,\"event\":\"submit_started\"}';
    UPDATE jobs SET server = '' WHERE state = 'recorded'
        OR NOT EXISTS (SELECT 1 FROM job_log WHERE job = jobs.id AND event LIKE '%submit_started%');
    CREATE INDEX jobs_by_workflow ON jobs (workflow_digest, created_at);
    CREATE INDEX jobs_by_shape ON jobs (shape_digest, created_at);
    CREATE TABLE owners (
        id TEXT NOT NULL PRIMARY KEY,
        alive_until TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    ",
    // What jobs took is apart from them: a row of `jobs` begins with its workflow, which may have a
    // megabyte, and a thousand of these shall be read at once.
    "
    ALTER TABLE jobs ADD COLUMN models TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE jobs ADD COLUMN workload TEXT NOT NULL DEFAULT '';
    CREATE TABLE outcomes (
        server TEXT NOT NULL,
        ended_at TEXT NOT NULL,
        job TEXT NOT NULL UNIQUE REFERENCES jobs (id),
        models TEXT NOT NULL,
        workload TEXT NOT NULL,
        ran_ms TEXT,
        memory TEXT,
        PRIMARY KEY (server, ended_at, job)
    ) STRICT, WITHOUT ROWID;
    ",
];

/// Refuses a database that this program must not touch. It only reads.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<(), Error> {
    missing(&MIGRATIONS, connection, path).map(drop)
}

/// Brings a database to the present schema in one transaction, or leaves it as it was.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    apply(&MIGRATIONS, connection, path)
}

fn apply(migrations: &[&str], connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let failed = |source| migrate_error(path, source);
    // Exclusive, so that of two processes that find an old database one waits for the other.
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(failed)?;
    let missing = missing(migrations, &transaction, path)?;
    if missing.is_empty() {
        return Ok(());
    }
    for migration in missing {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    let version = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    transaction.pragma_update(None, "user_version", version).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Which migrations a database has not had, when it is ours or empty.
fn missing<'a, 'sql>(
    migrations: &'a [&'sql str],
    connection: &Connection,
    path: &Path,
) -> Result<&'a [&'sql str], Error> {
    let number = |sql| {
        let number = connection.query_row(sql, (), |row| row.get::<_, i64>(0));
        number.map_err(|source| migrate_error(path, source))
    };
    let application_id = number("SELECT application_id FROM pragma_application_id")?;
    let is_ours = application_id == i64::from(APPLICATION_ID);
    let is_new = application_id == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0;
    if !is_ours && !is_new {
        return Err(Error::Foreign { path: path.into() });
    }
    let found = number("SELECT user_version FROM pragma_user_version")?;
    let missing = usize::try_from(found).ok().and_then(|applied| migrations.get(applied..));
    missing.ok_or_else(|| Error::Newer {
        path: path.into(),
        found: found.try_into().unwrap_or(u32::MAX),
        supported: migrations.len().try_into().unwrap_or(u32::MAX),
    })
}

fn migrate_error(path: &Path, source: rusqlite::Error) -> Error {
    match source.sqlite_error_code() {
        Some(Code::NotADatabase) => Error::NotADatabase { path: path.into() },
        Some(Code::DatabaseBusy) => Error::Busy { waited: BUSY_WAIT },
        Some(Code::DatabaseCorrupt) => Error::Damaged { source: in_words(source) },
        _ => Error::Migrate { path: path.into(), source: in_words(source) },
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rusqlite::Connection;

    use super::{MIGRATIONS, apply};
    use crate::Error;

    const FIRST: &str = "CREATE TABLE a (x)";
    const SECOND: &str = "CREATE TABLE b (x); INSERT INTO b VALUES (1)";
    const BROKEN: &str = "CREATE TABLE c (x); CREATE TABLE a (x)";

    fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), Error> {
        apply(migrations, connection, Path::new("factory.db"))
    }

    fn tables_and_version(connection: &Connection) -> (String, u32) {
        let tables = "SELECT group_concat(name) FROM sqlite_schema";
        let version = "SELECT user_version FROM pragma_user_version";
        (
            connection.query_row(tables, (), |row| row.get(0)).unwrap(),
            connection.query_row(version, (), |row| row.get(0)).unwrap(),
        )
    }

    #[test]
    fn an_older_database_gets_what_it_has_not_had_and_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &[FIRST]).unwrap();
        assert_eq!(tables_and_version(&connection), ("a".to_owned(), 1));
        for _ in 0..2 {
            migrate(&mut connection, &[FIRST, SECOND]).unwrap();
            assert_eq!(tables_and_version(&connection), ("a,b".to_owned(), 2));
        }
        let refused = migrate(&mut connection, &[FIRST]);
        assert!(matches!(refused, Err(Error::Newer { found: 2, supported: 1, .. })), "{refused:?}");
    }

    #[test]
    fn jobs_of_the_first_schema_keep_their_servers() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &MIGRATIONS[..1]).unwrap();
        connection
            .execute_batch(
                r#"INSERT INTO jobs (id, created_at, state, server, workflow, workflow_digest,
                       parameters, tool, notes)
                   VALUES ('a', '', 'recorded', 'http://one/', '{}', '', '{}', '', '[]'),
                       ('b', '', 'submitting', 'http://two/', '{}', '', '{}', '', '[]');
                   INSERT INTO job_log (job, seq, at, event)
                   VALUES ('b', 0, '', '{"version":1,"event":"submit_started"}');"#,
            )
            .unwrap();
        migrate(&mut connection, &MIGRATIONS).unwrap();
        let told: String = connection
            .query_row(
                "SELECT group_concat(id || ' ' || servers || ' ' || server, '; ' ORDER BY id)
                     || '; ' || (SELECT event FROM job_log) FROM jobs",
                (),
                |row| row.get(0),
            )
            .unwrap();
        let event = r#"{"version":1,"event":"submit_started","server":"http://two/"}"#;
        assert_eq!(told, format!(r#"a ["http://one/"] ; b ["http://two/"] http://two/; {event}"#));
    }

    #[test]
    fn jobs_of_the_second_schema_are_read_and_have_no_outcome() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &MIGRATIONS[..2]).unwrap();
        connection
            .execute_batch(
                r#"INSERT INTO jobs (id, created_at, state, server, workflow, workflow_digest,
                       parameters, tool, notes)
                   VALUES ('a', '', 'succeeded', 'http://one/', '{}', '', '{}', '', '[]');
                   INSERT INTO job_log (job, seq, at, event)
                   VALUES ('a', 0, '', '{"version":1,"event":"finished"}');"#,
            )
            .unwrap();
        migrate(&mut connection, &MIGRATIONS).unwrap();
        let told: String = connection
            .query_row(
                "SELECT models || workload || (SELECT count(*) FROM outcomes) FROM jobs",
                (),
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(told, "[]0");
    }

    #[test]
    fn the_latest_outcomes_of_a_server_are_found_by_the_key() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &MIGRATIONS).unwrap();
        let plan = format!("EXPLAIN QUERY PLAN {}", crate::jobs::OUTCOMES);
        let plan: String =
            connection.query_row(&plan, ("http://one/", 1_000), |row| row.get("detail")).unwrap();
        assert_eq!(plan, "SEARCH outcomes USING PRIMARY KEY (server=?)");
    }

    #[test]
    fn a_migration_that_fails_leaves_the_database_as_it_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &[FIRST]).unwrap();
        let refused = migrate(&mut connection, &[FIRST, SECOND, BROKEN]);
        assert!(matches!(refused, Err(Error::Migrate { .. })), "{refused:?}");
        assert_eq!(tables_and_version(&connection), ("a".to_owned(), 1));
    }
}
