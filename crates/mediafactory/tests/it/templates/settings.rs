//! The figures of templates against those of the registry's variant.

use std::fmt::Debug;

use mediafactory::{Template, Templates};
use model_registry::{Extent, Stage, Variant};

use super::{
    assert_only_known, registry,
    sampling::{self, Sampling, class, number},
    with_variant,
};

/// Where a template is set to something else than its variant, and why.
const ON_PURPOSE: &[(&str, &str)] = &[
    ("ltx23_img2vid: frames is 121.0, not 126.0", "126 is not 1 more than a multiple of 8"),
    ("ltx23_img2vid: height is missing, not 360.0", "half of a picture that has the full size"),
    ("ltx23_img2vid: steps of sampler 1 is missing, not 8.0", "the listed sigmas are the steps"),
    ("ltx23_img2vid: steps of sampler 2 is missing, not 3.0", "the listed sigmas are the steps"),
    ("ltx23_img2vid: width is missing, not 640.0", "half of a picture that has the full size"),
    ("ltx23_txt2vid: frames is 121.0, not 126.0", "126 is not 1 more than a multiple of 8"),
    ("ltx23_txt2vid: height is missing, not 360.0", "half of a picture that has the full size"),
    ("ltx23_txt2vid: steps of sampler 1 is missing, not 8.0", "the listed sigmas are the steps"),
    ("ltx23_txt2vid: steps of sampler 2 is missing, not 3.0", "the listed sigmas are the steps"),
    ("ltx23_txt2vid: width is missing, not 640.0", "half of a picture that has the full size"),
    ("ltx2_img2vid: steps of sampler 2 is missing, not 3.0", "the listed sigmas are the steps"),
    ("ltx2_txt2vid: steps of sampler 2 is missing, not 3.0", "the listed sigmas are the steps"),
    (
        "qwen_edit_background: cfg of sampler 1 is 2.5, not 4.0",
        "a new background needs low guidance",
    ),
    ("sd15_img2img: no EmptyLatentImage", "begins with the encoded picture"),
    ("sdxl_hires_txt2img: 2 samplers, not 1", "the second pass is what the template is for"),
    ("sdxl_img2img: no EmptyLatentImage", "begins with the encoded picture"),
    ("sdxl_inpaint: no EmptyLatentImage", "begins with the encoded picture"),
    ("sdxl_outpaint: no EmptyLatentImage", "begins with the encoded picture"),
    (
        "stable_audio_3_txt2audio: CLIPLoader does not load qwen3.5_2b_bf16.safetensors",
        "the prompt is not rewritten by a language model",
    ),
    (
        "stable_audio_open_txt2audio: cfg of sampler 1 is 5.0, not 4.98",
        "4.98 is not on the step of the input",
    ),
    ("triposplat_img2splat: fps is missing, not 25.0", "the splat is saved, not a film around it"),
    (
        "wan22_txt2vid: end of sampler 2 is 10000.0, not 20.0",
        "to the last step, however many there are",
    ),
    (
        "wan26_img2vid: end of sampler 2 is 10000.0, not 20.0",
        "to the last step, however many there are",
    ),
];

/// What differs, in the template's order.
#[derive(Default)]
struct Differences {
    name: String,
    found: Vec<String>,
}

impl Differences {
    fn say(&mut self, what: &str) {
        self.found.push(format!("{}: {what}", self.name));
    }

    /// Holds a value against the registry's, where the registry has one.
    fn compare<T: PartialEq + Debug>(&mut self, what: &str, ours: Option<T>, theirs: Option<T>) {
        if let Some(theirs) = theirs
            && ours.as_ref() != Some(&theirs)
        {
            let ours = ours.map_or_else(|| "missing".to_owned(), |ours| format!("{ours:?}"));
            self.say(&format!("{what} is {ours}, not {theirs:?}"));
        }
    }
}

#[test]
fn figures_are_those_of_the_variant() {
    let (templates, registry) = (Templates::own().unwrap(), registry());
    let mut found = Vec::new();
    for (template, _, variant) in with_variant(&templates, &registry) {
        let mut differences = Differences { name: template.name.clone(), found: Vec::new() };
        stages(&mut differences, template, variant);
        conditioning(&mut differences, template, variant);
        latent(&mut differences, template, variant);
        loads(&mut differences, template, variant);
        found.append(&mut differences.found);
    }
    found.sort();
    assert_only_known(&found, ON_PURPOSE);
}

fn stages(differences: &mut Differences, template: &Template, variant: &Variant) {
    let ours = sampling::all(template.workflow());
    if ours.len() != variant.stages.len() {
        let (ours, theirs) = (ours.len(), variant.stages.len());
        differences.say(&format!("{ours} samplers, not {theirs}"));
    }
    for (index, (ours, theirs)) in ours.iter().zip(&variant.stages).enumerate() {
        stage(differences, index + 1, ours, theirs);
    }
}

fn stage(differences: &mut Differences, place: usize, ours: &Sampling, theirs: &Stage) {
    let what = |figure: &str| format!("{figure} of sampler {place}");
    let words = [
        ("class", Some(ours.node.clone()), Some(theirs.node.clone())),
        ("guider", ours.guider.clone(), theirs.guider.clone()),
        ("algorithm", ours.sampler.clone(), theirs.sampler.as_ref().map(|it| it.value.clone())),
        ("algorithm's node", ours.sampler_node.clone(), theirs.sampler_node.clone()),
        ("scheduler", ours.scheduler.clone(), theirs.scheduler.as_ref().map(|it| it.value.clone())),
        ("scheduler's node", ours.scheduler_node.clone(), theirs.scheduler_node.clone()),
    ];
    for (figure, ours, theirs) in words {
        differences.compare(&what(figure), ours, theirs);
    }
    let numbers = [
        ("steps", ours.steps, theirs.steps.as_ref().map(|it| f64::from(it.value))),
        ("cfg", ours.cfg, theirs.cfg.as_ref().map(|it| it.value)),
        ("second cfg", ours.second_cfg, theirs.second_cfg.as_ref().map(|it| it.value)),
        ("start", ours.start, theirs.start.as_ref().map(|it| f64::from(it.value))),
        ("end", ours.end, theirs.end.as_ref().map(|it| f64::from(it.value))),
    ];
    for (figure, ours, theirs) in numbers {
        differences.compare(&what(figure), ours, theirs);
    }
}

/// Shift, guidance, and patches of the model.
fn conditioning(differences: &mut Differences, template: &Template, variant: &Variant) {
    if let Some(shift) = &variant.shift {
        let ours = first_number(template, &shift.node, &["shift"]);
        differences.compare("shift", ours, Some(shift.amount.value));
    }
    if let Some(guidance) = &variant.guidance {
        let ours = first_number(template, "FluxGuidance", &["guidance"]);
        differences.compare("guidance", ours, Some(guidance.value));
    }
    if let Some(fps) = &variant.fps {
        let ours = template.workflow().nodes().find_map(|(id, _)| {
            ["fps", "frame_rate"]
                .iter()
                .find_map(|input| number(template.workflow(), id.as_str(), input))
        });
        differences.compare("fps", ours, Some(fps.value));
    }
    for patch in &variant.patches {
        if nodes_of(template, patch).is_empty() {
            differences.say(&format!("no {patch}"));
        }
    }
}

/// 2²⁰ pixels, as `ResolutionSelector` counts a megapixel.
const MEGAPIXEL: f64 = 1_048_576.0;

fn latent(differences: &mut Differences, template: &Template, variant: &Variant) {
    let Some(latent) = &variant.latent else { return };
    if nodes_of(template, &latent.node).is_empty() {
        return differences.say(&format!("no {}", latent.node));
    }
    let side = |name: &str| first_number(template, &latent.node, &[name]);
    match &latent.extent {
        Some(Extent::Pixels { width, height }) => {
            differences.compare("width", side("width"), Some(f64::from(*width)));
            differences.compare("height", side("height"), Some(f64::from(*height)));
        }
        Some(Extent::Megapixels { aspect, megapixels }) if aspect == "1:1" => {
            let length = (megapixels * MEGAPIXEL).sqrt();
            differences.compare("width", side("width"), Some(length));
            differences.compare("height", side("height"), Some(length));
        }
        _ => {}
    }
    let frames = latent.frames.as_ref().map(|frames| f64::from(frames.value));
    let ours = first_number(template, &latent.node, &["length", "frames"]);
    differences.compare("frames", ours, frames);
    let layers = latent.layers.as_ref().map(|layers| f64::from(layers.value));
    differences.compare("layers", side("layers"), layers);
}

/// Which nodes load which files, and as what.
fn loads(differences: &mut Differences, template: &Template, variant: &Variant) {
    for load in &variant.loads {
        let texts = |node: &str| -> Vec<String> {
            let node = template.workflow().node(&node.parse().unwrap()).unwrap();
            node.inputs()
                .filter_map(|(_, value)| value.to_json().as_str().map(str::to_owned))
                .collect()
        };
        let wanted = load.files.iter().chain(&load.encoder_type).chain(&load.dtype);
        let is_loaded = nodes_of(template, &load.node)
            .iter()
            .any(|node| wanted.clone().all(|word| texts(node).contains(word)));
        if !is_loaded {
            differences.say(&format!("{} does not load {}", load.node, load.files.join(" and ")));
        }
    }
}

fn nodes_of(template: &Template, wanted: &str) -> Vec<String> {
    let workflow = template.workflow();
    let ids = workflow.nodes().map(|(id, _)| id.as_str().to_owned());
    ids.filter(|id| class(workflow, id) == wanted).collect()
}

fn first_number(template: &Template, class: &str, inputs: &[&str]) -> Option<f64> {
    let nodes = nodes_of(template, class);
    let pairs = nodes.iter().flat_map(|node| inputs.iter().map(move |input| (node, input)));
    pairs.into_iter().find_map(|(node, input)| number(template.workflow(), node, input))
}

/// Templates that run on an older ComfyUI than the official template of their variant, and why.
const OLDER: &[(&str, &str)] = &[
    ("wan22_txt2vid: 0.3.46, not 0.16.4", "as the 5B; the official one has switches besides"),
    ("wan26_img2vid: 0.3.46, not 0.16.4", "as the 5B; the official one has switches besides"),
];

#[test]
fn no_template_promises_an_older_comfyui_than_its_variant() {
    let (templates, registry) = (Templates::own().unwrap(), registry());
    let parts =
        |text: &str| -> Vec<u32> { text.split('.').map(|part| part.parse().unwrap()).collect() };
    let mut older = Vec::new();
    for (template, _, variant) in with_variant(&templates, &registry) {
        let Some(least) = &variant.minimum_version else { continue };
        if parts(&template.minimum_version) < parts(least) {
            older.push(format!("{}: {}, not {least}", template.name, template.minimum_version));
        }
    }
    assert_only_known(&older, OLDER);
}
