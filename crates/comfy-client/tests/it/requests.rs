//! Single requests and every way in which they go wrong.

use std::time::Duration;

use comfy_client::{
    Auth, Client, ClientOptions, Error, Features, FileRef, Folder, Free, Limits, Retry, Submission,
    Upload,
};
use futures::StreamExt as _;
use workflow_graph::Json;

use crate::scripted::{Answer, ID, Request, Scripted, limits, prompt_id, workflow};

/// Long enough for loopback, short enough to wait for.
const SOON: Duration = Duration::from_millis(300);

async fn submit(client: &Client) -> Result<comfy_client::Accepted, Error> {
    client.submit(&Submission::new(prompt_id(), &workflow())).await
}

async fn server(answer: Answer) -> (Scripted, Client) {
    let server = Scripted::start(move |_| answer.clone()).await;
    let client = server.client(ClientOptions::default());
    (server, client)
}

#[track_caller]
fn check(error: &Error, retry: Retry, text: &str) {
    let shown = error.to_string();
    let shown = shown.split_once("http://127.0.0.1:").map_or(shown.clone(), |(before, after)| {
        let (_, after) = after.split_once('/').unwrap_or_default();
        format!("{before}SERVER{after}")
    });
    assert_eq!((shown.as_str(), error.retry()), (text, retry));
}

#[tokio::test]
async fn an_accepted_workflow_tells_its_number_and_what_was_dropped() {
    let (server, client) = server(Answer::json(&format!(
        r#"{{"prompt_id": "{ID}", "number": 5.0, "node_errors": {{"3": {{"errors": [{{"type": "required_input_missing", "message": "Required input is missing", "details": "images", "extra_info": {{}}}}], "dependent_outputs": ["3"], "class_type": "SaveImage"}}}}}}"#
    )))
    .await;
    let accepted = submit(&client).await.unwrap();
    assert!((accepted.number - 5.0).abs() < f64::EPSILON);
    assert_eq!(
        accepted.dropped[0].to_string(),
        "node 3 (SaveImage): Required input is missing: images"
    );
    let [request] = server.requests().try_into().unwrap();
    assert_eq!(request.line, "POST /prompt");
    assert!(request.headers.contains("content-type: application/json"));
    assert!(!request.headers.contains("origin:"), "a native client must not send Origin");
}

#[tokio::test]
async fn a_plain_500_is_not_taken_for_json() {
    let text = "500 Internal Server Error\n\nServer got itself in trouble";
    let (_server, client) = server(Answer::new(500, "text/plain; charset=utf-8", text)).await;
    let shown = "answered with status 500: 500 Internal Server Error Server got itself in trouble";
    check(
        &submit(&client).await.unwrap_err(),
        Retry::CheckFirst,
        &format!("POST /prompt at SERVER was {shown}"),
    );
    check(
        &client.queue().await.unwrap_err(),
        Retry::Safe,
        &format!("GET /queue at SERVER was {shown}"),
    );
}

#[tokio::test]
async fn a_413_names_the_limit_of_the_server() {
    let text = "Maximum request body size 104857600 exceeded";
    let (_server, client) = server(Answer::new(413, "text/plain", text)).await;
    let error = client.upload_image(Upload::new("a.png", "x")).await.unwrap_err();
    check(
        &error,
        Retry::Never,
        "POST /upload/image at SERVER was refused with 413: the request is larger than the server takes: Maximum request body size 104857600 exceeded; ComfyUI's limit is its `--max-upload-size` (100 MB unless set)",
    );
}

#[tokio::test]
async fn an_empty_200_is_a_success_where_comfyui_means_it() {
    let (server, client) = server(Answer::empty(200)).await;
    client.interrupt_prompt(&prompt_id()).await.unwrap();
    client.interrupt_whatever_runs().await.unwrap();
    client.delete_from_queue(&[prompt_id()]).await.unwrap();
    client.free(Free { unload_models: true, free_memory: false }).await.unwrap();
    let sent: Vec<_> =
        server.requests().iter().map(|one| format!("{} {}", one.line, one.body)).collect();
    assert_eq!(
        sent,
        [
            format!(r#"POST /interrupt {{"prompt_id":"{ID}"}}"#),
            "POST /interrupt {}".to_owned(),
            format!(r#"POST /queue {{"delete":["{ID}"]}}"#),
            r#"POST /free {"unload_models":true,"free_memory":false}"#.to_owned(),
        ]
    );
    check(
        &client.queue().await.unwrap_err(),
        Retry::Never,
        "SERVER does not look like ComfyUI: GET /queue was answered with no content type",
    );
}

#[tokio::test]
async fn a_failed_interrupt_is_not_taken_for_a_success() {
    let (_server, client) = server(Answer::new(500, "text/plain", "")).await;
    let error = client.interrupt_prompt(&prompt_id()).await.unwrap_err();
    assert_eq!(error.retry(), Retry::CheckFirst);
}

#[tokio::test]
async fn a_page_is_told_from_comfyui() {
    let page = format!("<html>\n <title>Log in</title>{}", " .".repeat(300));
    for status in [200, 404] {
        let (_server, client) = server(Answer::new(status, "text/html", &page)).await;
        let error = client.system_stats().await.unwrap_err();
        let line = page.replace("\n ", " ");
        let start: String = line.chars().take(200).collect();
        check(
            &error,
            Retry::Never,
            &format!(
                "SERVER does not look like ComfyUI: GET /system_stats was answered with text/html: {start}…"
            ),
        );
    }
}

#[tokio::test]
async fn a_slow_reply_names_the_limit_and_its_length() {
    let server = Scripted::start(|_| Answer::Hang).await;
    let client = server.client(limits(Limits { reply_timeout: SOON, ..Limits::default() }));
    check(
        &submit(&client).await.unwrap_err(),
        Retry::CheckFirst,
        "POST /prompt at SERVER had no answer within 300ms (reply_timeout)",
    );
    check(
        &client.history(1).await.unwrap_err(),
        Retry::Safe,
        "GET /history at SERVER had no answer within 300ms (reply_timeout)",
    );
}

#[tokio::test]
async fn a_reply_dropped_after_the_request_must_be_looked_up() {
    let (server, client) = server(Answer::Drop).await;
    let error = submit(&client).await.unwrap_err();
    assert!(matches!(error, Error::ReplyLost { .. }), "{error:?}");
    assert_eq!(error.retry(), Retry::CheckFirst);
    assert_eq!(server.requests().len(), 1, "nothing may be sent twice");
}

#[tokio::test]
async fn a_closed_port_is_told_and_harmless() {
    let (mut server, client) = server(Answer::Drop).await;
    server.stop().await;
    check(
        &submit(&client).await.unwrap_err(),
        Retry::Safe,
        "cannot connect to SERVER; is ComfyUI running there?",
    );
    let error = client.open_session().await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn redirects_are_told_and_not_followed() {
    let elsewhere = Scripted::start(|_| Answer::json("{}")).await;
    let to = elsewhere.url().replace("http://", "http://ann:hunter2@");
    let head =
        format!("HTTP/1.1 307 X\r\nlocation: {to}/login?token=t\r\ncontent-length: 0\r\n\r\n");
    let (_server, client) = server(Answer::Raw(head)).await;
    let error = client.features().await.unwrap_err();
    let Error::Redirected { location, .. } = &error else { panic!("{error:?}") };
    assert_eq!(location.as_deref(), Some(format!("{}/login", elsewhere.url()).as_str()));
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn refusals_say_what_may_be_missing() {
    let (server, client) = server(Answer::empty(401)).await;
    check(
        &client.queue().await.unwrap_err(),
        Retry::Never,
        "GET /queue at SERVER was refused with 401: the server wants credentials, and none were given",
    );
    let auth = Some(Auth::Bearer("hunter2".into()));
    let client = server.client(ClientOptions { auth, ..ClientOptions::default() });
    check(
        &client.queue().await.unwrap_err(),
        Retry::Never,
        "GET /queue at SERVER was refused with 401: the credentials are wrong",
    );
}

#[tokio::test]
async fn credentials_go_out_and_never_come_back() {
    let echo = |request: &Request| {
        Answer::new(400, "text/plain", &format!("You sent {}", request.headers))
    };
    let server = Scripted::start(echo).await;
    let basic = Auth::Basic { user: "ann".to_owned(), password: "hunter2".into() };
    for (auth, header) in [
        (Auth::Bearer("hunter2".into()), "authorization: bearer hunter2"),
        (basic, "authorization: basic yw5uomh1bnrlcji="),
    ] {
        let client = server.client(ClientOptions { auth: Some(auth), ..ClientOptions::default() });
        let error = submit(&client).await.unwrap_err();
        let sent = server.requests().pop().unwrap().headers;
        assert!(sent.contains(header), "{sent}");
        let shown = format!("{error} {error:?} {client:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("YW5u"), "{shown}");
    }
}

#[test]
fn credentials_that_fit_in_no_header_are_refused_at_once() {
    let basic = Auth::Basic { user: "a:b".to_owned(), password: "hunter2".into() };
    for auth in [Auth::Bearer("hunter2\n".into()), basic] {
        let options = ClientOptions { auth: Some(auth), ..ClientOptions::default() };
        let error = Client::new("http://127.0.0.1".parse().unwrap(), options).unwrap_err();
        assert!(matches!(error, Error::Unusable { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn half_a_secret_at_the_end_of_what_is_read_is_not_shown() {
    for before in 16_370..16_384 {
        let echo = format!("{}hunter2 hunter2", " ".repeat(before));
        let server = Scripted::start(move |_| Answer::new(400, "text/plain", &echo)).await;
        let auth = Some(Auth::Bearer("hunter2".into()));
        let client = server.client(ClientOptions { auth, ..ClientOptions::default() });
        let shown = client.queue().await.unwrap_err().to_string();
        assert!(!shown.contains("hu"), "{before}: {shown}");
    }
}

#[test]
fn pings_that_come_too_late_are_refused_at_once() {
    let ping_every = Duration::from_mins(1);
    let options = limits(Limits { ping_every, ..Limits::default() });
    let error = Client::new("http://127.0.0.1".parse().unwrap(), options).unwrap_err();
    assert_eq!(error.to_string(), "`ping_every` (60s) must be shorter than `silence_max` (60s)");
}

#[tokio::test]
async fn replies_are_bounded_also_when_they_hide_their_length() {
    let chunked = "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n40\r\n";
    let chunked = format!("{chunked}{}\r\n", "x".repeat(64));
    for answer in [Answer::json(&"x".repeat(64)), Answer::Stall(chunked)] {
        let server = Scripted::start(move |_| answer.clone()).await;
        let client = server.client(limits(Limits { json_bytes_max: 63, ..Limits::default() }));
        check(
            &client.object_info().await.unwrap_err(),
            Retry::Never,
            "the reply to GET /object_info at SERVER is larger than 63 bytes (json_bytes_max)",
        );
    }
}

#[tokio::test]
async fn python_json_is_read_losslessly() {
    let text = r#"{"A":{"input":{"max":18446744073709551615,"low":-Infinity,"nan":NaN}}}"#;
    let (server, client) = server(Answer::json(text)).await;
    assert_eq!(client.object_info().await.unwrap().to_string(), text);
    assert!(client.object_info_of("A").await.unwrap().is_some());
    assert_eq!(client.object_info_of("B/C D").await.unwrap(), None);
    assert_eq!(client.object_info_of("..").await.unwrap(), None);
    let lines: Vec<_> = server.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["GET /object_info", "GET /object_info/A", "GET /object_info/B%2FC%20D"]);
}

#[tokio::test]
async fn a_reply_may_nest_deeper_than_the_workflow_in_it() {
    let depth = workflow_graph::json::DEPTH_MAX;
    let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let reply = format!(r#"{{"{ID}": {{"prompt": [1, "{ID}", {{"1": {deep}}}, {{}}, []]}}}}"#);
    let (_server, client) = server(Answer::json(&reply)).await;
    let entry = client.history_of(&prompt_id()).await.unwrap().unwrap();
    assert!(entry.workflow().is_some());
}

#[tokio::test]
async fn routes_that_a_server_does_not_have_are_no_errors() {
    let (_server, client) = server(Answer::empty(404)).await;
    assert_eq!(client.features().await.unwrap(), Features::default());
    assert_eq!(client.models("nope").await.unwrap(), None);
    let error = client.model_folders().await.unwrap_err();
    assert!(matches!(error, Error::Status { status: 404, .. }), "{error:?}");
}

#[tokio::test]
async fn json_of_another_shape_is_told() {
    let (_server, client) = server(Answer::json("[]")).await;
    check(
        &client.queue().await.unwrap_err(),
        Retry::Never,
        "the reply to GET /queue at SERVER is not what ComfyUI sends: it has no lists `queue_running` and `queue_pending` of queued prompts",
    );
    check(
        &submit(&client).await.unwrap_err(),
        Retry::CheckFirst,
        "the reply to POST /prompt at SERVER is not what ComfyUI sends: it has no `prompt_id`",
    );
    let (_server, client) = self::server(Answer::json("{\"a\": ")).await;
    check(
        &submit(&client).await.unwrap_err(),
        Retry::CheckFirst,
        "the reply to POST /prompt at SERVER cannot be read: {\"a\":",
    );
}

#[tokio::test]
async fn a_server_that_chooses_its_own_id_is_too_old() {
    let (_server, client) = server(Answer::json(r#"{"prompt_id": "x", "number": 1}"#)).await;
    let error = submit(&client).await.unwrap_err();
    assert!(error.to_string().contains("queued the workflow as `x` and not as"), "{error}");
    assert_eq!(error.retry(), Retry::CheckFirst);
}

#[tokio::test]
async fn a_refused_workflow_is_read_as_far_as_it_goes() {
    #[rustfmt::skip]
    let cases = [
        (r#"{"error": "no"}"#, "no"),
        (r#"{"error": {"type": "invalid_prompt", "message": "Bad"}}"#, "Bad (invalid_prompt)"),
        (r#"{"error": {"type": "t", "message": "M", "details": "D"}, "node_errors": []}"#, "M (t): D"),
        ("{}", "no reason given"),
    ];
    for (body, expected) in cases {
        let (_server, client) =
            server(Answer::new(400, "application/json; charset=utf-8", body)).await;
        let error = submit(&client).await.unwrap_err();
        let Error::Rejected { rejection, .. } = error else { panic!("{error:?}") };
        assert_eq!(rejection.to_string(), expected);
        assert_eq!(rejection.raw, Json::parse(body.as_bytes()).unwrap());
    }
    let (_server, client) = server(Answer::empty(400)).await;
    let error = submit(&client).await.unwrap_err();
    assert!(matches!(error, Error::Status { status: 400, .. }), "{error:?}");
}

#[tokio::test]
async fn files_come_in_pieces_and_names_are_encoded() {
    let (server, client) = server(Answer::new(200, "image/png", "picture")).await;
    let file = FileRef {
        filename: "ä+b #1&.png".to_owned(),
        subfolder: "x/y".to_owned(),
        folder: Folder::Temp,
    };
    let view = client.view(&file).await.unwrap();
    assert_eq!((view.content_type.as_deref(), view.length), (Some("image/png"), Some(7)));
    assert_eq!(view.bytes().await.unwrap(), "picture");
    assert_eq!(client.view(&file).await.unwrap().bytes_at_most(7).await.unwrap(), "picture");
    let error = client.view(&file).await.unwrap().bytes_at_most(6).await.unwrap_err();
    check(
        &error,
        Retry::Never,
        "the reply to GET /view at SERVER is larger than 6 bytes (bytes_at_most)",
    );
    assert_eq!(
        server.requests()[0].line,
        "GET /view?filename=%C3%A4%2Bb+%231%26.png&subfolder=x%2Fy&type=temp"
    );
}

#[tokio::test]
async fn a_page_in_place_of_a_file_is_not_comfyui() {
    let file = FileRef { filename: "a.png".to_owned(), ..FileRef::default() };
    for status in [200, 404] {
        let (_server, client) = server(Answer::new(status, "text/html", "<p>Log in</p>")).await;
        check(
            &client.view(&file).await.unwrap_err(),
            Retry::Never,
            "SERVER does not look like ComfyUI: GET /view was answered with text/html: <p>Log in</p>",
        );
    }
}

#[tokio::test]
async fn a_file_without_a_length_is_bounded_too() {
    let head = "HTTP/1.1 200 X\r\nconnection: close\r\n\r\npicture".to_owned();
    let (_server, client) = server(Answer::Raw(head)).await;
    let file = FileRef { filename: "a.png".to_owned(), ..FileRef::default() };
    let view = client.view(&file).await.unwrap();
    assert_eq!(view.length, None);
    let error = view.bytes_at_most(6).await.unwrap_err();
    assert!(matches!(error, Error::BodyTooLarge { bytes_max: 6, .. }), "{error:?}");
}

#[tokio::test]
async fn a_file_that_stops_coming_is_not_waited_for() {
    let head = "HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\nabc".to_owned();
    let server = Scripted::start(move |_| Answer::Stall(head.clone())).await;
    let client = server.client(limits(Limits { view_timeout: SOON, ..Limits::default() }));
    let file = FileRef { filename: "a.png".to_owned(), ..FileRef::default() };
    let mut view = client.view(&file).await.unwrap();
    assert_eq!(view.next().await.unwrap().unwrap(), "abc");
    check(
        &view.next().await.unwrap().unwrap_err(),
        Retry::Safe,
        "GET /view at SERVER had no answer within 300ms (view_timeout)",
    );
    assert!(view.next().await.is_none());
}

#[tokio::test]
async fn a_cut_off_file_is_an_error_and_a_large_one_too() {
    let head = "HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\nabc".to_owned();
    let server = Scripted::start(move |_| Answer::Raw(head.clone())).await;
    let file = FileRef { filename: "a.png".to_owned(), ..FileRef::default() };
    let client = server.client(ClientOptions::default());
    let error = client.view(&file).await.unwrap().bytes().await.unwrap_err();
    assert!(matches!(error, Error::ReplyLost { .. }), "{error:?}");
    let client = server.client(limits(Limits { view_bytes_max: 8, ..Limits::default() }));
    let error = client.view(&file).await.unwrap_err();
    assert!(matches!(error, Error::BodyTooLarge { bytes_max: 8, .. }), "{error:?}");
}

#[tokio::test]
async fn a_mask_is_stored_only_when_it_is_there() {
    let lie = |request: &Request| match request.line.as_str() {
        "POST /upload/mask" => {
            Answer::json(r#"{"name": "mask.png", "subfolder": "clipspace", "type": "input"}"#)
        }
        line if line.contains("filename=original.png") => Answer::new(200, "image/png", "x"),
        _ => Answer::empty(404),
    };
    let server = Scripted::start(lie).await;
    let client = server.client(ClientOptions::default());
    let original = |name: &str| FileRef { filename: name.to_owned(), ..FileRef::default() };
    let upload = || Upload::new("mask.png", "x");
    let error = client.upload_mask(upload(), &original("original.png")).await.unwrap_err();
    assert!(matches!(&error, Error::MaskNotStored { file, .. } if file.subfolder == "clipspace"));
    assert!(
        server.requests()[1]
            .body
            .contains(r#"{"filename":"original.png","subfolder":"","type":"output"}"#)
    );
    let error = client.upload_mask(upload(), &original("missing.png")).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchFile { .. }), "{error:?}");
    assert_eq!(server.requests().len(), 4, "no mask is sent for an original that is missing");
}

#[tokio::test]
async fn a_base_path_stands_before_every_route() {
    let server = Scripted::start(|_| Answer::json("{}")).await;
    let url = format!("{}/base", server.url()).parse().unwrap();
    let client = Client::new(url, ClientOptions::default()).unwrap();
    assert_eq!(client.history_of(&prompt_id()).await.unwrap(), None);
    assert_eq!(server.requests()[0].line, format!("GET /base/history/{ID}"));
}
