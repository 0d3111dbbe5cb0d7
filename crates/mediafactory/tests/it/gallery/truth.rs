//! Every official workflow: listed, converted, and given its parameters.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests find what is true by the environment, and say when they skip"
)]

use std::{collections::BTreeMap, fs, path::PathBuf};

use comfy_sim::Gallery;
use mediafactory::{GalleryFilter, GallerySource, GalleryTemplate, Json, Parameter, ParameterKind};
use serde_json::{Value, json};

use crate::stage::Stage;

/// The folder with the official workflows, where this machine has it.
fn truth() -> Option<PathBuf> {
    let folder = std::env::var_os("MEDIAFACTORY_GROUND_TRUTH").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: official workflows need MEDIAFACTORY_GROUND_TRUTH");
    }
    folder
}

fn read(path: &std::path::Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A gallery of all files of the corpus, with what the official index says of them.
fn gallery(truth: &std::path::Path) -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let templates = folder.path().join("templates");
    fs::create_dir(&templates).unwrap();
    let mut names = Vec::new();
    for file in fs::read_dir(truth.join("corpus/ui")).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), templates.join(file.file_name())).unwrap();
        let name = file.file_name().into_string().unwrap();
        names.push(name.strip_suffix(".json").unwrap().to_owned());
    }
    names.sort();
    let mut index = read(&truth.join("comfyui/gallery/index.json"));
    for category in index.as_array_mut().unwrap() {
        let items = category["templates"].as_array_mut().unwrap();
        items.retain(|item| names.iter().any(|name| item["name"] == json!(name)));
    }
    fs::write(folder.path().join("index.json"), index.to_string()).unwrap();
    let tasks = truth.join("comfyui/gallery/index.mcp.json");
    fs::copy(tasks, folder.path().join("index.mcp.json")).unwrap();
    (folder, names)
}

/// What a workflow as the front end sends it plainly has, by its classes and inputs.
#[derive(Default)]
struct Plain {
    seed: bool,
    image: bool,
    prompt: bool,
}

impl Plain {
    fn of(prompt: &Value) -> Self {
        let mut plain = Self::default();
        for node in prompt.as_object().unwrap().values() {
            let class = node["class_type"].as_str().unwrap();
            for (name, value) in node["inputs"].as_object().unwrap() {
                plain.seed |= matches!(&**name, "seed" | "noise_seed") && value.is_number();
                let is_text = value.as_str().is_some_and(|text| !text.trim().is_empty());
                plain.image |= class == "LoadImage" && name == "image" && value.is_string();
                plain.prompt |= class == "CLIPTextEncode" && name == "text" && is_text;
            }
        }
        plain
    }
}

fn has(found: &GalleryTemplate, is_meant: impl Fn(&Parameter) -> bool) -> bool {
    found.template.parameters.iter().any(is_meant)
}

/// Something for everything that must be given.
fn required(found: &GalleryTemplate) -> BTreeMap<String, Json> {
    let files = [
        (ParameterKind::Image, "example.png"),
        (ParameterKind::Audio, "example.wav"),
        (ParameterKind::Video, "example.mp4"),
    ];
    let value =
        |kind| files.iter().find(|(known, _)| *known == kind).map_or("a fox", |file| file.1);
    let required = found.template.required();
    required.map(|given| (given.name.clone(), Json::from(value(given.kind)))).collect()
}

/// Everything that is counted over all of them.
#[derive(Debug, Default)]
struct Counts {
    converted: usize,
    runnable: usize,
    bare: Vec<String>,
    lost: Vec<String>,
    parameters: BTreeMap<String, usize>,
    missing_models: usize,
    located: usize,
    classes: usize,
    problems: Vec<String>,
}

impl Counts {
    fn add(&mut self, name: &str, found: &GalleryTemplate, plain: &Plain) {
        let blocks = |finding: &mediafactory::workflows::ConversionNote| finding.blocks;
        self.converted += usize::from(!found.findings.iter().any(blocks));
        self.runnable += usize::from(found.is_runnable());
        for parameter in &found.template.parameters {
            *self.parameters.entry(parameter.name.clone()).or_default() += 1;
        }
        if found.template.parameters.is_empty() {
            self.bare.push(name.to_owned());
        }
        let expected = [
            ("prompt", plain.prompt, has(found, |parameter| parameter.name == "prompt")),
            ("seed", plain.seed, has(found, |parameter| parameter.name == "seed")),
            ("image", plain.image, has(found, |parameter| parameter.name == "image")),
        ];
        for (what, is_there, is_found) in expected {
            if is_there && !is_found {
                self.lost.push(format!("{name}: {what}"));
            }
        }
        self.missing_models += found.needs.models.len();
        let is_located =
            |model: &&mediafactory::MissingModel| model.folder.is_some() && model.url.is_some();
        self.located += found.needs.models.iter().filter(is_located).count();
        self.classes += found.needs.nodes.len();
        let told = found.needs.problems.iter().map(|problem| format!("{name}: {problem}"));
        self.problems.extend(told);
    }
}

#[tokio::test]
async fn every_official_workflow_is_listed_converted_and_given_its_parameters() {
    let Some(truth) = truth() else { return };
    let (folder, names) = gallery(&truth);
    let stage = Stage::offering(Gallery::Folder(folder.path().to_owned())).await;
    let filter = GalleryFilter { source: Some(GallerySource::Server), ..GalleryFilter::default() };
    let list = stage.factory.gallery(&filter).await.unwrap();
    let mut listed: Vec<&str> =
        list.entries.iter().map(|entry| entry.id.strip_prefix("server:").unwrap()).collect();
    listed.sort_unstable();
    assert_eq!(listed, names);
    for file in ["example.png", "example.wav", "example.mp4"] {
        fs::write(stage.sim.storage().join("input").join(file), []).unwrap();
    }
    let rulebook = stage.factory.rulebook().await.unwrap();
    let mut counts = Counts::default();
    for name in &names {
        let found = stage.factory.gallery_template(&format!("server:{name}"), None).await;
        let found = found.unwrap_or_else(|error| panic!("{name}: {error}"));
        let sent = read(&truth.join(format!("corpus/api/{name}.json")));
        counts.add(name, &found, &Plain::of(&sent));
        let filled = found.fill(&required(&found), 7).unwrap_or_else(|error| panic!("{error}"));
        let verdict = rulebook.validate(&filled.workflow.to_json());
        assert!(verdict.valid && verdict.errors.is_empty(), "{name}: {:?}", verdict.errors);
    }
    println!("{} listed: {counts:#?}", names.len());
    assert_eq!(counts.lost, [""; 0], "what the front end sends has it");
    assert_eq!(counts.bare, [""; 0], "nothing can be set");
    // Two show a 3D scene, whose pictures only a front end can draw.
    assert_eq!(counts.converted, names.len() - 2, "{:?}", counts.problems);
    assert_eq!(counts.problems.len(), 2, "{:?}", counts.problems);
    assert_eq!(counts.runnable, counts.converted, "the simulator lists every model of theirs");
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn the_gallery_of_a_real_server_is_listed_and_converted() {
    let Some(url) = std::env::var_os("COMFYUI_URL") else {
        eprintln!("skipped: the gallery of a real server needs COMFYUI_URL");
        return;
    };
    let stage = Stage::with(|config| {
        let url = url.to_str().unwrap().parse().unwrap();
        config.comfyui = Some(mediafactory::config::Backend { url, auth: None });
    })
    .await;
    let all = stage.factory.gallery(&GalleryFilter::default()).await.unwrap();
    println!("{:?}", all.notes);
    for source in [GallerySource::Server, GallerySource::Blueprint, GallerySource::Pack] {
        let entries: Vec<_> = all.entries.iter().filter(|entry| entry.source == source).collect();
        let mut counts = Counts::default();
        let mut unread = Vec::new();
        for entry in &entries {
            match stage.factory.gallery_template(&entry.id, None).await {
                Ok(found) => counts.add(&entry.id, &found, &Plain::default()),
                Err(error) => unread.push(format!("{}: {error}", entry.id)),
            }
        }
        let listed = entries.len();
        println!("{source:?}: {listed} listed, unread {unread:#?}, {counts:#?}");
        assert!(listed == 0 || counts.converted * 10 >= listed * 9, "fewer than nine of ten");
    }
    stage.factory.shutdown().await;
}
