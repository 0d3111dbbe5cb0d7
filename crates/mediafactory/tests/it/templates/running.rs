//! Every template from its parameters to its files, on the simulator.

#![expect(clippy::panic, reason = "what a template does is told with its name")]

use std::{collections::BTreeMap, fs, time::Duration};

use mediafactory::{
    GenerateRequest, JobReport, Json, ParameterKind, State, Template, Templates, Waited,
};

use crate::stage::Stage;

/// What the simulator refuses to run, or does not have, and why; and the templates that therefore
/// end there.
const REFUSED: &[(&str, &str, &[&str])] = &[
    ("JoinImageWithAlpha", "its pictures have no transparency", &["seedvr2_upscale"]),
    (
        "LTXVAudioVAEDecode",
        "silence would be taken for the sound of the model",
        &["ltx23_img2vid", "ltx23_txt2vid", "ltx2_img2vid", "ltx2_txt2vid"],
    ),
    ("LoadVideo", "it reads no film", &["seedvr2_video_upscale"]),
    (
        "VAEDecodeAudio",
        "silence would be taken for the sound of the model",
        &[
            "ace_step_15_txt2music",
            "ace_step_txt2music",
            "stable_audio_3_txt2audio",
            "stable_audio_open_txt2audio",
        ],
    ),
];

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

/// Runs a template; the error is the file that it loads and that the server lacks.
async fn run(stage: &Stage, template: &Template) -> Result<JobReport, String> {
    let prompt = if template.parameter("prompt").is_some() { "a fox" } else { "" };
    let request = GenerateRequest {
        template: Some(template.name.clone()),
        parameters: values(stage, template).await,
        ..GenerateRequest::new(prompt)
    };
    let started = match stage.factory.start_generate(request).await {
        Ok(started) => started,
        Err(error) => {
            let lacks = format!("the server lacks what template `{}` loads: ", template.name);
            let text = error.to_string();
            return Err(text.strip_prefix(&lacks).unwrap_or_else(|| panic!("{text}")).to_owned());
        }
    };
    match stage.factory.wait(&started.job, Duration::from_mins(1)).await.unwrap() {
        Waited::Finished(report) => Ok(report),
        Waited::StillRunning(_) => panic!("{}: it does not end", template.name),
    }
}

#[tokio::test]
async fn every_template_runs_from_its_parameters_to_its_files() {
    let stage = stage().await;
    let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for template in Templates::own().unwrap().all() {
        let report = match run(&stage, template).await {
            Ok(report) => report,
            Err(lacks) => {
                refused.entry(lacks).or_default().push(template.name.clone());
                continue;
            }
        };
        if report.state == State::Succeeded {
            assert!(!report.assets.is_empty(), "{}: no file came out", template.name);
            let origin = &report.assets[0].origin;
            assert_eq!(origin.seed, report.seed, "{}", template.name);
            continue;
        }
        let failure = report.failure.unwrap();
        let class =
            failure.class_type.unwrap_or_else(|| panic!("{}: {}", template.name, failure.message));
        refused.entry(class).or_default().push(template.name.clone());
    }
    for names in refused.values_mut() {
        names.sort();
    }
    let known: BTreeMap<String, Vec<String>> = REFUSED
        .iter()
        .map(|(what, _, names)| {
            ((*what).to_owned(), names.iter().map(|name| (*name).to_owned()).collect())
        })
        .collect();
    assert_eq!(refused, known);
    stage.factory.shutdown().await;
}
