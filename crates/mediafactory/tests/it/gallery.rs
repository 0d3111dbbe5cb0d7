//! What a server offers itself, listed, described and filled in.

mod hostile;
mod truth;

use std::collections::BTreeMap;

use comfy_sim::{Fault, Gallery};
use mediafactory::{
    FailureCode, GalleryEntry, GalleryFilter, GallerySource, GalleryTemplate, Json, ParameterKind,
    State, Waited, Workflow,
};

use crate::stage::{Stage, run};

fn of(source: GallerySource) -> GalleryFilter {
    GalleryFilter { source: Some(source), ..GalleryFilter::default() }
}

async fn ids(stage: &Stage, filter: &GalleryFilter) -> Vec<String> {
    let list = stage.factory.gallery(filter).await.unwrap();
    list.entries.iter().map(|entry| entry.id.clone()).collect()
}

fn given<const N: usize>(values: [(&str, Json); N]) -> BTreeMap<String, Json> {
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A parameter in one line: what a caller decides by.
fn told(template: &GalleryTemplate) -> String {
    let lines = template.template.parameters.iter().map(|parameter| {
        let default = parameter.default.as_ref().map(ToString::to_string);
        let default = default
            .unwrap_or_else(|| if parameter.required { "required" } else { "random" }.to_owned());
        let mut takes = parameter.takes();
        takes.truncate(60);
        let targets = parameter.targets.iter();
        let targets = targets.map(|target| format!("{}.{}", target.node, target.input));
        let targets: Vec<String> = targets.collect();
        let (name, kind) = (&parameter.name, parameter.kind.as_str());
        format!("{name}: {kind} [{takes}] = {default} at {}", targets.join(", "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn own_templates_come_first_then_what_the_server_offers() {
    let stage = Stage::new().await;
    let all = ids(&stage, &GalleryFilter::default()).await;
    let own = stage.factory.templates().all().len();
    assert_eq!(
        all[own..],
        [
            "server:sim_text_to_image",
            "server:sim_missing_model",
            "server:sim_edit_image",
            "server:sim_missing_nodes",
            "blueprint:Invert and Scale",
            "pack:comfy-sim-example-pack/one_color",
        ]
    );
    for source in GallerySource::ALL {
        let only = ids(&stage, &of(source)).await;
        assert!(!only.is_empty());
        assert!(only.iter().all(|id| GallerySource::of_id(id) == source), "{only:?}");
    }
    let list = stage.factory.gallery(&of(GallerySource::Server)).await.unwrap();
    let entry: &GalleryEntry = &list.entries[0];
    assert_eq!(
        (entry.task.as_deref(), entry.medium.as_deref(), entry.size_bytes, entry.date.as_deref()),
        (Some("text-to-image"), Some("image"), Some(6_938_078_334), Some("2026-01-10"))
    );
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn words_categories_and_tasks_choose() {
    let stage = Stage::new().await;
    let served = of(GallerySource::Server);
    let query = |query: &str| GalleryFilter { query: Some(query.to_owned()), ..served.clone() };
    assert_eq!(ids(&stage, &query("BLURS picture")).await, ["server:sim_missing_nodes"]);
    // Those with the word in their name come first.
    assert_eq!(
        ids(&stage, &query("invert")).await,
        ["server:sim_edit_image"],
        "a title of another source is not meant"
    );
    assert_eq!(ids(&stage, &query("nothing has this")).await, [""; 0]);
    let category = GalleryFilter { category: Some("image tools".to_owned()), ..served.clone() };
    assert_eq!(ids(&stage, &category).await, ["server:sim_edit_image", "server:sim_missing_nodes"]);
    let task = GalleryFilter { task: Some("image-edit".to_owned()), ..served.clone() };
    assert_eq!(ids(&stage, &task).await, ["server:sim_edit_image"]);
    let unknown = GalleryFilter { category: Some("Imag Tools".to_owned()), ..served };
    let error = stage.factory.gallery(&unknown).await.unwrap_err();
    assert_eq!(error.code(), FailureCode::ValidationError);
    assert_eq!(error.to_string(), "there is no category `Imag Tools`");
    assert_eq!(error.hint(), Some("did you mean `Image Tools`?"));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn inputs_are_found_by_role_with_the_bounds_of_the_server() {
    let stage = Stage::new().await;
    let found = stage.factory.gallery_template("server:sim_text_to_image", None).await.unwrap();
    let mut said = told(&found);
    let edit = stage.factory.gallery_template("server:sim_edit_image", None).await.unwrap();
    said = format!("{said}\n\n{}", told(&edit));
    insta::assert_snapshot!(said);
    assert!(edit.is_runnable(), "{:?}", edit.needs);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_filled_template_runs() {
    let stage = Stage::new().await;
    let id = "pack:comfy-sim-example-pack/one_color";
    let parameters = given([("width", Json::from(64_u64)), ("height", Json::from(32_u64))]);
    let made = stage.factory.fill_gallery_template(id, &parameters, None).await.unwrap();
    assert!(made.needs.is_runnable());
    let workflow: &Workflow = &made.filled.workflow;
    let started = stage.factory.start_workflow(run(&workflow.to_json().to_string())).await.unwrap();
    let waited = stage.factory.wait(&started.job, std::time::Duration::from_secs(30)).await;
    let Waited::Finished(report) = waited.unwrap() else { panic!("it is still running") };
    assert_eq!(report.state, State::Succeeded);
    assert_eq!((report.assets[0].width, report.assets[0].height), (Some(64), Some(32)));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn what_a_server_lacks_is_named() {
    let stage = Stage::new().await;
    let found = stage.factory.gallery_template("server:sim_missing_model", None).await.unwrap();
    assert!(!found.is_runnable());
    let missing = &found.needs.models[0];
    assert_eq!(
        (&*missing.file, missing.folder.as_deref(), missing.url.as_deref()),
        (
            "sim_missing_model.safetensors",
            Some("checkpoints"),
            Some("https://example.com/models/sim_missing_model.safetensors")
        )
    );
    assert_eq!(
        missing.size_bytes,
        Some(4_000_000_000),
        "it is the only one: the index has its size"
    );
    assert!(found.needs.nodes.is_empty() && found.needs.problems.is_empty(), "{:?}", found.needs);
    let found = stage.factory.gallery_template("server:sim_missing_nodes", None).await.unwrap();
    let missing = &found.needs.nodes[0];
    assert_eq!(
        (&*missing.class_type, missing.pack.as_deref()),
        ("SimFancyBlur", Some("sim-fancy-nodes"))
    );
    assert!(found.needs.models.is_empty() && found.needs.problems.is_empty(), "{:?}", found.needs);
    let blueprint = "blueprint:Invert and Scale";
    let found = stage.factory.gallery_template(blueprint, None).await.unwrap();
    assert!(
        !found.is_runnable() && found.needs.problems[0].contains("output"),
        "{:?}",
        found.needs
    );
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn wrong_ids_and_parameters_name_the_nearest() {
    let stage = Stage::new().await;
    let mut said = Vec::new();
    for id in ["server:sim_text_image", "blueprint:Invert", "pack:nope/one_color", "sdxl_txt2im"] {
        let error = stage.factory.gallery_template(id, None).await.unwrap_err();
        assert_eq!(error.code(), FailureCode::TemplateNotFound);
        said.push(format!("{error}\n  {}", error.hint().unwrap()));
    }
    let fox = || Json::from("a fox");
    let wrong = [
        given([]),
        given([("prompt", fox()), ("steps", Json::from(0_u64))]),
        given([("prompt", fox()), ("width", Json::from(1001_u64))]),
        given([("prompt", fox()), ("sampler", Json::from("eular"))]),
        given([("prompt", fox()), ("model", Json::from("tiny-sd15.safetensor"))]),
        given([("promt", fox())]),
    ];
    for parameters in wrong {
        let id = "server:sim_text_to_image";
        let error = stage.factory.fill_gallery_template(id, &parameters, None).await.unwrap_err();
        assert_eq!(error.code(), FailureCode::ValidationError);
        said.push(format!("{error}\n  {}", error.hint().unwrap()));
    }
    let id = "server:sim_edit_image";
    let nowhere = given([("image", Json::from("nowhere.png"))]);
    let error = stage.factory.fill_gallery_template(id, &nowhere, None).await.unwrap_err();
    said.push(format!("{error}\n  {}", error.hint().unwrap()));
    insta::assert_snapshot!(said.join("\n"));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_seed_that_is_not_given_is_random_and_told() {
    let stage = Stage::new().await;
    let id = "server:sim_text_to_image";
    let prompt = given([("prompt", Json::from("a fox"))]);
    let made = stage.factory.fill_gallery_template(id, &prompt, None).await.unwrap();
    let seed = made.filled.parameters.get("seed").and_then(Json::as_u64);
    assert!(seed.is_some() && seed == made.filled.seed);
    let found = stage.factory.gallery_template(id, None).await.unwrap();
    assert_eq!(found.template.parameter("seed").unwrap().kind, ParameterKind::Seed);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_server_without_a_gallery_is_said_plainly() {
    let stage = Stage::offering(Gallery::Absent).await;
    let list = stage.factory.gallery(&GalleryFilter::default()).await.unwrap();
    assert_eq!(list.entries.len(), stage.factory.templates().all().len());
    let error = stage.factory.gallery(&of(GallerySource::Server)).await.unwrap_err();
    assert_eq!(error.code(), FailureCode::TemplateNotFound);
    let asked = stage.factory.gallery_template("server:x", None).await.unwrap_err();
    assert_eq!(asked.to_string(), error.to_string());
    insta::assert_snapshot!(format!("{}\n  {}", list.notes.join("\n"), error.hint().unwrap()));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn lists_are_asked_for_once_and_again_after_a_failure() {
    let stage = Stage::new().await;
    let failing = || Fault::FailRequest {
        path: "/templates/index.json".to_owned(),
        status: 500,
        body: "no".to_owned(),
    };
    stage.sim.script(failing());
    let first = stage.factory.gallery(&GalleryFilter::default()).await.unwrap();
    assert!(first.notes[0].contains("/templates/index.json"), "{:?}", first.notes);
    assert_eq!(ids(&stage, &of(GallerySource::Server)).await.len(), 4);
    // Were it asked again, it would fail now.
    stage.sim.script(failing());
    let served = of(GallerySource::Server);
    let (one, other) = tokio::join!(ids(&stage, &served), ids(&stage, &served));
    assert_eq!((one.len(), other.len()), (4, 4));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn another_server_at_the_address_is_seen_at_once_while_the_socket_stands() {
    let folder = tempfile::tempdir().unwrap();
    let templates = folder.path().join("templates");
    std::fs::create_dir(&templates).unwrap();
    std::fs::write(templates.join("first.json"), r#"{"nodes": []}"#).unwrap();
    let stage = Stage::offering(Gallery::Folder(folder.path().to_owned())).await;
    // A job opens the socket.
    stage.factory.run_workflow(crate::stage::one_color(1)).await.unwrap();
    let served = of(GallerySource::Server);
    assert_eq!(ids(&stage, &served).await, ["server:first"]);
    std::fs::write(templates.join("second.json"), r#"{"nodes": []}"#).unwrap();
    assert_eq!(ids(&stage, &served).await, ["server:first"], "it is kept");
    stage.sim.close_sockets();
    stage.factory.run_workflow(crate::stage::one_color(2)).await.unwrap();
    assert_eq!(ids(&stage, &served).await, ["server:first", "server:second"]);
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn a_server_that_is_away_hides_our_own_templates_from_nobody() {
    let stage = Stage::new().await;
    stage.sim.refuse_connections().await;
    let list = stage.factory.gallery(&GalleryFilter::default()).await.unwrap();
    assert_eq!(list.entries.len(), stage.factory.templates().all().len());
    assert_eq!(list.notes.len(), 1, "{:?}", list.notes);
    let error = stage.factory.gallery(&of(GallerySource::Pack)).await.unwrap_err();
    assert_eq!(error.code(), FailureCode::ComfyuiUnreachable);
    stage.factory.shutdown().await;
}
