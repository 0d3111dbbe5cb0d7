//! One connection that writes, on a thread of its own, and some that read.
//!
//! SQLite lets one connection write at a time while any number read what was last committed. So
//! writers queue here, in order, instead of colliding there, and readers never wait for them.
//! Writes that wait together are committed together: they share one wait for the disk.
//! Other processes may use the same file: between processes SQLite's own locks decide.

mod group;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{self, JoinError},
};

pub(crate) use self::group::Durability;
use self::group::{Committer, Write};
use crate::{
    Error,
    error::{BUSY_WAIT, Fault, in_words},
    schema,
};

/// How many writes may wait for the writer. Small on purpose: every caller waits for its answer,
/// so a longer queue would only hide that the disk is behind.
const WRITES_QUEUED_MAX: usize = 64;

/// How many reads run at a time. Each holds a connection with a cache of some megabytes and a
/// thread; reads take milliseconds, so more would not answer sooner.
const READERS_MAX: usize = 4;

/// How often an attempt is repeated that SQLite does not wait with by itself, and the pause in
/// between: together the same as [`BUSY_WAIT`].
const MODE_ATTEMPTS_MAX: u32 = 500;
const MODE_PAUSE: Duration = Duration::from_millis(10);

/// How many writes become one transaction at most, so that none waits long for those after it.
const GROUP_MAX: usize = WRITES_QUEUED_MAX;

/// From how many jobs at servers on writes wait for each other. With fewer, the next write may come
/// only once this one is answered, and waiting would only make all of them late.
const JOBS_MANY: usize = 16;

/// How long after a commit the next one is, where there are many jobs. Each of them waits for its
/// turn at a server far longer; and a commit costs as much as a dozen writes.
const COMMIT_PAUSE: Duration = Duration::from_millis(4);

/// The connection that writes. Dropping it waits for the writes that are queued.
pub(crate) struct Writer {
    /// How many jobs are at servers.
    jobs: Arc<AtomicUsize>,
    queue: Mutex<Option<mpsc::Sender<Box<dyn Write>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The connections that read, opened as they are needed.
pub(crate) struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection) -> Result<Self, Error> {
        let mut committer = Committer::new(connection).map_err(Error::of_sqlite)?;
        let (queue, mut writes) = mpsc::channel::<Box<dyn Write>>(WRITES_QUEUED_MAX);
        let jobs = Arc::new(AtomicUsize::new(0));
        let jobs_now = Arc::clone(&jobs);
        let thread = thread::Builder::new()
            .name("store-sqlite".to_owned())
            .spawn(move || {
                let mut next_commit = Instant::now();
                while let Some(first) = writes.blocking_recv() {
                    if jobs_now.load(Ordering::Relaxed) >= JOBS_MANY {
                        thread::sleep(next_commit.saturating_duration_since(Instant::now()));
                    }
                    let mut group = vec![first];
                    while group.len() < GROUP_MAX
                        && let Ok(next) = writes.try_recv()
                    {
                        group.push(next);
                    }
                    committer.commit(group);
                    next_commit = Instant::now() + COMMIT_PAUSE;
                }
            })
            .map_err(|source| Error::Thread { source })?;
        Ok(Self { jobs, queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)) })
    }

    /// Says how many jobs are at servers.
    pub(crate) fn expect(&self, jobs_at_servers: usize) {
        self.jobs.store(jobs_at_servers, Ordering::Relaxed);
    }

    /// Runs `write` after those that were queued before it, and answers when it is committed. It
    /// must not end the transaction that it runs in. When the future is dropped, a queued write
    /// still happens.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        durability: Durability,
        write: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        let queue = lock(&self.queue).clone().ok_or(Error::Closed)?;
        let (write, answered) = group::one(durability, write);
        queue.send(write).await.map_err(|_| Error::Closed)?;
        Ok(answered.await.map_err(|_| Error::Closed)??)
    }

    /// Takes no more writes and waits, blocking, until those that are queued are done. Whoever
    /// closes at the same time waits as long, for the lock.
    pub(crate) fn close(&self) {
        drop(lock(&self.queue).take());
        let mut thread = lock(&self.thread);
        if thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes to the database panicked");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        let permits = Arc::new(Semaphore::new(READERS_MAX));
        Self { path, permits, idle: Mutex::default() }
    }

    /// Runs `read` where waiting for the disk holds up no task. All of it sees one moment.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| Error::Closed)?;
        let readers = Arc::clone(self);
        let reading = task::spawn_blocking(move || {
            let _permit = permit;
            let idle = lock(&readers.idle).pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => open_reader(&readers.path)?,
            };
            let result = as_of_one_moment(&mut connection, read);
            if !readers.permits.is_closed() {
                lock(&readers.idle).push(connection);
            }
            Ok(result?)
        });
        reading.await.map_err(ended)?
    }

    pub(crate) fn close(&self) {
        self.permits.close();
        lock(&self.idle).clear();
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").field("path", &self.path).finish_non_exhaustive()
    }
}

fn as_of_one_moment<T>(
    connection: &mut Connection,
    read: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let transaction = connection.transaction()?;
    read(&transaction)
}

/// Opens the connection that writes, and with it the database: created when it is not there, and
/// brought to the present schema.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = open(path, flags)?;
    refuse_others(&connection, path)?;
    write_ahead(&connection).map_err(|source| open_error(path, source))?;
    prepare_writer(&mut connection, path)?;
    Ok(connection)
}

/// A database that is gone when its connection is.
pub(crate) fn open_in_memory() -> Result<Connection, Error> {
    let path = Path::new(":memory:");
    let mut connection = Connection::open_in_memory().map_err(|source| open_error(path, source))?;
    prepare_writer(&mut connection, path)?;
    Ok(connection)
}

fn prepare_writer(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let set = connection.pragma_update(None, "foreign_keys", true);
    set.map_err(|source| open_error(path, source))?;
    schema::migrate(connection, path)
}

fn open_reader(path: &Path) -> Result<Connection, Error> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let connection =
        Connection::open_with_flags(path, flags).map_err(|source| open_error(path, source))?;
    connection.busy_timeout(BUSY_WAIT).map_err(|source| open_error(path, source))?;
    Ok(connection)
}

/// Refuses a database that is not ours before anything is written to it. The last connection to
/// close carries what another program has only in its log over to its file, unless it is told
/// not to: also that is left to the other program.
fn refuse_others(connection: &Connection, path: &Path) -> Result<(), Error> {
    let keep_log = |keep| {
        let set = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep);
        set.map_err(|source| open_error(path, source))
    };
    keep_log(true)?;
    schema::check(connection, path)?;
    keep_log(false).map(drop)
}

/// Lets readers go on while one connection writes. The file remembers the mode, so this changes
/// something once in its life; just then SQLite does not wait for other processes by itself.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let mut attempt = 0;
    loop {
        let set = connection.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0));
        let busy = matches!(&set, Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy));
        attempt += 1;
        if !busy || attempt == MODE_ATTEMPTS_MAX {
            let mode: String = set?;
            // Some network file systems cannot; everything works there, but readers wait.
            if mode != "wal" {
                tracing::warn!(mode, "the database cannot be read while it is written");
            }
            return Ok(());
        }
        thread::sleep(MODE_PAUSE);
    }
}

fn open_error(path: &Path, source: rusqlite::Error) -> Error {
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => Error::NotADatabase { path: path.into() },
        Some(ErrorCode::DatabaseBusy) => Error::Busy { waited: BUSY_WAIT },
        _ => Error::Open { path: path.into(), source: in_words(source) },
    }
}

/// Why work on another thread did not come to its end.
pub(crate) fn ended(error: JoinError) -> Error {
    match error.try_into_panic() {
        Ok(panic) => Error::Panic { words: group::words_of(&*panic) },
        Err(_) => Error::Closed,
    }
}

/// What these locks protect is whole at every moment, so a panic elsewhere is no reason to stop.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
