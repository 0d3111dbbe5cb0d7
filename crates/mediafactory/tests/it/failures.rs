//! Every failure says what happened, what would work, and whether to try again.

use std::{fmt::Write as _, time::Duration};

use comfy_sim::{Fault, Moment};
use mediafactory::{Error, FailureCode, GenerateRequest, config::Backend};

use crate::stage::{Stage, one_color, run};

fn told(error: &Error) -> String {
    let mut text = format!("{}: {error}", error.code());
    if let Some(hint) = error.hint() {
        write!(text, "\n  hint: {hint}").unwrap();
    }
    write!(text, "\n  retry: {:?}", error.retry()).unwrap();
    text
}

/// Hides what differs from run to run: ids and ports.
fn settled(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let bare = word.trim_matches([':', ',', ';', '.']);
        if bare.len() == 36 && bare.matches('-').count() == 4 {
            return word.replace(bare, "[job]");
        }
        match word.split_once("127.0.0.1:") {
            Some((before, after)) => {
                let rest = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
                format!("{before}127.0.0.1:[port]{rest}")
            }
            None => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What only the server knows: the own check of a custom node, a pack that is gone by now.
const THE_SERVERS_OWN_REFUSAL: &str = r#"{"error": {"type": "prompt_outputs_failed_validation",
    "message": "Prompt outputs failed validation", "details": "", "extra_info": {}},
    "node_errors": {"1": {"errors": [{"type": "custom_validation_failed", "message":
    "Custom validation failed for node", "details": "color - not today", "extra_info": {}}],
    "dependent_outputs": ["2"], "class_type": "EmptyImage"}}}"#;
const THE_SERVERS_MISSING_NODE: &str = r#"{"error": {"type": "missing_node_type",
    "message": "Node 'EmptyImage' not found. The custom node may not be installed.",
    "details": "Node ID '#1'", "extra_info": {"node_id": "1", "class_type": "EmptyImage"}},
    "node_errors": {}}"#;

#[tokio::test]
async fn failures_of_jobs_are_told() {
    let stage = Stage::new().await;
    let mut texts = Vec::new();
    let refused = r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 0, "height": 8, "batch_size": 1, "color": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "a"}}}"#;
    let unknown = r#"{"1": {"class_type": "NoSuchNode", "inputs": {}}}"#;
    let no_output = r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}}}"#;
    for workflow in [refused, unknown, no_output] {
        texts.push(told(&stage.factory.run_workflow(run(workflow)).await.unwrap_err()));
    }
    assert!(stage.sim.received_prompts().is_empty(), "they were refused before they were sent");
    let faults = [
        Fault::RefusePrompt { status: 400, body: THE_SERVERS_OWN_REFUSAL.to_owned() },
        Fault::RefusePrompt { status: 400, body: THE_SERVERS_MISSING_NODE.to_owned() },
        Fault::OutOfMemory { node: None },
        Fault::ExecutionError {
            node: None,
            exception_type: "ValueError".to_owned(),
            message: "the tensor is cursed".to_owned(),
        },
        Fault::RefusePrompt { status: 500, body: "Server got itself in trouble".to_owned() },
        Fault::RestartEmpty { at: Moment::NextPrompt },
    ];
    for (color, fault) in (100..).zip(faults) {
        stage.sim.script(fault);
        texts.push(told(&stage.factory.run_workflow(one_color(color)).await.unwrap_err()));
    }
    let gate = stage.sim.hold(Moment::AtStep(1));
    let timeout = Some(Duration::from_millis(50));
    let slow = GenerateRequest { timeout, ..GenerateRequest::new("a fox") };
    texts.push(told(&stage.factory.generate(slow).await.unwrap_err()));
    drop(gate);
    insta::assert_snapshot!(settled(&texts.join("\n\n")));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_at_once() {
    let stage = Stage::new().await;
    stage.sim.refuse_connections().await;
    let factory = &stage.factory;
    let errors = [
        factory.generate(GenerateRequest::new("a fox")).await.unwrap_err(),
        factory.run_workflow(one_color(1)).await.unwrap_err(),
        factory.health(None).await.unwrap_err(),
        factory.models("loras", None).await.unwrap_err(),
        factory.search_nodes("x", 1, None).await.unwrap_err(),
    ];
    for error in &errors {
        assert_eq!(error.code(), FailureCode::ComfyuiUnreachable, "{error}");
        assert!(error.is_retryable(), "{error}");
        assert!(error.hint().unwrap().contains("COMFYUI_URL"));
    }
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_password_in_the_address_is_in_no_message() {
    let stage = Stage::with(|config| {
        let (url, auth) =
            mediafactory::ServerUrl::parse_with_auth("http://user:hunter2@127.0.0.1:9/").unwrap();
        config.comfyui = Some(Backend { url, auth });
    })
    .await;
    let error = stage.factory.health(None).await.unwrap_err();
    let mut shown = format!("{error} {error:?} {:?} {:?}", error.hint(), stage.factory.config());
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        write!(shown, "{error} {error:?}").unwrap();
        source = error.source();
    }
    assert!(!shown.contains("hunter2"), "{shown}");
    stage.factory.shutdown().await;
}
