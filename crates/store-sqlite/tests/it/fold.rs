//! No log can say what cannot happen: whatever is appended, a store takes exactly the events that
//! may follow, and reads back what it took.

use batch::{
    Advance, Event, Failure, Job, JobId, JobRecord, JobStore, MemoryJobs, OwnerId, StopReason,
    StoreError,
};
use proptest::prelude::*;
use store_sqlite::SqliteStore;
use uuid::Uuid;
use workflow_graph::Json;

use crate::{finished, moment, submit_started};

fn events() -> impl Strategy<Value = Event> {
    let failure = || Failure::new("kind", "message");
    let advance = Advance { percent: 50.0, nodes_done: 1, nodes_total: 2 };
    // Those that lead on come more often: otherwise most logs would end at once.
    prop_oneof![
        8 => Just(submit_started()),
        8 => Just(Event::Accepted { warnings: vec!["one output is left out".to_owned()] }),
        8 => Just(Event::Started),
        4 => Just(Event::Returned { reason: "it was not reached".to_owned() }),
        4 => Just(Event::Advanced { advance }),
        4 => Just(Event::StopRequested { why: StopReason::TimedOut }),
        1 => Just(Event::Refused { failure: failure() }),
        1 => Just(finished()),
        1 => Just(Event::ExecutionFailed { failure: failure(), nodes: Vec::new() }),
        1 => Just(Event::Cancelled),
        1 => Just(Event::TimedOut),
        1 => Just(Event::Lost { reason: "nobody has it".to_owned() }),
    ]
}

/// Appends events to a new job of a store, and holds each answer against the fold.
async fn check(store: &dyn JobStore, events: &[Event]) {
    let record = JobRecord::new(JobId::from(Uuid::now_v7()), moment(), Json::Null);
    let id = record.id;
    store.create(record.clone(), &OwnerId::random()).await.unwrap();
    let mut expected = Job::new(record);
    for event in events {
        let before = expected.state;
        match store.append(&id, event.clone(), moment()).await {
            Ok(appended) => {
                let state = expected.apply(event.clone(), moment()).unwrap();
                assert_eq!((appended.state, state), (state, before.next(event).unwrap()));
                assert_eq!(appended.seq, expected.log.last().unwrap().seq);
            }
            Err(StoreError::Illegal { source, .. }) => {
                assert_eq!(before.next(event), Err(source));
            }
            Err(error) => unreachable!("{error}"),
        }
        assert_eq!(store.get(&id).await.unwrap().unwrap(), expected);
    }
    let ends = expected.log.iter().scan(batch::State::Recorded, |state, entry| {
        *state = state.next(&entry.event).unwrap();
        Some(state.is_final())
    });
    assert_eq!(ends.filter(|is_end| *is_end).count(), usize::from(expected.state.is_final()));
}

#[tokio::test]
async fn a_job_that_came_back_from_its_server_and_was_then_cancelled_can_be_read() {
    let returned = Event::Returned { reason: "it was not reached".to_owned() };
    let events = [submit_started(), returned, Event::Cancelled];
    check(&SqliteStore::open_in_memory().unwrap(), &events).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_store_takes_exactly_what_can_happen(events in prop::collection::vec(events(), 0..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            check(&MemoryJobs::default(), &events).await;
            let database = SqliteStore::open_in_memory().unwrap();
            check(&database, &events).await;
            database.close().await;
        });
    }
}
