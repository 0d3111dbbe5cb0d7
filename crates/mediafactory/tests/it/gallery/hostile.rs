//! Servers that send as a gallery what is none.

use std::{fmt::Write as _, fs, time::Instant};

use comfy_sim::{Fault, Gallery};
use mediafactory::{FailureCode, GalleryFilter, GallerySource};
use tempfile::TempDir;

use super::{ids, of};
use crate::stage::Stage;

/// A server whose index is this text and whose only template is `good`.
async fn stage(index: &str) -> (Stage, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("templates")).unwrap();
    fs::write(folder.path().join("index.json"), index).unwrap();
    (Stage::offering(Gallery::Folder(folder.path().to_owned())).await, folder)
}

#[tokio::test]
async fn what_is_no_index_is_an_error_and_hides_nothing_else() {
    for index in ["", "[", "{}", "7", "<html></html>", "null"] {
        let (stage, _folder) = stage(index).await;
        let error = stage.factory.gallery(&of(GallerySource::Server)).await.unwrap_err();
        assert_eq!(error.code(), FailureCode::ComfyuiUnreachable, "{index}: {error}");
        assert!(error.to_string().contains("/templates/index.json"), "{error}");
        let all = stage.factory.gallery(&GalleryFilter::default()).await.unwrap();
        assert!(!all.entries.is_empty() && all.notes.len() == 1, "{:?}", all.notes);
        stage.factory.shutdown().await;
    }
}

#[tokio::test]
async fn entries_of_wrong_types_are_left_out_and_counted() {
    let index = r#"[{"title": {"a": 1}, "type": 4, "templates": [
        {"name": "good", "title": [], "tags": "x", "models": [1], "size": "1", "io": 7},
        {"name": "../../../etc/passwd"}, {"name": "a/../b"}, {"title": "no name"}, 5]}, 6]"#;
    let (stage, _folder) = stage(index).await;
    let list = stage.factory.gallery(&of(GallerySource::Server)).await.unwrap();
    let ids: Vec<&str> = list.entries.iter().map(|entry| &*entry.id).collect();
    assert_eq!(ids, ["server:good"]);
    assert!(list.notes[0].starts_with("5 entries of the index"), "{:?}", list.notes);
    let error = stage.factory.gallery_template("server:../../etc/passwd", None).await.unwrap_err();
    assert_eq!(error.code(), FailureCode::TemplateNotFound);
    let error = stage.factory.gallery_template("server:good", None).await.unwrap_err();
    assert!(error.to_string().contains("does not have its workflow"), "{error}");
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn ten_thousand_entries_are_bounded() {
    let mut index = String::from(r#"[{"title": "All", "templates": ["#);
    for number in 0..10_000 {
        let comma = if number == 0 { "" } else { "," };
        write!(index, r#"{comma}{{"name": "t{number}", "description": "{number}"}}"#).unwrap();
    }
    index.push_str("]}]");
    let (stage, _folder) = stage(&index).await;
    let started = Instant::now();
    let list = stage.factory.gallery(&of(GallerySource::Server)).await.unwrap();
    assert_eq!(list.entries.len(), 8_000);
    assert!(list.notes[0].starts_with("2000 entries"), "{:?}", list.notes);
    println!("8,000 of 10,000 entries, cold: {:?}", started.elapsed());
    let near = stage.factory.gallery_template("server:t8", None).await.unwrap_err();
    assert!(near.to_string().contains("does not have its workflow"), "{near}");
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_template_that_is_no_workflow_says_so() {
    let (stage, folder) = stage(r#"[{"templates": [{"name": "good"}]}]"#).await;
    let file = folder.path().join("templates/good.json");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for text in ["", "{", "[]", "{}", "7", r#"{"nodes": {}}"#, r#"{"nodes": []}"#, &deep] {
        fs::write(&file, text).unwrap();
        let error = stage.factory.gallery_template("server:good", None).await.unwrap_err();
        let start: String = text.chars().take(20).collect();
        println!("{start}: {error}");
        assert!(error.to_string().contains("good"), "{start}: {error}");
    }
    assert_eq!(ids(&stage, &of(GallerySource::Server)).await, ["server:good"]);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn odd_lists_of_blueprints_and_packs_are_read_as_far_as_they_go() {
    let stage = Stage::new().await;
    let answer = |path: &str, body: &str| Fault::FailRequest {
        path: path.to_owned(),
        status: 200,
        body: body.to_owned(),
    };
    stage.sim.script(answer(
        "/global_subgraphs",
        r#"{"a": {"name": "Twice"}, "b": {"name": "Twice"}, "../c": {"name": "Out"}, "d": 4}"#,
    ));
    stage.sim.script(answer("/workflow_templates", r#"{"p": ["x", "x", "../y"], "q": 3}"#));
    let list = stage.factory.gallery(&GalleryFilter::default()).await.unwrap();
    let own = stage.factory.templates().all().len();
    let ids: Vec<&str> = list.entries[own + 4..].iter().map(|entry| &*entry.id).collect();
    assert_eq!(ids, ["blueprint:Twice", "blueprint:b", "pack:p/x"]);
    stage.factory.shutdown().await;
}
