//! How a failure is told: to the caller as a result, to the log with its causes.

use std::{any::Any, panic::AssertUnwindSafe};

use futures::FutureExt;
use mediafactory::{Error, Retry};
use rmcp::model::{CallToolResult, ContentBlock, ErrorData, JsonObject};
use serde_json::Value;

/// How much of the details stands in the text; all of them are in the structured content.
const DETAILS_CHARS_MAX: usize = 2_000;

/// The failed result of a tool: `{code, message, hint, details, retry}`, and the same in words
/// for clients that show only text.
pub(crate) fn result_of(error: &Error) -> CallToolResult {
    let mut text = format!("{}: {error}", error.code());
    if let Some(hint) = error.hint() {
        text.push_str("\nhint: ");
        text.push_str(hint);
    }
    if !error.details().is_null() {
        let details = error.details().to_string();
        text.push_str("\ndetails: ");
        text.extend(details.chars().take(DETAILS_CHARS_MAX));
        if details.chars().count() > DETAILS_CHARS_MAX {
            text.push_str("… (all of it is in the structured content)");
        }
    }
    let mut result = CallToolResult::error(vec![ContentBlock::text(text)]);
    result.structured_content = Some(Value::Object(members_of(error)));
    result
}

/// The members of a failure; `hint` and `details` only where there are some.
pub(crate) fn members_of(error: &Error) -> JsonObject {
    let mut members = JsonObject::new();
    members.insert("code".to_owned(), error.code().as_str().into());
    members.insert("message".to_owned(), error.to_string().into());
    if let Some(hint) = error.hint() {
        members.insert("hint".to_owned(), hint.into());
    }
    if !error.details().is_null() {
        members.insert("details".to_owned(), error.details().to_serde());
    }
    members.insert("retry".to_owned(), retry_word(error.retry()).into());
    members
}

fn retry_word(retry: Retry) -> &'static str {
    match retry {
        Retry::Safe => "safe",
        Retry::CheckFirst => "check_first",
        Retry::Never => "never",
    }
}

/// The failure with every cause beneath it, for the log.
pub(crate) fn causes(error: &Error) -> String {
    let first: &dyn std::error::Error = error;
    let chain = std::iter::successors(Some(first), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Runs a handler so that a panic in it becomes an answer. The protocol library would drop the
/// panicking task, and the caller would wait for ever.
pub(crate) async fn answer_panics<T>(
    what: &str,
    handler: impl Future<Output = Result<T, ErrorData>>,
) -> Result<T, ErrorData> {
    AssertUnwindSafe(handler).catch_unwind().await.unwrap_or_else(|panic| {
        tracing::error!(what, panic = panic_text(panic.as_ref()), "a handler panicked");
        Err(ErrorData::internal_error(
            format!("{what} failed by a defect of this server; its log has the details"),
            None,
        ))
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without text")
}

#[cfg(test)]
mod tests {
    use mediafactory::{FailureCode, Json};
    use rmcp::model::ErrorCode;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_an_internal_error_without_its_text() {
        let answer = answer_panics::<()>("tool `boom`", async { panic!("secret internals") }).await;
        let error = answer.expect_err("the handler panicked");
        assert_eq!(error.code, ErrorCode::INTERNAL_ERROR);
        assert_eq!(
            error.message,
            "tool `boom` failed by a defect of this server; its log has the details"
        );
        assert_eq!(answer_panics("tool `fine`", async { Ok(7) }).await.ok(), Some(7));
    }

    #[test]
    fn a_failure_is_told_in_parts_and_in_words() {
        let cause = std::io::Error::other("connection refused");
        let error = Error::new(FailureCode::ComfyuiUnreachable, "ComfyUI does not answer")
            .with_hint("start it")
            .with_details(Json::object([("server", Json::from("http://127.0.0.1:8188"))]))
            .with_retry(Retry::Safe)
            .with_source(cause);
        let result = result_of(&error);
        assert_eq!(result.is_error, Some(true));
        assert_eq!(
            result.structured_content,
            Some(json!({
                "code": "COMFYUI_UNREACHABLE",
                "message": "ComfyUI does not answer",
                "hint": "start it",
                "details": {"server": "http://127.0.0.1:8188"},
                "retry": "safe"
            }))
        );
        let text = &result.content.first().and_then(ContentBlock::as_text).expect("text").text;
        assert_eq!(
            text,
            "COMFYUI_UNREACHABLE: ComfyUI does not answer\nhint: start it\n\
             details: {\"server\":\"http://127.0.0.1:8188\"}"
        );
        assert_eq!(causes(&error), "ComfyUI does not answer: connection refused");
    }

    #[test]
    fn every_code_is_told_in_the_same_shape() {
        let told: Vec<_> = FailureCode::ALL
            .into_iter()
            .map(|code| {
                let error = Error::new(code, "what happened")
                    .with_hint("what would work")
                    .with_details(Json::object([("seed", Json::from(u64::MAX))]))
                    .with_retry(Retry::CheckFirst);
                result_of(&error)
            })
            .collect();
        insta::assert_json_snapshot!("every_code", told);
    }

    #[test]
    fn long_details_are_cut_in_the_text_only() {
        let long = "x".repeat(DETAILS_CHARS_MAX);
        let error =
            Error::new(FailureCode::ValidationError, "no").with_details(Json::from(long.as_str()));
        let result = result_of(&error);
        let text = &result.content.first().and_then(ContentBlock::as_text).expect("text").text;
        assert!(text.ends_with("… (all of it is in the structured content)"));
        assert_eq!(result.structured_content.expect("there is some")["details"], long);
    }
}
