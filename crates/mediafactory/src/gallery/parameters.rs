//! The parameters of a workflow that nobody described: found by what its inputs are for.

use std::collections::HashMap;

use workflow_graph::{
    Json, Node, Workflow,
    catalog::NodeCatalog,
    roles::{Found, ModelKind, Role, Roles},
};

use super::{bounds::Bounds, needs::Declared};
use crate::templates::{MODEL_PARAMETER, Parameter, ParameterKind, Target};

/// The most parameters of one workflow. The largest official one has a third of it; beyond that
/// nobody reads them.
const PARAMETERS_MAX: usize = 200;

/// How much of a value a description repeats.
const SHOWN_CHARACTERS_MAX: usize = 160;

/// Seeds that are chosen at random are below this; an input that takes fewer is a plain integer.
const SEEDS_BELOW: f64 = 9_007_199_254_740_992.0;

/// Files that the caller brings.
const FILES: [(Role, ParameterKind); 3] = [
    (Role::Image, ParameterKind::Image),
    (Role::Video, ParameterKind::Video),
    (Role::Audio, ParameterKind::Audio),
];

/// Parameters that our own templates call otherwise than their role.
const RENAMED: [(Role, &str); 6] = [
    (Role::PositivePrompt, "prompt"),
    (Role::FrameRate, "fps"),
    (Role::Model(ModelKind::Checkpoint), MODEL_PARAMETER),
    (Role::Model(ModelKind::Diffusion), MODEL_PARAMETER),
    (Role::Model(ModelKind::Service), MODEL_PARAMETER),
    (Role::Model(ModelKind::Upscaler), "upscale_model"),
];

/// What is told of a parameter.
const MEANINGS: [(Role, &str); 21] = [
    (Role::PositivePrompt, "What is wanted"),
    (Role::NegativePrompt, "What is not wanted"),
    (Role::Seed, "Where chance starts"),
    (Role::Steps, "Sampling steps"),
    (Role::Cfg, "Scale of classifier-free guidance"),
    (Role::Guidance, "Guidance that is part of the conditioning"),
    (Role::Denoise, "How much is replaced by noise, from 0 to 1"),
    (Role::Sampler, "Sampling algorithm"),
    (Role::Scheduler, "Schedule of noise"),
    (Role::Width, "Width in pixels"),
    (Role::Height, "Height in pixels"),
    (Role::Resolution, "Size"),
    (Role::Frames, "Number of frames"),
    (Role::Duration, "Length in seconds"),
    (Role::FrameRate, "Frames a second"),
    (Role::BatchSize, "How many at once"),
    (Role::Model(ModelKind::Service), "Model of the service"),
    (Role::Image, "Picture in the server's input folder"),
    (Role::Video, "Video in the server's input folder"),
    (Role::Audio, "Sound in the server's input folder"),
    (Role::Mesh, "3D model in the server's input folder"),
];

/// A value whose role is known, before it has its final name.
struct Draft<'a> {
    word: String,
    found: &'a Found,
    bounds: Bounds,
    folder: Option<String>,
    targets: Vec<Target>,
}

/// Every input whose role is known, in the order of `roles`. Places of one role that hold the same
/// value are one parameter: steps that two samplers share, a size that is written twice. Further
/// values of a role are numbered from 2.
pub(super) fn of(
    workflow: &Workflow,
    roles: &Roles,
    catalog: &NodeCatalog,
    models: &[Declared],
) -> Vec<Parameter> {
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    for found in roles.found() {
        let Some(draft) = draft(workflow, catalog, found, models) else { continue };
        let place = drafts.iter().position(|earlier| earlier.is_same(&draft));
        let same = place.and_then(|place| drafts.get_mut(place));
        if let Some(same) = same {
            same.bounds.narrow(&draft.bounds);
            same.targets.extend(draft.targets);
        } else if drafts.len() < PARAMETERS_MAX {
            drafts.push(draft);
        }
    }
    let mut counts: HashMap<String, usize> = HashMap::new();
    let named = drafts.into_iter().map(|draft| {
        let count = counts.entry(draft.word.clone()).or_default();
        *count += 1;
        draft.named(*count, workflow)
    });
    named.collect()
}

fn draft<'a>(
    workflow: &Workflow,
    catalog: &NodeCatalog,
    found: &'a Found,
    models: &[Declared],
) -> Option<Draft<'a>> {
    let word = word(found)?;
    let (id, node) = (&found.node, workflow.node(&found.node)?);
    let mut folder = None;
    let mut bounds = Bounds::of(catalog, workflow, (id, node), &found.input)?;
    let plain = Bounds::of_kind;
    if let Some((_, kind)) = FILES.iter().find(|(role, _)| *role == found.role) {
        bounds = plain(*kind);
    } else if found.role == Role::Seed && takes_any_seed(&bounds) {
        bounds = plain(ParameterKind::Seed);
    } else if let Role::Model(kind) = found.role {
        folder = folder_of(found, kind, node, models);
        bounds = if folder.is_some() { plain(ParameterKind::Model) } else { bounds };
    }
    let targets = vec![Target { node: id.clone(), input: found.input.clone() }];
    Some(Draft { word, found, bounds, folder, targets })
}

fn takes_any_seed(bounds: &Bounds) -> bool {
    bounds.kind == ParameterKind::Integer
        && bounds.maximum.is_none_or(|maximum| maximum >= SEEDS_BELOW)
        && bounds.minimum.is_none_or(|minimum| minimum <= 0.0)
}

/// The folder that the workflow names for the file, or else the one for such models.
fn folder_of(found: &Found, kind: ModelKind, node: &Node, models: &[Declared]) -> Option<String> {
    let file = found.value.as_str()?;
    let declared = models.iter().find(|model| model.is(file)).and_then(|model| model.folder());
    declared.or_else(|| usual_folder(kind, node)).map(str::to_owned)
}

/// Where such models usually lie.
pub(super) fn usual_folder(kind: ModelKind, node: &Node) -> Option<&'static str> {
    let is_of_latents = node.class_type().as_str().contains("Latent");
    if kind == ModelKind::Upscaler && is_of_latents {
        return Some("latent_upscale_models");
    }
    kind.folder()
}

impl Draft<'_> {
    fn is_same(&self, other: &Self) -> bool {
        let same_role = self.word == other.word && self.found.computed == other.found.computed;
        let same_values =
            self.bounds.kind == other.bounds.kind && self.bounds.choices == other.bounds.choices;
        same_role && same_values && self.found.value == other.found.value
    }

    fn named(self, count: usize, workflow: &Workflow) -> Parameter {
        let Self { word, found, bounds, folder, targets } = self;
        let value = &found.value;
        let is_prompt = found.role == Role::PositivePrompt && count == 1;
        let is_told = value.as_str().is_some_and(|text| !text.trim().is_empty());
        let required = bounds.kind.is_file() || (is_prompt && is_told);
        let is_random = bounds.kind == ParameterKind::Seed && count == 1;
        let description = described(found, required, workflow);
        let (multiple_of, offset) = bounds.unit.unzip();
        Parameter {
            name: if count == 1 { word } else { format!("{word}_{count}") },
            kind: bounds.kind,
            description,
            required,
            default: (!required && !is_random).then(|| value.clone()),
            minimum: bounds.minimum,
            maximum: bounds.maximum,
            multiple_of,
            offset: offset.unwrap_or(0),
            folder,
            choices: bounds.choices,
            targets,
        }
    }
}

/// The name of a parameter by its role, as our own templates name theirs.
fn word(found: &Found) -> Option<String> {
    let renamed = RENAMED.iter().find(|(role, _)| *role == found.role).map(|(_, word)| *word);
    let word = match (found.role, found.input.rsplit('.').next()) {
        // The names of files at the server are ours to choose.
        (Role::OutputName, _) => return None,
        // Megapixels are no aspect ratio, but nodes that only hold a value say no more.
        (Role::Resolution, Some(name)) if name != "value" => name,
        (role, _) => renamed.unwrap_or(role.as_str()),
    };
    // Seconds that frames are computed from are no frames.
    Some(if found.computed { format!("{word}_from") } else { word.to_owned() })
}

fn described(found: &Found, required: bool, workflow: &Workflow) -> String {
    let node = workflow.node(&found.node);
    let called = node.map(|node| node.title().unwrap_or(node.class_type().as_str()));
    let at = format!("at node {}, {}", found.node, shown(called.unwrap_or_default()));
    let what = meaning(found.role);
    let from = if found.computed { "What it is computed from: " } else { "" };
    match found.value.as_str().filter(|_| required) {
        Some(own) => format!("{from}{what}, {at}; made with: {}", shown(own)),
        None => format!("{from}{what}, {at}"),
    }
}

fn meaning(role: Role) -> &'static str {
    let meant = MEANINGS.iter().find(|(known, _)| *known == role).map(|(_, words)| *words);
    let is_model = matches!(role, Role::Model(_));
    meant.unwrap_or(if is_model { "Model file, as the server lists it" } else { "Value" })
}

fn shown(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// The text that a value is, for places that only know its parameter.
pub(super) fn text_of<'a>(workflow: &'a Workflow, target: &Target) -> Option<&'a str> {
    workflow.node(&target.node)?.input(&target.input)?.as_literal().and_then(Json::as_str)
}
