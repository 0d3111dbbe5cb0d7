//! What every [`JobStore`] must do, as a test that any of them can be given.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! batch::store::conformance::job_store(&batch::MemoryJobs::default()).await;
//! # Ok(())
//! # }
//! ```

#![expect(
    clippy::expect_used,
    reason = "this is a test that other crates run; it fails by panicking"
)]

use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;
use workflow_graph::Json;

use super::{Adoption, JobCursor, JobQuery, JobStore, Retention, StoreError};
use crate::{Event, Failure, Job, JobId, JobRecord, MemoryPeak, NodeRun, Outcome, OwnerId, State};

/// Runs the whole suite on a store that has no jobs yet.
///
/// # Panics
///
/// When the store breaks a promise of [`JobStore`]; the message says which.
pub async fn job_store(store: &dyn JobStore) {
    an_empty_store_knows_nothing(store).await;
    a_record_comes_back_as_it_was_written(store).await;
    an_id_is_taken_once(store).await;
    a_job_and_its_first_entry_are_written_together(store).await;
    a_log_grows_and_decides_the_state(store).await;
    an_impossible_event_changes_nothing(store).await;
    of_writers_that_exclude_each_other_one_wins(store).await;
    jobs_of_the_dead_are_adopted_oldest_first(store).await;
    a_lease_from_a_clock_that_was_set_back_says_nothing(store).await;
    only_finished_jobs_are_forgotten(store).await;
    pages_follow_each_other_without_gap(store).await;
    the_newest_of_a_shape_come_first(store).await;
    what_jobs_took_is_told_of_the_latest(store).await;
}

/// A job whose every member has a value that a careless store would change.
pub fn demanding_record(id: JobId, created_at: Timestamp) -> JobRecord {
    let workflow = r#"{"57:8":{"class_type":"KSampler","inputs":{"seed":18446744073709551615,"cfg":1.0,"x":NaN},"_meta":{"title":"a \"b\" é🦊"}},"3":{"class_type":"VAEDecode","inputs":{"samples":["57:8",0]}}}"#;
    JobRecord {
        servers: vec!["http://127.0.0.1:8188/".to_owned(), "http://gpu-2:8188/".to_owned()],
        ui_workflow: Some(json(r#"{"nodes":[],"version":0.4}"#)),
        workflow_digest: "9f".repeat(32),
        shape_digest: "a0".repeat(32),
        targets: Some(vec!["57:8".to_owned(), String::new()]),
        parameters: json(r#"{"z":1e5,"a":null,"prompt":"{{seed}}"}"#),
        seed: Some(u64::MAX),
        template: Some("portrait".to_owned()),
        model: Some("a b\\c.safetensors".to_owned()),
        tool: "image_generate".to_owned(),
        service: Some("'; DROP TABLE jobs; --".to_owned()),
        caller: "session é".to_owned(),
        priority: i32::MIN,
        notes: vec!["used the first of 3".to_owned(), String::new(), "\n\"".to_owned()],
        running_time_max: Some(Duration::from_millis(1_500)),
        models: vec!["checkpoints/a b\\c.safetensors".to_owned(), "vae/é.safetensors".to_owned()],
        workload: "[1, 4, 64, 64]".to_owned(),
        ..JobRecord::new(id, created_at, json(workflow))
    }
}

async fn an_empty_store_knows_nothing(store: &dyn JobStore) {
    let page = store.list(&JobQuery::default()).await.expect("listing");
    assert_eq!((page.total, page.jobs.len()), (0, 0), "the suite needs an empty store");
    assert_eq!(page.next_cursor, None);
    let id = new_id();
    assert_eq!(store.get(&id).await.expect("get"), None);
    let refused = store.append(&id, submit_started(), moment(0)).await;
    assert!(matches!(refused, Err(StoreError::UnknownJob { id: named }) if named == id));
}

async fn a_record_comes_back_as_it_was_written(store: &dyn JobStore) {
    let full = demanding_record(new_id(), moment(1));
    let plain = JobRecord::new(new_id(), moment(2), Json::Null);
    for record in [full, plain] {
        store.create(record.clone(), &owner()).await.expect("create");
        let job = store.get(&record.id).await.expect("get").expect("a recorded job is found");
        assert_eq!(job, Job::new(record));
    }
}

async fn an_id_is_taken_once(store: &dyn JobStore) {
    let record = JobRecord::new(new_id(), moment(3), Json::Null);
    store.create(record.clone(), &owner()).await.expect("create");
    let second = JobRecord { tool: "other".to_owned(), ..record.clone() };
    let refused = store.create(second, &owner()).await;
    assert!(matches!(refused, Err(StoreError::Duplicate { id }) if id == record.id));
    let job = store.get(&record.id).await.expect("get").expect("the first one stays");
    assert_eq!(job.record, record);
}

async fn a_job_and_its_first_entry_are_written_together(store: &dyn JobStore) {
    let record = JobRecord::new(new_id(), moment(3), Json::Null);
    let mut expected = Job::new(record.clone());
    expected.apply(submit_started(), moment(4)).expect("a legal event");
    let first = (submit_started(), moment(4));
    store.create_with(record.clone(), &owner(), first.0, first.1).await.expect("create");
    assert_eq!(store.get(&record.id).await.expect("get"), Some(expected.clone()));
    let again = store.create_with(record.clone(), &owner(), submit_started(), moment(5)).await;
    assert!(matches!(again, Err(StoreError::Duplicate { id }) if id == record.id));
    assert_eq!(store.get(&record.id).await.expect("get"), Some(expected));
    let other = JobRecord::new(new_id(), moment(3), Json::Null);
    let refused = store.create_with(other.clone(), &owner(), Event::Started, moment(5)).await;
    assert!(matches!(refused, Err(StoreError::Illegal { id, .. }) if id == other.id));
    assert_eq!(store.get(&other.id).await.expect("get"), None, "both or neither");
}

async fn a_log_grows_and_decides_the_state(store: &dyn JobStore) {
    let record = JobRecord::new(new_id(), moment(4), Json::Null);
    let mut expected = Job::new(record.clone());
    store.create(record.clone(), &owner()).await.expect("create");
    let failure = Failure {
        node: Some("57:8".to_owned()),
        class_type: Some("KSampler".to_owned()),
        details: deeply_nested(),
        hint: Some("use a smaller picture".to_owned()),
        ..Failure::new("OutOfMemoryError", "line one\nline two")
    };
    let events = [
        submit_started(),
        Event::Accepted { warnings: Vec::new() },
        Event::Started,
        Event::ExecutionFailed { failure, nodes: vec![NodeRun::cached("3", "VAEDecode")] },
    ];
    // The clock may step back between two events; the order of the log does not follow it.
    let moments = [moment(9), moment(5), moment(7), moment(6)];
    for (seq, (event, at)) in (0..).zip(events.into_iter().zip(moments)) {
        let appended = store.append(&record.id, event.clone(), at).await.expect("a legal event");
        assert_eq!(expected.apply(event, at), Ok(appended.state));
        assert_eq!(appended.seq, seq);
        assert_eq!(store.get(&record.id).await.expect("get").as_ref(), Some(&expected));
    }
    assert_eq!(expected.finished_at(), Some(moment(6)));
}

async fn an_impossible_event_changes_nothing(store: &dyn JobStore) {
    let record = JobRecord::new(new_id(), moment(5), Json::Null);
    store.create(record.clone(), &owner()).await.expect("create");
    store.append(&record.id, Event::Cancelled, moment(5)).await.expect("a legal event");
    let before = store.get(&record.id).await.expect("get");
    let refused = store.append(&record.id, submit_started(), moment(6)).await;
    match refused {
        Err(StoreError::Illegal { id, source }) => {
            assert_eq!(
                (id, source.state, source.event),
                (record.id, State::Cancelled, "submit_started")
            );
        }
        other => assert!(other.is_err(), "a final job took an event"),
    }
    assert_eq!(store.get(&record.id).await.expect("get"), before);
}

async fn of_writers_that_exclude_each_other_one_wins(store: &dyn JobStore) {
    for round in 0..8 {
        let record = JobRecord::new(new_id(), moment(10 + round), Json::Null);
        store.create(record.clone(), &owner()).await.expect("create");
        let writers = [submit_started(), submit_started(), submit_started()]
            .map(|event| store.append(&record.id, event, moment(10)));
        let results = join_all(writers).await;
        let won = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(won, 1, "one of three exclusive events is taken: {results:?}");
        let job = store.get(&record.id).await.expect("get").expect("the job is there");
        assert_eq!((job.log.len(), job.state), (1, State::Submitting));
        store.append(&record.id, Event::Cancelled, moment(11)).await.expect("a legal event");
    }
}

async fn the_newest_of_a_shape_come_first(store: &dyn JobStore) {
    let shape = "b7".repeat(32);
    let mut ended = Vec::new();
    for second in 0..4 {
        let of_shape = JobRecord {
            shape_digest: shape.clone(),
            ..JobRecord::new(new_id(), moment(700 + second), Json::Null)
        };
        let id = of_shape.id;
        store.create(of_shape, &owner()).await.expect("create");
        let last = if second == 3 { lost() } else { finished(None, None) };
        for event in [submit_started(), Event::Accepted { warnings: Vec::new() }, last] {
            store.append(&id, event, moment(800)).await.expect("a legal event");
        }
        ended.push(id);
    }
    let found = store.latest_of_shape(&shape, 2).await.expect("reading");
    let found: Vec<JobId> = found.iter().map(|job| job.record.id).collect();
    let expected: Vec<JobId> = ended.into_iter().rev().skip(1).take(2).collect();
    assert_eq!(found, expected, "the last one did not end well");
    assert!(store.latest_of_shape("none", 2).await.expect("reading").is_empty());
}

async fn what_jobs_took_is_told_of_the_latest(store: &dyn JobStore) {
    let here = "http://127.0.0.1:8190/";
    let end = async |second, server: &str, models: &[&str], last: Event| {
        let record = JobRecord {
            models: models.iter().map(|model| (*model).to_owned()).collect(),
            workload: "[1, 4, 128, 128]".to_owned(),
            ..JobRecord::new(new_id(), moment(900), Json::Null)
        };
        let id = record.id;
        let sent = Event::SubmitStarted { server: server.to_owned() };
        store.create_with(record, &owner(), sent, moment(900)).await.expect("create");
        let accepted = Event::Accepted { warnings: Vec::new() };
        store.append(&id, accepted, moment(900)).await.expect("a legal event");
        store.append(&id, last, moment(second)).await.expect("a legal event");
        id
    };
    let peak = MemoryPeak {
        used_bytes: u64::MAX,
        torch_bytes: Some(7),
        samples: 2,
        ..MemoryPeak::new("cuda", 24 << 30)
    };
    let files = ["checkpoints/a.safetensors", "vae/b.safetensors"];
    let ran = Some(Duration::from_millis(12_345));
    // It ends later than the one after it, which counts: not when it was recorded.
    let seen = end(903, here, &files, finished(ran, Some(peak.clone()))).await;
    let unseen = end(902, here, &files, finished(None, None)).await;
    end(904, here, &[], finished(ran, None)).await;
    end(905, here, &files, lost()).await;
    end(906, "http://127.0.0.1:8191/", &files, finished(ran, None)).await;
    let outcome = |job, second, ran, memory| Outcome {
        job,
        ended_at: moment(second),
        server: here.to_owned(),
        models: files.map(str::to_owned).to_vec(),
        workload: "[1, 4, 128, 128]".to_owned(),
        ran,
        memory,
    };
    let expected = [outcome(seen, 903, ran, Some(peak)), outcome(unseen, 902, None, None)];
    assert_eq!(store.outcomes(here, u32::MAX).await.expect("reading"), expected);
    let latest = store.outcomes(here, 1).await.expect("reading");
    assert_eq!(latest, expected.get(..1).expect("two were expected"));
    let keep = Retention { recorded_since: Some(moment(901)), jobs_max: None };
    store.prune(&keep).await.expect("pruning");
    assert_eq!(store.outcomes(here, 10).await.expect("reading"), [], "they are gone with the jobs");
}

async fn jobs_of_the_dead_are_adopted_oldest_first(store: &dyn JobStore) {
    let (here, elsewhere) = ("http://127.0.0.1:8189/", "http://127.0.0.1:8189/comfy/");
    // What the tests before have left is nobody's either.
    let collector = owner();
    store.renew(&collector, moment(60)).await.expect("a lease");
    for server in [here, "http://127.0.0.1:8188/"] {
        store.adopt(&adoption(collector, server)).await.expect("adopting");
    }
    let (dead, alive) = (owner(), owner());
    store.renew(&dead, moment(5)).await.expect("a lease");
    store.renew(&alive, moment(15)).await.expect("a lease");
    let create = async |second, servers: &[&str], owner: &OwnerId| {
        let servers = servers.iter().map(|server| (*server).to_owned()).collect();
        let record = JobRecord { servers, ..JobRecord::new(new_id(), moment(second), Json::Null) };
        store.create(record.clone(), owner).await.expect("create");
        record.id
    };
    let late = create(1_000, &[elsewhere, here], &dead).await;
    let early = create(-1_000, &[here], &dead).await;
    let sent = create(0, &[here, elsewhere], &dead).await;
    let not_for_us = create(1, &[elsewhere], &dead).await;
    let sent_away = create(2, &[here, elsewhere], &dead).await;
    let done = create(3, &[here], &dead).await;
    let not_dead = create(4, &[here], &alive).await;
    for (id, server) in [(sent, here), (sent_away, elsewhere)] {
        let event = Event::SubmitStarted { server: server.to_owned() };
        store.append(&id, event, moment(0)).await.expect("a legal event");
    }
    store.append(&done, Event::Cancelled, moment(0)).await.expect("a legal event");

    let heir = owner();
    store.renew(&heir, moment(15)).await.expect("a lease");
    let all = Adoption { only: None, ..adoption(heir, here) };
    let only = Adoption { only: Some(sent), ..adoption(heir, here) };
    let adopted = store.adopt(&only).await.expect("adopting");
    assert_eq!(ids(&adopted), [sent], "only the one that was asked for");
    assert_eq!(adopted.first().map(|job| job.log.len()), Some(1), "jobs come with their logs");
    let one = Adoption { limit: 1, ..adoption(heir, here) };
    assert_eq!(ids(&store.adopt(&one).await.expect("adopting")), [early], "the oldest first");
    assert_eq!(ids(&store.adopt(&all).await.expect("adopting")), [late]);
    assert_eq!(ids(&store.adopt(&all).await.expect("adopting")), [], "nobody takes his own");
    let other = adoption(owner(), here);
    assert_eq!(ids(&store.adopt(&other).await.expect("adopting")), [], "the heir lives");
    store.leave(&heir).await.expect("leaving");
    let inherited = ids(&store.adopt(&other).await.expect("adopting"));
    assert_eq!(inherited, [early, sent, late], "who leaves frees its jobs at once");
    store.append(&sent, lost(), moment(0)).await.expect("a legal event");
    for id in [late, early, not_for_us, not_dead] {
        store.append(&id, Event::Cancelled, moment(0)).await.expect("a legal event");
    }
    store.append(&sent_away, lost(), moment(0)).await.expect("a legal event");
}

async fn a_lease_from_a_clock_that_was_set_back_says_nothing(store: &dyn JobStore) {
    let before = owner();
    store.renew(&before, moment(10_000)).await.expect("a lease");
    let record = JobRecord::new(new_id(), moment(6), Json::Null);
    store.create(record.clone(), &before).await.expect("create");
    let heir = adoption(owner(), "http://127.0.0.1:8189/");
    assert_eq!(ids(&store.adopt(&heir).await.expect("adopting")), [record.id]);
    store.append(&record.id, Event::Cancelled, moment(7)).await.expect("a legal event");
}

async fn only_finished_jobs_are_forgotten(store: &dyn JobStore) {
    let create = async |second| {
        let record = JobRecord::new(new_id(), moment(second), Json::Null);
        store.create(record.clone(), &owner()).await.expect("create");
        record.id
    };
    let (unfinished, old) = (create(-9_001).await, create(-9_000).await);
    store.append(&old, Event::Cancelled, moment(0)).await.expect("a legal event");
    let recent = Retention { recorded_since: Some(moment(-8_999)), jobs_max: None };
    assert_eq!(store.prune(&recent).await.expect("pruning"), 1, "what is too old and finished");
    assert_eq!(store.get(&old).await.expect("get"), None);
    assert!(store.get(&unfinished).await.expect("get").is_some());
    store.append(&unfinished, Event::Cancelled, moment(0)).await.expect("a legal event");
    let query = JobQuery { states: finals(), ..JobQuery::default() };
    let finished = store.list(&query).await.expect("listing").total;
    let most = Retention { recorded_since: None, jobs_max: Some(finished - 1) };
    assert_eq!(store.prune(&most).await.expect("pruning"), 1, "the oldest beyond the number");
    assert_eq!(store.get(&unfinished).await.expect("get"), None);
    assert_eq!(store.prune(&Retention::default()).await.expect("pruning"), 0);
}

async fn pages_follow_each_other_without_gap(store: &dyn JobStore) {
    let same_moment = moment(2_000);
    for _ in 0..5 {
        store
            .create(JobRecord::new(new_id(), same_moment, Json::Null), &owner())
            .await
            .expect("create");
    }
    let whole = JobQuery { limit: JobQuery::LIMIT_MAX, ..JobQuery::default() };
    let all = store.list(&whole).await.expect("listing");
    assert_eq!(all.total, u64::try_from(all.jobs.len()).expect("fits"));
    let places: Vec<_> = all.jobs.iter().map(|job| JobCursor::from(&job.record)).collect();
    assert!(places.is_sorted_by(|earlier, later| earlier > later), "newest first: {places:?}");

    let mut paged = Vec::new();
    let mut query = JobQuery { limit: 2, ..JobQuery::default() };
    loop {
        let page = store.list(&query).await.expect("listing");
        assert!(page.jobs.len() <= 2 && page.total == all.total);
        paged.extend(page.jobs);
        // A job that arrives in between belongs before the first page and disturbs none.
        let Some(next) = page.next_cursor else { break };
        query.cursor = Some(next.to_string().parse().expect("a cursor survives as text"));
    }
    assert_eq!(paged, all.jobs);

    let lost = JobQuery { states: vec![State::Lost], limit: 0, ..JobQuery::default() };
    let page = store.list(&lost).await.expect("listing");
    assert_eq!((page.jobs.len(), page.total), (1, 2), "a page size of 0 is taken as 1");
    assert!(page.jobs.iter().all(|job| job.state == State::Lost));
}

fn adoption(owner: OwnerId, server: &str) -> Adoption {
    Adoption {
        owner,
        servers: vec![server.to_owned()],
        now: moment(10),
        lease_max: Duration::from_mins(1),
        only: None,
        limit: 100,
    }
}

fn ids(jobs: &[Job]) -> Vec<JobId> {
    jobs.iter().map(|job| job.record.id).collect()
}

fn finals() -> Vec<State> {
    State::ALL.into_iter().filter(State::is_final).collect()
}

fn owner() -> OwnerId {
    OwnerId::random()
}

fn finished(ran: Option<Duration>, memory: Option<MemoryPeak>) -> Event {
    Event::Finished { nodes: Vec::new(), texts: Vec::new(), ran, memory }
}

fn submit_started() -> Event {
    Event::SubmitStarted { server: "http://127.0.0.1:8188/".to_owned() }
}

fn lost() -> Event {
    Event::Lost { reason: "in neither queue nor history".to_owned() }
}

/// JSON that is as deep as a reader of replies allows, so that one more level would be refused.
fn deeply_nested() -> Json {
    let depth = workflow_graph::json::REPLY_DEPTH_MAX;
    let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    Json::parse_deep(text.as_bytes()).expect("the suite's own JSON")
}

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).expect("the suite's own JSON")
}

fn new_id() -> JobId {
    Uuid::new_v4().into()
}

/// A moment with all nine digits of its second, `seconds` after a fixed one.
fn moment(seconds: i64) -> Timestamp {
    let base = Timestamp::new(1_767_323_045, 123_456_789).expect("a legal moment");
    base + SignedDuration::from_secs(seconds)
}
