//! What has to be right on this machine.

use std::path::Path;

use store_sqlite::SqliteStore;

use super::Finding;
use crate::failure;

/// Written into a folder to see that it takes files, and removed at once.
const PROBE_FILE: &str = ".mediafactory-doctor";

pub(super) async fn folder(check: &'static str, key: &str, path: &Path) -> Finding {
    let probe = path.join(PROBE_FILE);
    let tried = async {
        tokio::fs::create_dir_all(path).await?;
        tokio::fs::write(&probe, b"").await?;
        tokio::fs::remove_file(&probe).await
    };
    match tried.await {
        Ok(()) => Finding::ok(check, path.display().to_string()),
        Err(error) => {
            Finding::problem(check, format!("{} takes no files: {error}", path.display()))
                .with_advice(format!("give this user the right to write there, or set `{key}`"))
        }
    }
}

pub(super) async fn database(data_dir: &Path) -> Finding {
    const CHECK: &str = "database";
    let path = data_dir.join("mediafactory.db");
    // Opening would make one, and a look should leave nothing behind.
    match tokio::fs::try_exists(&path).await {
        Ok(false) => return Finding::ok(CHECK, "none yet; the first job makes it"),
        Ok(true) => {}
        Err(error) => {
            return Finding::problem(CHECK, format!("cannot see {}: {error}", path.display()));
        }
    }
    match SqliteStore::open(&path).await {
        Ok(store) => {
            store.close().await;
            Finding::ok(CHECK, path.display().to_string())
        }
        Err(error) => {
            let error = failure::database(format!("cannot open {}", path.display()), error);
            Finding::problem(CHECK, error.to_string()).with_advice(error.hint().unwrap_or_default())
        }
    }
}
