//! Writes that are committed together.
//!
//! Each runs in a savepoint, so that one which is refused or panics takes nothing of the others
//! back. Nobody hears of a write, nor of a refusal that another write of the group may be the
//! reason for, before the group is committed.

use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
};

use rusqlite::{Connection, Transaction, TransactionBehavior, ffi};
use tokio::sync::oneshot;

use crate::error::Fault;

/// What a write survives once its caller was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Durability {
    /// The end of the process, however it ends. It reaches the disk with the next write that has
    /// to, or when SQLite tidies its log up.
    InFile,
    /// The end of the machine's power as well. The commit waits for the disk.
    OnDisk,
}

/// One write in the queue.
pub(super) trait Write: Send {
    fn durability(&self) -> Durability;

    /// Does it within the transaction of its group. What comes of it is told by `answer`.
    fn run(&mut self, transaction: &mut Transaction<'_>);

    /// What SQLite failed with, if it did.
    fn failure(&self) -> Option<&rusqlite::Error>;

    /// Tells whoever waits, once the group's transaction has ended.
    fn answer(self: Box<Self>, ended: rusqlite::Result<()>);
}

/// A write, and where its answer will be.
pub(super) fn one<T: Send + 'static>(
    durability: Durability,
    work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
) -> (Box<dyn Write>, oneshot::Receiver<Result<T, Fault>>) {
    let (answer, answered) = oneshot::channel();
    (Box::new(One { durability, work: Some(work), written: None, answer }), answered)
}

struct One<T, F> {
    durability: Durability,
    work: Option<F>,
    written: Option<Result<T, Fault>>,
    answer: oneshot::Sender<Result<T, Fault>>,
}

impl<T, F> Write for One<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, Fault> + Send,
{
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run(&mut self, transaction: &mut Transaction<'_>) {
        let Some(work) = self.work.take() else { return };
        // What a panic interrupts is rolled back on its way up, and the connection goes on.
        let written = panic::catch_unwind(AssertUnwindSafe(|| {
            let savepoint = transaction.savepoint()?;
            let value = work(&savepoint)?;
            savepoint.commit()?;
            Ok(value)
        }));
        let panicked = |panic: Box<dyn Any + Send>| Err(Fault::Panic(words_of(&*panic)));
        self.written = Some(written.unwrap_or_else(panicked));
    }

    fn failure(&self) -> Option<&rusqlite::Error> {
        let Some(Err(Fault::Sqlite(error))) = &self.written else { return None };
        Some(error)
    }

    fn answer(self: Box<Self>, ended: rusqlite::Result<()>) {
        let answer = match (ended, self.written) {
            (Ok(()), Some(written)) => written,
            (Err(error), _) => Err(error.into()),
            // It was never run: whoever waits hears that the store is closed.
            (Ok(()), None) => return,
        };
        // Nobody may be waiting for the answer any more, which changes nothing here.
        drop(self.answer.send(answer));
    }
}

/// The connection that writes, as the thread that has it uses it.
pub(super) struct Committer {
    connection: Connection,
    /// What commits survive now.
    durability: Durability,
    /// Whether commits may leave the disk for later. Only with a write-ahead log does the database
    /// stay whole then.
    may_defer: bool,
}

impl Committer {
    pub(super) fn new(connection: Connection) -> rusqlite::Result<Self> {
        let mode: String = connection.query_row("PRAGMA journal_mode", (), |row| row.get(0))?;
        set_durability(&connection, Durability::OnDisk)?;
        Ok(Self { connection, durability: Durability::OnDisk, may_defer: mode == "wal" })
    }

    /// Runs the writes in their order as one transaction and tells each what came of it. When the
    /// transaction fails as a whole, as on a full disk, so does each of them.
    pub(super) fn commit(&mut self, mut group: Vec<Box<dyn Write>>) {
        let ended = self.run(&mut group);
        for write in group {
            write.answer(ended.as_ref().copied().map_err(again));
        }
    }

    fn run(&mut self, group: &mut [Box<dyn Write>]) -> rusqlite::Result<()> {
        self.survive(group.iter().map(|write| write.durability()).max())?;
        let mut transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for write in group {
            write.run(&mut transaction);
            // Some failures, such as that of a full disk, make SQLite take the whole back.
            if transaction.is_autocommit() {
                let aborted = || failure(ffi::SQLITE_ABORT_ROLLBACK, None);
                return Err(write.failure().map_or_else(aborted, again));
            }
        }
        transaction.commit()
    }

    fn survive(&mut self, wanted: Option<Durability>) -> rusqlite::Result<()> {
        let wanted = wanted.filter(|_| self.may_defer).unwrap_or(Durability::OnDisk);
        if wanted != self.durability {
            set_durability(&self.connection, wanted)?;
            self.durability = wanted;
        }
        Ok(())
    }
}

fn set_durability(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    let synchronous = match durability {
        Durability::InFile => "NORMAL",
        Durability::OnDisk => "FULL",
    };
    connection.pragma_update(None, "synchronous", synchronous)
}

/// The same error once more: each write of a group is told it.
fn again(error: &rusqlite::Error) -> rusqlite::Error {
    if let rusqlite::Error::SqliteFailure(code, words) = error {
        return rusqlite::Error::SqliteFailure(*code, words.clone());
    }
    failure(ffi::SQLITE_ERROR, Some(error.to_string()))
}

fn failure(code: i32, words: Option<String>) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), words)
}

/// What a panic said.
pub(super) fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no words").to_owned()
}
