//! The store of jobs in memory, and the words of every store's errors.

use std::error::Error;

use batch::{
    Event, InvalidJobId, JobCursor, JobId, JobRecord, JobStore, MemoryJobs, OwnerId, StoreError,
    store::conformance,
};
use workflow_graph::Json;

const ID: &str = "0197f1ce-3c5a-7000-8000-00000000002a";

#[tokio::test]
async fn memory_keeps_the_promises_of_a_store() {
    conformance::job_store(&MemoryJobs::default()).await;
}

#[tokio::test]
async fn refusals_name_the_job_and_what_would_work() {
    let jobs = MemoryJobs::default();
    let id: JobId = ID.parse().unwrap();
    let at = "2026-01-02T03:04:05Z".parse().unwrap();
    let record = JobRecord::new(id, at, Json::Null);

    let unknown = jobs.append(&id, Event::Accepted { warnings: Vec::new() }, at).await.unwrap_err();
    insta::assert_snapshot!(chain(&unknown), @"there is no job 0197f1ce-3c5a-7000-8000-00000000002a");
    jobs.create(record.clone(), &OwnerId::random()).await.unwrap();
    let duplicate = jobs.create(record, &OwnerId::random()).await.unwrap_err();
    insta::assert_snapshot!(chain(&duplicate), @"job 0197f1ce-3c5a-7000-8000-00000000002a is already recorded; every job needs an id of its own");
    let illegal = jobs.append(&id, Event::Accepted { warnings: Vec::new() }, at).await.unwrap_err();
    insta::assert_snapshot!(chain(&illegal), @"the event was not added to the log of job 0197f1ce-3c5a-7000-8000-00000000002a: a job that is recorded takes no event `accepted`; it takes submit_started, cancelled, timed_out");
}

#[test]
fn failures_of_a_store_keep_their_cause() {
    let damaged =
        StoreError::Damaged { id: ID.to_owned(), problem: "the log ends early".to_owned() };
    insta::assert_snapshot!(chain(&damaged), @"what is stored of job 0197f1ce-3c5a-7000-8000-00000000002a cannot be read: the log ends early");
    let backend = StoreError::Backend { doing: "record a job", source: "disk full".into() };
    insta::assert_snapshot!(chain(&backend), @"the job store cannot record a job: disk full");
}

#[test]
fn ids_and_cursors_are_read_in_one_spelling_only() {
    for text in
        ["", "0197F1CE-3C5A-7000-8000-00000000002A", "{0197f1ce-3c5a-7000-8000-00000000002a}"]
    {
        assert!(text.parse::<JobId>().is_err(), "{text}");
    }
    let long = "x\n".repeat(100).parse::<JobId>().unwrap_err();
    assert_eq!(long.text.chars().count(), InvalidJobId::TEXT_CHARS_MAX);
    insta::assert_snapshot!("a\nb".parse::<JobId>().unwrap_err(), @r"`a\nb` is no job id; one is a lower-case UUID such as 0197f1ce-3c5a-7000-8000-00000000002a");
    insta::assert_snapshot!("7".parse::<JobCursor>().unwrap_err(), @"that is no cursor; pass the `next_cursor` of the page before unchanged, or none for the first page");
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
