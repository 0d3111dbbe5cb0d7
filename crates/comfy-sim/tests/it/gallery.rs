//! The gallery that the server offers, in the shapes of the real one.

use std::time::Duration;

use comfy_sim::{Gallery, Sim, SimOptions};
use serde_json::{Value, json};

use crate::client::{get, quick_sim};

async fn sim_with(gallery: Gallery) -> Sim {
    let options = SimOptions { step_time: Duration::ZERO, gallery, ..SimOptions::default() };
    Sim::start(options).await.unwrap()
}

#[tokio::test]
async fn every_template_of_the_index_is_served() {
    let sim = quick_sim().await;
    let index = get(&sim, "/templates/index.json").await;
    assert_eq!(index.content_type.as_deref(), Some("application/json"));
    assert_eq!(index.headers["cache-control"], "no-store");
    let index = index.json();
    let names = index.as_array().unwrap().iter().flat_map(|category| {
        category["templates"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap())
    });
    let names: Vec<&str> = names.collect();
    assert_eq!(names.len(), 4);
    for name in names {
        let template = get(&sim, &format!("/templates/{name}.json")).await.json();
        assert!(template["nodes"].is_array(), "{name}");
    }
    sim.stop().await;
}

#[tokio::test]
async fn blueprints_carry_their_workflow_as_text_and_unknown_ones_are_null() {
    let sim = quick_sim().await;
    let all = get(&sim, "/global_subgraphs").await.json();
    let (id, entry) = all.as_object().unwrap().iter().next().unwrap();
    assert_eq!(
        entry,
        &json!({"source": "templates", "name": "Invert and Scale", "info": {"node_pack": "comfyui"}})
    );
    let one = get(&sim, &format!("/api/global_subgraphs/{id}")).await.json();
    let workflow: Value = serde_json::from_str(one["data"].as_str().unwrap()).unwrap();
    assert!(workflow["definitions"]["subgraphs"].is_array());
    assert_eq!(get(&sim, "/global_subgraphs/nope").await.json(), Value::Null);
    sim.stop().await;
}

#[tokio::test]
async fn examples_of_packs_lie_below_api_only() {
    let sim = quick_sim().await;
    let packs = get(&sim, "/workflow_templates").await.json();
    assert_eq!(packs, json!({"comfy-sim-example-pack": ["one_color"]}));
    let path = "/workflow_templates/comfy-sim-example-pack/one_color.json";
    assert!(get(&sim, &format!("/api{path}")).await.json()["nodes"].is_array());
    assert_eq!(get(&sim, path).await.status, 404);
    sim.stop().await;
}

#[tokio::test]
async fn a_folder_is_served_as_it_is_and_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret.json"), "{}").unwrap();
    std::fs::create_dir(folder.path().join("templates")).unwrap();
    std::fs::write(folder.path().join("templates/a b.json"), "{\"nodes\": []}").unwrap();
    let sim = sim_with(Gallery::Folder(folder.path().to_owned())).await;
    let index = get(&sim, "/templates/index.json").await.json();
    assert_eq!(index[0]["templates"], json!([{"name": "a b", "title": "a b"}]));
    assert_eq!(get(&sim, "/templates/a%20b.json").await.json(), json!({"nodes": []}));
    for outside in ["..%2Fsecret.json", "%2e%2e/secret.json", "no.json", "index.fr.json"] {
        assert_eq!(get(&sim, &format!("/templates/{outside}")).await.status, 404, "{outside}");
    }
    assert_eq!(get(&sim, "/workflow_templates").await.json(), json!({}));
    sim.stop().await;
}

#[tokio::test]
async fn an_old_server_has_no_gallery() {
    let sim = sim_with(Gallery::Absent).await;
    for path in ["/templates/index.json", "/global_subgraphs", "/workflow_templates"] {
        assert_eq!(get(&sim, path).await.status, 404, "{path}");
    }
    sim.stop().await;
}
