//! What the crate promises, seen from outside.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helper functions too")]

mod conformance;
mod crash;
mod damage;
mod fold;
mod opening;
mod sharing;

use std::{error::Error, time::Duration};

use assets::{Asset, BlobDigest, Origin};
use batch::{Adoption, Event, Job, JobId, JobRecord, JobStore as _, OwnerId};
use jiff::Timestamp;
use store_sqlite::SqliteStore;
use uuid::Uuid;
use workflow_graph::Json;

fn moment() -> Timestamp {
    "2026-01-02T03:04:05.123456789Z".parse().unwrap()
}

/// Records a job that ComfyUI has accepted.
async fn queued_job(store: &SqliteStore) -> JobId {
    let id = JobId::from(Uuid::now_v7());
    store.create(JobRecord::new(id, moment(), Json::Null), &OwnerId::random()).await.unwrap();
    for event in [submit_started(), Event::Accepted { warnings: Vec::new() }] {
        store.append(&id, event, moment()).await.unwrap();
    }
    id
}

const SERVER: &str = "http://127.0.0.1:8188/";

fn submit_started() -> Event {
    Event::SubmitStarted { server: SERVER.to_owned() }
}

fn finished() -> Event {
    Event::Finished { nodes: Vec::new(), texts: Vec::new(), ran: None, memory: None }
}

/// What a process finds that starts long after all others are dead.
async fn orphans(store: &SqliteStore) -> Vec<Job> {
    let adoption = Adoption {
        owner: OwnerId::random(),
        servers: vec![SERVER.to_owned()],
        now: moment(),
        lease_max: Duration::from_secs(10),
        only: None,
        limit: 100,
    };
    store.adopt(&adoption).await.unwrap()
}

fn asset_of(job: &JobId, output_index: u32, bytes: &[u8]) -> Asset {
    let origin = Origin::new(job.as_uuid(), "9", output_index);
    Asset::new(Uuid::now_v7().into(), BlobDigest::of(bytes), origin, moment())
}

/// An error with its causes, in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
