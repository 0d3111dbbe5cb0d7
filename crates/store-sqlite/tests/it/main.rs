//! What the crate promises, seen from outside.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helper functions too")]

mod conformance;
mod crash;
mod damage;
mod opening;
mod sharing;

use std::error::Error;

use assets::{Asset, BlobDigest, Origin};
use batch::{Event, JobId, JobRecord, JobStore as _};
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
    store.create(JobRecord::new(id, moment(), Json::Null)).await.unwrap();
    for event in [Event::SubmitStarted, Event::Accepted { warnings: Vec::new() }] {
        store.append(&id, event, moment()).await.unwrap();
    }
    id
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
