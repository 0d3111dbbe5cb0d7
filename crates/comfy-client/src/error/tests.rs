use std::error::Error as _;

use workflow_graph::Json;

use super::*;
use crate::{
    files::Folder,
    rejection::{NodeError, NodeErrors},
};

fn server() -> ServerUrl {
    let (url, auth) = ServerUrl::parse_with_auth("http://ann:hunter2@gpu.example:8188").unwrap();
    assert!(auth.is_some());
    url
}

fn get() -> Call {
    Call::new(Method::Get, "/queue", &server())
}

fn post() -> Call {
    Call::new(Method::Post, "/prompt", &server())
}

fn cause() -> BoxError {
    "the cause".into()
}

fn not_json(call: Call) -> Error {
    let source = Json::parse(b"{").unwrap_err();
    Error::NotJson { call, start: "{".to_owned(), source }
}

fn file() -> FileRef {
    FileRef { filename: "a.png".to_owned(), subfolder: "sub".to_owned(), folder: Folder::Output }
}

fn rejection() -> Box<Rejection> {
    let error = |kind: &str, message: &str, details: &str| NodeError {
        kind: kind.to_owned(),
        message: message.to_owned(),
        details: details.to_owned(),
        extra_info: Json::Null,
    };
    Box::new(Rejection {
        kind: "prompt_outputs_failed_validation".to_owned(),
        message: "Prompt outputs failed validation".to_owned(),
        details: String::new(),
        extra_info: Json::Null,
        nodes: vec![NodeErrors {
            node: "4".parse().unwrap(),
            class_type: "CheckpointLoaderSimple".to_owned(),
            dependent_outputs: vec!["9".parse().unwrap()],
            errors: vec![
                error("value_not_in_list", "Value not in list", "ckpt_name: 'x' not in ['y']"),
                error("required_input_missing", "Required input is missing", ""),
            ],
        }],
        raw: Json::Null,
    })
}

/// Every variant, where it matters in both methods, with what may be done next.
fn table() -> Vec<(Error, Retry)> {
    let after = Duration::from_millis(1500);
    let prompt = "550e8400-e29b-41d4-a716-446655440000".parse().unwrap();
    let status = |call, status, body: &str| Error::Status { call, status, body: body.to_owned() };
    let unexpected = |call| Error::UnexpectedReply { call, problem: "it has no `number`".into() };
    let too_large = |call| Error::BodyTooLarge { call, limit: "json_bytes_max", bytes_max: 1024 };
    let refused =
        |status, with_credentials| Error::Refused { call: get(), status, with_credentials };
    vec![
        (Error::Unusable { problem: "a place must be finite".to_owned() }, Retry::Never),
        (Error::Setup { source: cause() }, Retry::Never),
        (Error::Connect { server: server(), source: cause() }, Retry::Safe),
        (Error::ConnectTimeout { server: server(), after }, Retry::Safe),
        (Error::Timeout { call: get(), limit: "reply_timeout", after }, Retry::Safe),
        (Error::Timeout { call: post(), limit: "reply_timeout", after }, Retry::CheckFirst),
        (Error::ReplyLost { call: get(), source: cause() }, Retry::Safe),
        (Error::ReplyLost { call: post(), source: cause() }, Retry::CheckFirst),
        (Error::Rejected { server: server(), rejection: rejection() }, Retry::Never),
        (refused(401, false), Retry::Never),
        (refused(401, true), Retry::Never),
        (refused(403, false), Retry::Never),
        (refused(403, true), Retry::Never),
        (Error::RequestTooLarge { call: post(), body: String::new() }, Retry::Never),
        (Error::Redirected { call: get(), location: None }, Retry::Never),
        (
            Error::Redirected { call: get(), location: Some("https://gpu.example/".to_owned()) },
            Retry::Never,
        ),
        (status(get(), 500, "500 Internal Server Error"), Retry::Safe),
        (status(post(), 500, ""), Retry::CheckFirst),
        (status(get(), 404, ""), Retry::Never),
        (status(post(), 405, "405: Method Not Allowed"), Retry::Never),
        (
            Error::NotComfyUi {
                call: get(),
                content_type: Some("text/html".to_owned()),
                start: "<html> Log in".to_owned(),
            },
            Retry::Never,
        ),
        (
            Error::NotComfyUi { call: post(), content_type: None, start: String::new() },
            Retry::Never,
        ),
        (not_json(get()), Retry::Never),
        (not_json(post()), Retry::CheckFirst),
        (unexpected(get()), Retry::Never),
        (unexpected(post()), Retry::CheckFirst),
        (too_large(get()), Retry::Never),
        (too_large(post()), Retry::CheckFirst),
        (Error::NoSuchFile { server: server(), file: file() }, Retry::Never),
        (Error::MaskNotStored { server: server(), file: file() }, Retry::Never),
        (Error::Socket { server: server(), source: cause() }, Retry::Safe),
        (
            Error::ServerGone {
                server: server(),
                prompt,
                after,
                source: Some(Box::new(Error::ConnectTimeout { server: server(), after })),
            },
            Retry::CheckFirst,
        ),
    ]
}

#[test]
fn every_error_says_what_happened_and_what_would_work() {
    let texts: Vec<String> = table().iter().map(|(error, _)| error.to_string()).collect();
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn every_error_says_whether_to_try_again() {
    for (error, expected) in table() {
        assert_eq!(error.retry(), expected, "{error}");
        assert_eq!(error.is_retryable(), expected == Retry::Safe, "{error}");
    }
}

#[test]
fn no_error_shows_credentials_or_repeats_its_source() {
    for (error, _) in table() {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("ann:"), "{shown}");
        if let Some(source) = error.source() {
            assert!(!error.to_string().contains(&source.to_string()), "{error}");
        }
    }
}

#[test]
fn a_result_stays_small() {
    assert!(size_of::<Error>() <= 128, "{} bytes", size_of::<Error>());
}
