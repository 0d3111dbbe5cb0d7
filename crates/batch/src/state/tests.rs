use proptest::prelude::*;
use workflow_graph::Json;

use super::State;
use crate::{Advance, Event, Failure, Job, JobRecord, StopReason};

fn all_events() -> Vec<Event> {
    let failure = || Failure::new("kind", "message");
    vec![
        Event::SubmitStarted { server: String::new() },
        Event::Accepted { warnings: Vec::new() },
        Event::Refused { failure: failure() },
        Event::Returned { reason: String::new() },
        Event::Started,
        Event::Advanced { advance: Advance { percent: 50.0, nodes_done: 1, nodes_total: 2 } },
        Event::StopRequested { why: StopReason::Cancelled },
        Event::Finished { nodes: Vec::new(), texts: Vec::new(), ran: None, memory: None },
        Event::ExecutionFailed { failure: failure(), nodes: Vec::new() },
        Event::Cancelled,
        Event::TimedOut,
        Event::Lost { reason: String::new() },
    ]
}

/// One row a state, one column an event in the order of [`all_events`]; a dot is a refusal.
#[test]
fn every_pair_of_state_and_event_is_decided() {
    let mut table = Vec::new();
    let events = all_events();
    for state in State::ALL {
        let next = events.iter().map(|event| state.next(event).map_or(".", |to| to.as_str()));
        let next: Vec<_> = next.collect();
        table.push(format!("{}: {}", state.as_str(), next.join(" ")));
    }
    insta::assert_snapshot!(table.join("\n"), @r"
    recorded: submitting . . . . . . . . cancelled timed_out .
    submitting: . queued failed recorded . . submitting . . cancelled timed_out lost
    queued: . . . recorded running . queued succeeded failed cancelled timed_out lost
    running: . . . . . running running succeeded failed cancelled timed_out lost
    succeeded: . . . . . . . . . . . .
    failed: . . . . . . . . . . . .
    cancelled: . . . . . . . . . . . .
    timed_out: . . . . . . . . . . . .
    lost: . . . . . . . . . . . .
    ");
}

#[test]
fn a_refusal_lists_exactly_the_events_that_are_taken() {
    for state in State::ALL {
        let taken: Vec<_> = all_events()
            .iter()
            .filter(|event| state.next(event).is_ok())
            .map(Event::name)
            .collect();
        assert_eq!(taken, state.takes(), "{state}");
        assert_eq!(state.is_final(), taken.is_empty(), "{state}");
    }
}

#[test]
fn names_are_read_back() {
    for state in State::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
    }
    insta::assert_snapshot!(
        "done".parse::<State>().unwrap_err(),
        @"`done` is no state of a job; the states are recorded, submitting, queued, running, succeeded, failed, cancelled, timed_out, lost"
    );
    insta::assert_snapshot!(
        State::Lost.next(&Event::Started).unwrap_err(),
        @"a job that is lost takes no event `started`; that state is final"
    );
}

proptest! {
    #[test]
    fn a_replayed_log_gives_the_job_that_lived(choices in prop::collection::vec(0..12_usize, 0..40)) {
        let at: jiff::Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let record = JobRecord::new(uuid::Uuid::nil().into(), at, Json::Null);
        let mut live = Job::new(record.clone());
        for choice in choices {
            let before = live.clone();
            if live.apply(all_events()[choice].clone(), at).is_err() {
                prop_assert_eq!(&live, &before);
            }
        }
        let log = live.log.iter().map(|entry| {
            (Event::from_json(&entry.event.to_json()).unwrap(), entry.at)
        });
        prop_assert_eq!(Job::replay(record, log).unwrap(), live);
    }
}
