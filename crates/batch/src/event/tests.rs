use std::time::Duration;

use proptest::prelude::*;
use workflow_graph::Json;

use super::{Advance, Event, Failure, MemoryPeak, NodeRun, NodeText, StopReason};

fn any_text() -> impl Strategy<Value = Option<String>> {
    prop::option::of(any::<String>())
}

fn any_failure() -> impl Strategy<Value = Failure> {
    let details = prop_oneof![
        Just(Json::Null),
        any::<String>().prop_map(Json::from),
        any::<u64>().prop_map(|seed| Json::object([("seed", Json::from(seed))])),
    ];
    (any::<String>(), any::<String>(), any_text(), any_text(), details, any_text()).prop_map(
        |(kind, message, node, class_type, details, hint)| Failure {
            kind,
            message,
            node,
            class_type,
            details,
            hint,
        },
    )
}

fn any_nodes() -> impl Strategy<Value = Vec<NodeRun>> {
    let number = || prop::option::of(any::<u64>());
    let node = (any::<String>(), any::<String>(), number(), number(), any::<bool>()).prop_map(
        |(node, class_type, started_ms, duration_ms, cached)| NodeRun {
            node,
            class_type,
            started_ms,
            duration_ms,
            cached,
        },
    );
    prop::collection::vec(node, 0..4)
}

fn any_texts() -> impl Strategy<Value = Vec<NodeText>> {
    let text = (any::<String>(), any::<String>(), any::<String>());
    let text = text.prop_map(|(node, key, text)| NodeText::new(node, key, text));
    prop::collection::vec(text, 0..3)
}

fn any_ran() -> impl Strategy<Value = Option<Duration>> {
    prop::option::of(any::<u64>().prop_map(Duration::from_millis))
}

fn any_memory() -> impl Strategy<Value = MemoryPeak> {
    let numbers = (any::<u64>(), any::<u64>(), prop::option::of(any::<u64>()), any::<u32>());
    (any::<String>(), numbers).prop_map(
        |(device, (total_bytes, used_bytes, torch_bytes, samples))| MemoryPeak {
            device,
            total_bytes,
            used_bytes,
            torch_bytes,
            samples,
        },
    )
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        any::<String>().prop_map(|server| Event::SubmitStarted { server }),
        prop::collection::vec(any::<String>(), 0..3)
            .prop_map(|warnings| Event::Accepted { warnings }),
        any_failure().prop_map(|failure| Event::Refused { failure }),
        Just(Event::Started),
        (0.0..=100.0_f64, any::<u32>(), any::<u32>()).prop_map(
            |(percent, nodes_done, nodes_total)| Event::Advanced {
                advance: Advance { percent, nodes_done, nodes_total }
            }
        ),
        Just(Event::StopRequested { why: StopReason::Cancelled }),
        Just(Event::StopRequested { why: StopReason::TimedOut }),
        any::<String>().prop_map(|reason| Event::Returned { reason }),
        (any_nodes(), any_texts(), any_ran(), prop::option::of(any_memory()))
            .prop_map(|(nodes, texts, ran, memory)| Event::Finished { nodes, texts, ran, memory }),
        (any_failure(), any_nodes())
            .prop_map(|(failure, nodes)| Event::ExecutionFailed { failure, nodes }),
        Just(Event::Cancelled),
        Just(Event::TimedOut),
        any::<String>().prop_map(|reason| Event::Lost { reason }),
    ]
}

proptest! {
    #[test]
    fn what_is_stored_is_read_back(event in any_event()) {
        let text = event.to_json().to_string();
        let stored = Json::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(Event::from_json(&stored).unwrap(), event);
    }
}

#[test]
fn the_stored_form_is_this_one() {
    let failure = Failure {
        node: Some("3".to_owned()),
        details: Json::object([("value", Json::from(1.0))]),
        ..Failure::new("execution_error", "no")
    };
    insta::assert_snapshot!(
        Event::ExecutionFailed { failure, nodes: vec![NodeRun::cached("3", "VAELoader")] }.to_json(),
        @r#"{"version":1,"event":"execution_failed","failure":{"kind":"execution_error","message":"no","node":"3","details_json":"{\"value\":1.0}"},"nodes":[["3","VAELoader",null,null,true]]}"#
    );
    insta::assert_snapshot!(
        Event::Lost { reason: "gone".to_owned() }.to_json(),
        @r#"{"version":1,"event":"lost","reason":"gone"}"#
    );
}

#[test]
fn an_end_that_tells_no_time_and_no_memory_can_be_read() {
    let stored = Json::parse(br#"{"version":1,"event":"finished"}"#).unwrap();
    let finished =
        Event::Finished { nodes: Vec::new(), texts: Vec::new(), ran: None, memory: None };
    assert_eq!(Event::from_json(&stored).unwrap(), finished);
    assert_eq!(finished.to_json(), stored, "nothing is written where nothing was seen");
    let memory = MemoryPeak { used_bytes: 17, samples: 3, ..MemoryPeak::new("cpu", 24) };
    let ran = Some(Duration::from_millis(4_500));
    insta::assert_snapshot!(
        Event::Finished { nodes: Vec::new(), texts: Vec::new(), ran, memory: Some(memory) }.to_json(),
        @r#"{"version":1,"event":"finished","ran_ms":4500,"memory":{"device":"cpu","total_bytes":24,"used_bytes":17,"samples":3}}"#
    );
}

#[test]
fn a_member_that_a_later_version_added_is_passed_over() {
    let stored = Json::parse(br#"{"version":1,"event":"started","gpu":0}"#).unwrap();
    assert_eq!(Event::from_json(&stored).unwrap(), Event::Started);
}

#[test]
fn what_cannot_be_read_is_said() {
    let refused = [
        r#"{"version":2,"event":"started"}"#,
        r#"{"event":"started"}"#,
        r#"{"version":1}"#,
        r#"{"version":1,"event":"exploded"}"#,
        r#"{"version":1,"event":"submit_started"}"#,
        r#"{"version":1,"event":"advanced","percent":100.5,"nodes_done":1,"nodes_total":2}"#,
        r#"{"version":1,"event":"advanced","percent":1.5,"nodes_done":-1,"nodes_total":2}"#,
        r#"{"version":1,"event":"finished","nodes":[["3","VAELoader",null]]}"#,
        r#"{"version":1,"event":"finished","memory":{"device":"cuda","samples":1}}"#,
        r#"{"version":1,"event":"refused"}"#,
        r#"{"version":1,"event":"refused","failure":{"kind":"k"}}"#,
        r#"{"version":1,"event":"refused","failure":{"kind":"k","message":"m","node":3}}"#,
        r#"{"version":1,"event":"refused","failure":{"kind":"k","message":"m","details_json":"{"}}"#,
    ];
    let texts = refused.map(|text| {
        Event::from_json(&Json::parse(text.as_bytes()).unwrap()).unwrap_err().to_string()
    });
    insta::assert_snapshot!(texts.join("\n"));
}
