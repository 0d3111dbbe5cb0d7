//! A process that is killed while it writes: what it had acknowledged is there afterwards, and
//! nothing is there by half.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
};

use assets::{Asset, AssetQuery, AssetStore, BlobDigest, BlobStore as _, FolderBlobs, Origin};
use batch::{Event, JobId, JobQuery, JobRecord, JobStore, OwnerId, State};
use store_sqlite::SqliteStore;
use uuid::Uuid;
use workflow_graph::Json;

use crate::{finished, moment, submit_started};

/// Set for the child only: the folder it writes to.
const FOLDER_VARIABLE: &str = "STORE_SQLITE_CRASH_TEST_FOLDER";

/// What a line of the child begins with, among those of the test harness.
const ACKNOWLEDGED: &str = "acknowledged ";

#[tokio::test]
async fn what_was_acknowledged_survives_a_killed_process() {
    let folder = tempfile::tempdir().unwrap();
    // The second and third child find what the ones before them left.
    let mut acknowledged = HashMap::new();
    for lines_before_the_end in [3, 40, 111] {
        acknowledged.extend(kill_a_writer(folder.path(), lines_before_the_end));
        check(folder.path(), &acknowledged).await;
    }
}

/// Not a test of its own: the child of the test above, which never returns. Run as a test, it
/// has nothing to do.
#[tokio::test]
async fn child_that_writes_until_it_is_killed() {
    #[expect(clippy::disallowed_methods, reason = "the parent has no other way to speak to a test")]
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE) else { return };
    let folder = Path::new(&folder);
    let store = SqliteStore::open(folder.join("factory.db")).await.unwrap();
    let blobs = FolderBlobs::open(folder.join("blobs")).await.unwrap();
    loop {
        let id = JobId::from(Uuid::now_v7());
        store.create(JobRecord::new(id, moment(), Json::Null), &OwnerId::random()).await.unwrap();
        acknowledge(id, 0);
        for (count, event) in
            [submit_started(), Event::Accepted { warnings: Vec::new() }].into_iter().enumerate()
        {
            store.append(&id, event, moment()).await.unwrap();
            acknowledge(id, count + 1);
        }
        let bytes = id.to_string().repeat(10_000);
        let stored = blobs.put_bytes(bytes.into()).await.unwrap();
        let asset = |index| {
            let origin = Origin::new(id.as_uuid(), "9", index);
            Asset::new(Uuid::now_v7().into(), stored.digest, origin, moment())
        };
        let assets = (0..3).map(asset).collect();
        store.finish_job(&id, finished(), moment(), assets).await.unwrap();
        acknowledge(id, 3);
    }
}

fn acknowledge(job: JobId, log_length: usize) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{ACKNOWLEDGED}{job} {log_length}").and_then(|()| out.flush()).unwrap();
}

/// Lets a child write until it has acknowledged so many things, kills it, and gives the length
/// of the log that it had acknowledged last for each job.
fn kill_a_writer(folder: &Path, lines_before_the_end: usize) -> HashMap<JobId, usize> {
    let mut child = start_writer(folder);
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .filter_map(|line| parse(&line.unwrap()));
    let mut acknowledged: HashMap<_, _> = lines.by_ref().take(lines_before_the_end).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said between the last line read and its end counts as well.
    acknowledged.extend(lines);
    assert!(!acknowledged.is_empty(), "the child wrote something");
    acknowledged
}

fn start_writer(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child_that_writes_until_it_is_killed", "--nocapture"])
        .env(FOLDER_VARIABLE, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn parse(line: &str) -> Option<(JobId, usize)> {
    let (job, log_length) = line.strip_prefix(ACKNOWLEDGED)?.split_once(' ')?;
    Some((job.parse().ok()?, log_length.parse().ok()?))
}

async fn check(folder: &Path, acknowledged: &HashMap<JobId, usize>) {
    let store = SqliteStore::open(folder.join("factory.db")).await.unwrap();
    for (id, log_length) in acknowledged {
        let job = JobStore::get(&store, id).await.unwrap().unwrap();
        assert!(job.log.len() >= *log_length, "{id}: {log_length} of {:?}", job.log);
    }

    let blobs = FolderBlobs::open(folder.join("blobs")).await.unwrap();
    assert_eq!(fs::read_dir(folder.join("blobs/incoming")).unwrap().count(), 0);
    for shard in fs::read_dir(folder.join("blobs/sha256")).unwrap() {
        for file in fs::read_dir(shard.unwrap().path()).unwrap() {
            let name = file.unwrap().file_name();
            let digest: BlobDigest = name.to_str().unwrap().parse().unwrap();
            blobs.read(&digest).await.unwrap();
        }
    }

    // Every job reads well, acknowledged or not; one that succeeded has all of its assets with
    // their bytes, any other none.
    let mut query = JobQuery { limit: JobQuery::LIMIT_MAX, ..JobQuery::default() };
    loop {
        let page = JobStore::list(&store, &query).await.unwrap();
        for job in page.jobs {
            let of_job = AssetQuery { job: Some(job.record.id.as_uuid()), ..AssetQuery::default() };
            let made = AssetStore::list(&store, &of_job).await.unwrap().assets;
            let expected = if job.state == State::Succeeded { 3 } else { 0 };
            assert_eq!(made.len(), expected, "{job:?}");
            for asset in made {
                assert!(blobs.has(&asset.blob).await.unwrap());
            }
        }
        let Some(next) = page.next_cursor else { break };
        query.cursor = Some(next);
    }
    store.close().await;
}
