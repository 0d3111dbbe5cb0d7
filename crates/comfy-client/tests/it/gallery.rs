//! What a server offers, from the simulator, a real ComfyUI where there is one, and a scripted
//! server that answers what neither would.

use comfy_client::{ClientOptions, Error, Limits};

use crate::{
    scripted::{Answer, Scripted, limits},
    servers::on_each,
};

#[tokio::test]
async fn everything_that_is_listed_is_served() {
    on_each(async |client| {
        let Some(index) = client.gallery().await.unwrap() else {
            eprintln!("skipped in part: {} offers no templates", client.url());
            return;
        };
        assert_eq!((index.unreadable, index.beyond_limit), (0, 0));
        let first = &index.categories[0].items[0];
        let workflow = client.gallery_template(&first.name).await.unwrap().unwrap();
        assert!(workflow.get("nodes").is_some());
        let tasks = client.gallery_tasks().await.unwrap().unwrap();
        assert!(tasks.iter().any(|(_, task)| task == "Text to Image"));

        let blueprints = client.blueprints().await.unwrap().unwrap();
        let blueprint = client.blueprint(&blueprints[0].id).await.unwrap().unwrap();
        assert_eq!(blueprint.entry, blueprints[0]);
        assert!(blueprint.workflow.at(&["definitions", "subgraphs"]).is_some());

        for pack in client.pack_examples().await.unwrap().unwrap() {
            let example = client.pack_example(&pack.pack, &pack.names[0]).await.unwrap();
            assert!(example.is_some(), "{pack:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_server_does_not_have_is_none() {
    on_each(async |client| {
        assert_eq!(client.gallery_template("no such template").await.unwrap(), None);
        assert_eq!(client.blueprint("no such id").await.unwrap(), None);
        assert_eq!(client.pack_example("no such pack", "one").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn names_are_one_segment_or_are_not_asked_for() {
    let mut server = Scripted::start(|_| Answer::json("{}")).await;
    let client = server.client(ClientOptions::default());
    for name in ["..", "../index", "a/b", "a\\b", "", "a\nb"] {
        assert_eq!(client.gallery_template(name).await.unwrap(), None, "{name:?}");
        assert_eq!(client.pack_example(name, "x").await.unwrap(), None, "{name:?}");
        assert_eq!(client.pack_example("x", name).await.unwrap(), None, "{name:?}");
        assert_eq!(client.blueprint(name).await.unwrap(), None, "{name:?}");
    }
    assert!(server.requests().is_empty());
    client.gallery_template("a b?c#d%2e").await.unwrap();
    client.pack_example("p q", "é").await.unwrap();
    let lines: Vec<String> = server.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(
        lines,
        ["GET /templates/a%20b%3Fc%23d%252e.json", "GET /api/workflow_templates/p%20q/%C3%A9.json"]
    );
    server.stop().await;
}

#[tokio::test]
async fn servers_of_before_galleries_have_none() {
    let mut server = Scripted::start(|_| Answer::empty(404)).await;
    let client = server.client(ClientOptions::default());
    assert_eq!(client.gallery().await.unwrap(), None);
    assert_eq!(client.gallery_tasks().await.unwrap(), None);
    assert_eq!(client.blueprints().await.unwrap(), None);
    assert_eq!(client.pack_examples().await.unwrap(), None);
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_gallery_is_an_error_that_says_so() {
    let mut said = Vec::new();
    for body in ["{}", "[", "7"] {
        let mut server = Scripted::start(move |_| Answer::json(body)).await;
        let client = server.client(ClientOptions::default());
        let index = client.gallery().await.unwrap_err();
        said.push(index.to_string().replace(&server.url(), "SERVER"));
        server.stop().await;
    }
    let mut server = Scripted::start(|_| Answer::json(r#"{"name": "A", "data": 7}"#)).await;
    let blueprint = server.client(ClientOptions::default()).blueprint("ab").await.unwrap_err();
    said.push(blueprint.to_string().replace(&server.url(), "SERVER"));
    server.stop().await;
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test]
async fn a_huge_index_is_not_read() {
    let mut server = Scripted::start(|_| Answer::json(&format!("[{}]", " ".repeat(4096)))).await;
    let client = server.client(limits(Limits { json_bytes_max: 1024, ..Limits::default() }));
    let error = client.gallery().await.unwrap_err();
    assert!(matches!(error, Error::BodyTooLarge { bytes_max: 1024, .. }), "{error}");
    server.stop().await;
}
