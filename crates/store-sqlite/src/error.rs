//! What can go wrong with the database.

use std::{error, io, path::PathBuf, time::Duration};

use thiserror::Error;

type BoxError = Box<dyn error::Error + Send + Sync>;

/// Why the database could not be opened or used.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use store_sqlite::{Error, SqliteStore};
/// let error = SqliteStore::open("/no/such/folder/factory.db").await.unwrap_err();
/// assert!(matches!(error, Error::Open { .. }));
/// # }
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The file can be neither opened nor created.
    #[error("cannot open the database {}; its folder must exist, and both must be writable", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: BoxError,
    },
    /// The file holds something else, or its beginning was overwritten.
    #[error("{} is not a database, or its beginning is damaged; move it away to start with an empty one, or put a backup in its place", .path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is a database of another program.
    #[error("{} is a database of another program; give MediaFactory a file of its own", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The database was last opened by a later version.
    #[error("the database {} has schema version {found}, but this program knows up to {supported}; use a newer MediaFactory", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of the file.
        found: u32,
        /// The highest version that is known.
        supported: u32,
    },
    /// The database cannot be brought to the present schema; it was left as it was.
    #[error("cannot prepare the tables of the database {}", .path.display())]
    Migrate {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: BoxError,
    },
    /// The system gave no thread to write with.
    #[error("cannot start the thread that writes to the database")]
    Thread {
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The store was closed before, or is being closed.
    #[error("the database is closed")]
    Closed,
    /// Another process is writing for so long that this one gave up.
    #[error("another process kept the database locked for {} seconds; nothing was changed, try again later", .waited.as_secs())]
    Busy {
        /// How long this process waited.
        waited: Duration,
    },
    /// There is no room for the write.
    #[error("the disk of the database is full; nothing was changed, free some space and try again")]
    Full,
    /// The file is damaged.
    #[error("the database is damaged; stop every MediaFactory and put a backup in its place")]
    Damaged {
        /// What SQLite says.
        #[source]
        source: BoxError,
    },
    /// SQLite failed in another way.
    #[error("the database failed")]
    Sqlite {
        /// What SQLite says.
        #[source]
        source: BoxError,
    },
    /// The work on the database panicked; it was rolled back.
    #[error(
        "the work on the database failed by a defect of this program, and nothing was changed; please report it: {words}"
    )]
    Panic {
        /// What the panic said.
        words: String,
    },
    /// An asset that a job is to finish with is of another job; nothing was changed.
    #[error("asset {asset} is of job {found}, not of job {job} that is to finish with it")]
    AssetOfAnotherJob {
        /// The asset.
        asset: assets::AssetId,
        /// The job that it names.
        found: batch::JobId,
        /// The job that is to finish.
        job: batch::JobId,
    },
    /// The store of jobs refused.
    #[error(transparent)]
    Job(batch::StoreError),
    /// The store of assets refused.
    #[error(transparent)]
    Asset(assets::Error),
}

/// How long a connection waits for another process that writes. A write here takes some
/// milliseconds, so a wait of this length means that something is stuck.
pub(crate) const BUSY_WAIT: Duration = Duration::from_secs(5);

/// What stops the work of a connection: private, so that `?` may be used on SQLite's errors
/// without making them part of what this crate promises.
pub(crate) enum Fault {
    Sqlite(rusqlite::Error),
    Panic(String),
    Job(batch::StoreError),
    Asset(assets::Error),
}

impl Error {
    pub(crate) fn of_sqlite(source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let code = source.sqlite_error_code();
        let source = in_words(source);
        match code {
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Busy { waited: BUSY_WAIT },
            Some(Code::DiskFull) => Self::Full,
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => Self::Damaged { source },
            _ => Self::Sqlite { source },
        }
    }

    /// What a person can do about a file that was not opened, when that is something else than to
    /// give room or access.
    ///
    /// ```
    /// use store_sqlite::Error;
    /// let error = Error::Foreign { path: "history.db".into() };
    /// assert!(error.hint().is_some_and(|hint| hint.contains("left as it was")));
    /// ```
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotADatabase { .. } => Some(
                "the file was left as it was; move it away to start empty, or put a backup in its place",
            ),
            Self::Foreign { .. } => {
                Some("the file was left as it was; choose another folder for the data")
            }
            Self::Newer { .. } => Some(
                "the file was left as it was; install the newest MediaFactory, or choose another folder for the data",
            ),
            Self::Damaged { .. } => {
                Some("stop every MediaFactory that uses the file and put a backup in its place")
            }
            Self::Busy { .. } => Some("wait until the other MediaFactory is done, or stop it"),
            Self::Panic { .. } => Some("report it with the log; trying again may work"),
            Self::Open { .. }
            | Self::Migrate { .. }
            | Self::Thread { .. }
            | Self::Closed
            | Self::Full
            | Self::Sqlite { .. }
            | Self::AssetOfAnotherJob { .. }
            | Self::Job(_)
            | Self::Asset(_) => None,
        }
    }

    /// The same in the words of the store of jobs.
    pub(crate) fn in_job_store(self, doing: &'static str) -> batch::StoreError {
        if let Self::Job(error) = self {
            return error;
        }
        batch::StoreError::Backend { doing, source: Box::new(self) }
    }

    /// The same in the words of the store of assets.
    pub(crate) fn in_asset_store(self, doing: &'static str) -> assets::Error {
        if let Self::Asset(error) = self {
            return error;
        }
        assets::Error::Backend { doing, source: Box::new(self) }
    }
}

/// What SQLite says, once: its error repeats the words of its own cause.
pub(crate) fn in_words(error: rusqlite::Error) -> BoxError {
    if let rusqlite::Error::SqliteFailure(code, Some(words)) = error {
        return format!("{words} (SQLite code {})", code.extended_code).into();
    }
    Box::new(error)
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<batch::StoreError> for Fault {
    fn from(error: batch::StoreError) -> Self {
        Self::Job(error)
    }
}

impl From<assets::Error> for Fault {
    fn from(error: assets::Error) -> Self {
        Self::Asset(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Sqlite(error) => Self::of_sqlite(error),
            Fault::Panic(words) => Self::Panic { words },
            Fault::Job(error) => Self::Job(error),
            Fault::Asset(error) => Self::Asset(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::{Error, Fault};

    #[track_caller]
    fn check(code: i32, expected: &str) {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        assert_eq!(Error::from(Fault::from(error)).to_string(), expected);
    }

    #[test]
    fn what_a_person_can_mend_is_told_apart() {
        check(
            ffi::SQLITE_BUSY,
            "another process kept the database locked for 5 seconds; nothing was changed, try again later",
        );
        check(
            ffi::SQLITE_FULL,
            "the disk of the database is full; nothing was changed, free some space and try again",
        );
        check(
            ffi::SQLITE_CORRUPT,
            "the database is damaged; stop every MediaFactory and put a backup in its place",
        );
        check(ffi::SQLITE_IOERR, "the database failed");
    }
}
