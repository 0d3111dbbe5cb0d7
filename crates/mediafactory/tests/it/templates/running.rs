//! Every template from its parameters to its files, on the simulator.

#![expect(clippy::panic, reason = "what a template does is told with its name")]

use std::{collections::BTreeMap, fs, time::Duration};

use mediafactory::{
    GenerateRequest, JobReport, Json, ParameterKind, State, Template, Templates, Waited,
    models::{Medium, Task},
};

use crate::stage::Stage;

/// What the caller brings, by kind, in the simulator's input folder. It draws nothing from sound
/// or film, so that an empty file will do.
const BROUGHT: &[(ParameterKind, &str)] = &[
    (ParameterKind::Image, "example.png"),
    (ParameterKind::Audio, "example.wav"),
    (ParameterKind::Video, "example.mp4"),
];

async fn stage() -> Stage {
    let stage = Stage::new().await;
    let input = stage.sim.storage().join("input");
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, 64, 48);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&[90; 64 * 48 * 3]).unwrap();
    fs::write(input.join("example.png"), png).unwrap();
    for (_, file) in BROUGHT.iter().filter(|(kind, _)| *kind != ParameterKind::Image) {
        fs::write(input.join(file), []).unwrap();
    }
    stage
}

/// Values that make a run short, where a template has them and takes so little.
const SMALL: &[(&str, f64)] = &[
    ("width", 64.0),
    ("height", 64.0),
    ("megapixels", 0.01),
    ("largest_size", 64.0),
    ("steps", 2.0),
    ("frames", 1.0),
    ("seconds", 1.0),
];

/// Values for what must be given, and for model files that the simulator does not list: of those
/// it gets the first that it lists in their folder.
async fn values(stage: &Stage, template: &Template) -> BTreeMap<String, Json> {
    let mut values = BTreeMap::new();
    for parameter in &template.parameters {
        let name = parameter.name.clone();
        if let Some((_, small)) = SMALL.iter().find(|(small, _)| *small == name) {
            let small = small.max(parameter.minimum.unwrap_or(*small));
            values.insert(name, Json::from(small.to_string()));
        } else if let Some((_, file)) = BROUGHT.iter().find(|(kind, _)| *kind == parameter.kind) {
            values.insert(name, Json::from(*file));
        } else if let Some(folder) = &parameter.folder {
            let files = stage.factory.models(folder, None).await.unwrap().files;
            let default = parameter.default.as_ref().and_then(Json::as_str);
            if !default.is_some_and(|default| files.iter().any(|file| file == default)) {
                values.insert(name, Json::from(files.first().unwrap().as_str()));
            }
        } else if parameter.required && name != "prompt" {
            values.insert(name, Json::from("a fox"));
        }
    }
    values
}

async fn run(stage: &Stage, template: &Template) -> JobReport {
    let name = &template.name;
    let prompt = if template.parameter("prompt").is_some() { "a fox" } else { "" };
    let request = GenerateRequest {
        template: Some(name.clone()),
        parameters: values(stage, template).await,
        ..GenerateRequest::new(prompt)
    };
    let started = stage.factory.start_generate(request).await;
    let started = started.unwrap_or_else(|error| panic!("{name}: {error}"));
    match stage.factory.wait(&started.job, Duration::from_mins(1)).await.unwrap() {
        Waited::Finished(report) => report,
        Waited::StillRunning(_) => panic!("{name}: it does not end"),
    }
}

/// What the files of a task are.
fn media_types(template: &Template) -> &'static [&'static str] {
    match Task::from_word(&template.task).map(Task::makes) {
        Some(Medium::Image) => &["image/png"],
        Some(Medium::Video) => &["video/mp4"],
        Some(Medium::Audio) => &["audio/mpeg"],
        Some(Medium::Model3d) => &["model/gltf-binary", "model/ply"],
        Some(_) | None => &[],
    }
}

#[tokio::test]
async fn every_template_runs_from_its_parameters_to_its_files() {
    let stage = stage().await;
    for template in Templates::own().unwrap().all() {
        let (name, report) = (&template.name, run(&stage, template).await);
        assert_eq!(report.state, State::Succeeded, "{name}: {:?}", report.failure);
        assert!(!report.assets.is_empty(), "{name}: no file came out");
        for asset in &report.assets {
            assert_eq!(asset.origin.seed, report.seed, "{name}");
            let made = &*asset.media_type;
            assert!(media_types(template).contains(&made), "{name}: {made}");
        }
    }
    stage.factory.shutdown().await;
}
