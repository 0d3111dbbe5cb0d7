//! How a model is run: every figure with where it comes from, the rules, the files.

use model_registry::{
    Extent, FramesRule, Latent, ModelFile, Negative, SizeRule, Stage, Variant, memory::WeightFiles,
};
use serde_json::{Value, json};
use workflow_graph::Json;

use super::{
    Family, Freshness, find, registry,
    told::{Sources, told},
    variants,
};
use crate::{error::Error, factory::Factory};

/// How a model is run.
///
/// ```
/// # fn of(settings: &mediafactory::models::ModelSettings) {
/// let steps = settings.variants[0].stages[0].steps.as_ref().unwrap();
/// println!("{} steps ({})", steps.value, steps.source.text());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ModelSettings {
    /// The model.
    pub family: &'static Family,
    /// The ways to run it that were meant.
    pub variants: Vec<&'static Variant>,
    /// Whether it is what one would take today.
    pub freshness: Freshness<'static>,
    /// The files of these variants, in the order of the data.
    pub files: Vec<FileState>,
    /// What could not be found out.
    pub notes: Vec<String>,
}

/// A file of a model, and whether a server has it.
///
/// ```
/// # fn of(file: &mediafactory::models::FileState) {
/// if file.installed == Some(false) {
///     println!("put {} into models/{}", file.file.url, file.file.folder);
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FileState {
    /// What is known of it.
    pub file: &'static ModelFile,
    /// Whether a variant that was meant cannot run without it.
    pub needed: bool,
    /// Whether the server has it, where one could be asked.
    pub installed: Option<bool>,
    /// How large it is on the server, in bytes, where the server says so.
    pub bytes: Option<u64>,
}

impl Factory {
    /// How a model is run, by all its variants or one of them, and which of its files a server has:
    /// the first that `backend` stands for, or of all.
    pub async fn model_settings(
        &self,
        name: &str,
        variant: Option<&str>,
        backend: Option<&str>,
    ) -> Result<ModelSettings, Error> {
        let found = find(name)?;
        let variants = variants(&found, variant)?;
        let family = found.family;
        let (inventory, notes) = if family.files.is_empty() {
            (None, Vec::new())
        } else {
            self.files_if_any(backend).await?
        };
        let sizes = inventory.as_ref().map_or_else(WeightFiles::default, |files| files.weights());
        let used =
            |name: &str| variants.iter().any(|variant| variant.files().any(|file| file == name));
        let files = family.files.iter().filter(|file| used(&file.name)).map(|file| FileState {
            file,
            needed: variants.iter().any(|variant| variant.needs().any(|need| need == file.name)),
            installed: inventory.as_ref().map(|has| has.file(&file.folder, &file.name).is_some()),
            bytes: sizes.bytes(&file.folder, &file.name),
        });
        let files = files.collect();
        let freshness = registry()?.freshness(family);
        Ok(ModelSettings { family, variants, freshness, files, notes })
    }
}

impl ModelSettings {
    /// `{model, title, makes, runs, freshness, licence?, …, variants, files, sources, notes}`.
    /// A figure is `{value, source}`, and `sources` says what the sources are.
    pub fn to_json(&self) -> Json {
        let family = self.family;
        let mut sources = Sources::default();
        let licence = super::current::licence(&family.licence);
        if let model_registry::Licence::Known { source, .. } = &family.licence {
            sources.key(source);
        }
        let geometry = family.geometry.as_ref().map(|geometry| {
            json!({"channels": geometry.channels, "spatial": geometry.spatial,
                "temporal": geometry.temporal, "source": sources.key(&geometry.source)})
        });
        let released = sources.word(family.released_by.as_ref(), ToString::to_string);
        let prompt = sources.maybe(family.prompt.as_ref());
        let variants: Vec<Value> =
            self.variants.iter().map(|variant| of_variant(variant, &mut sources)).collect();
        let files: Vec<Value> = self.files.iter().map(|file| of_file(file, &mut sources)).collect();
        let superseded_by = self.freshness.superseded_by.map(|by| by.name.as_str());
        told(json!({
            "model": family.name,
            "title": family.title,
            "makes": family.makes.as_str(),
            "runs": family.runs.as_str(),
            "aliases": family.aliases,
            "note": family.note,
            "prompt": prompt,
            "licence": licence,
            "released_by": released,
            "freshness": {"state": self.freshness.state.as_str(), "reason": self.freshness.reason,
                "superseded_by": superseded_by},
            "latent": geometry,
            "variants": variants,
            "files": files,
            "sources": sources.spelled_out(),
            "notes": self.notes,
        }))
    }
}

fn of_variant(variant: &Variant, sources: &mut Sources) -> Value {
    let stages: Vec<Value> = variant.stages.iter().map(|stage| of_stage(stage, sources)).collect();
    let loras: Vec<Value> = variant
        .loras
        .iter()
        .map(|lora| json!({"file": lora.file, "strength": sources.figure(&lora.strength)}))
        .collect();
    let loads: Vec<Value> = variant
        .loads
        .iter()
        .map(|load| {
            json!({"node": load.node, "files": load.files, "type": load.encoder_type,
                "weight_dtype": load.dtype})
        })
        .collect();
    let switches: Vec<Value> = variant
        .switches
        .iter()
        .map(|switch| json!({"title": switch.title, "on": switch.on}))
        .collect();
    let shift = variant.shift.as_ref();
    let shift =
        shift.map(|shift| json!({"node": shift.node, "amount": sources.figure(&shift.amount)}));
    json!({
        "name": variant.name,
        "tasks": variant.tasks.iter().map(|task| task.as_str()).collect::<Vec<_>>(),
        "template": variant.template,
        "published": variant.published.map(|day| day.to_string()),
        "minimum_version": variant.minimum_version,
        "download_bytes": variant.download_bytes,
        "source": sources.key(&variant.source),
        "encoder_types": given(variant.encoder_types().collect::<Vec<_>>()),
        "stages": given(stages),
        "latent": variant.latent.as_ref().map(|latent| of_latent(latent, sources)),
        "size_rule": variant.size_rule.as_ref().map(|rule| of_size_rule(rule, sources)),
        "frames_rule": variant.frames_rule.as_ref().map(|rule| of_frames_rule(rule, sources)),
        "fps": sources.maybe(variant.fps.as_ref()),
        "shift": shift,
        "guidance": sources.maybe(variant.guidance.as_ref()),
        "negative": sources.word(variant.negative.as_ref(), |negative: &Negative| {
            negative.as_str().to_owned()
        }),
        "advised_steps": sources.range(variant.steps_range.as_ref()),
        "advised_cfg": sources.range(variant.cfg_range.as_ref()),
        "maker_steps": sources.maybe(variant.maker_steps.as_ref()),
        "maker_cfg": sources.maybe(variant.maker_cfg.as_ref()),
        "maker_shift": sources.maybe(variant.maker_shift.as_ref()),
        "loras": given(loras),
        "optional_files": given(variant.optional.clone()),
        "loads": given(loads),
        "reads_prompt": given(variant.encode.clone()),
        "patches": given(variant.patches.clone()),
        "switches": given(switches),
        "service_nodes": given(variant.nodes.clone()),
    })
}

/// A list that has something in it.
fn given<T: Into<Value>>(list: Vec<T>) -> Value {
    if list.is_empty() { Value::Null } else { Value::from(list) }
}

fn of_stage(stage: &Stage, sources: &mut Sources) -> Value {
    json!({
        "node": stage.node,
        "guider": stage.guider,
        "sampler": sources.maybe(stage.sampler.as_ref()),
        "sampler_node": stage.sampler_node,
        "scheduler": sources.maybe(stage.scheduler.as_ref()),
        "scheduler_node": stage.scheduler_node,
        "steps": sources.maybe(stage.steps.as_ref()),
        "cfg": sources.maybe(stage.cfg.as_ref()),
        "second_cfg": sources.maybe(stage.second_cfg.as_ref()),
        "start": sources.maybe(stage.start.as_ref()),
        "end": sources.maybe(stage.end.as_ref()),
        "split": sources.maybe(stage.split.as_ref()),
        "sigmas": given(stage.sigmas.clone()),
    })
}

fn of_latent(latent: &Latent, sources: &mut Sources) -> Value {
    let (size, of_input) = match &latent.extent {
        Some(Extent::Pixels { width, height }) => {
            (json!({"width": width, "height": height}), false)
        }
        Some(Extent::Megapixels { aspect, megapixels }) => {
            (json!({"aspect": aspect, "megapixels": megapixels}), false)
        }
        Some(Extent::Input) => (Value::Null, true),
        Some(_) | None => (Value::Null, false),
    };
    json!({
        "node": latent.node,
        "size": size,
        "as_large_as_its_input": of_input.then_some(true),
        "frames": sources.maybe(latent.frames.as_ref()),
        "as_long_as_its_input": latent.frames_of_input.then_some(true),
        "seconds": sources.maybe(latent.seconds.as_ref()),
        "layers": sources.maybe(latent.layers.as_ref()),
        "resolution": sources.maybe(latent.resolution.as_ref()),
    })
}

fn of_size_rule(rule: &SizeRule, sources: &mut Sources) -> Value {
    json!({"divisor": sources.figure(&rule.divisor), "least": rule.least, "most": rule.most})
}

fn of_frames_rule(rule: &FramesRule, sources: &mut Sources) -> Value {
    json!({"rule": rule.to_string(), "step": sources.figure(&rule.step), "offset": rule.offset,
        "least": rule.least, "most": rule.most})
}

fn of_file(state: &FileState, sources: &mut Sources) -> Value {
    let file = state.file;
    json!({
        "name": file.name,
        "folder": file.folder,
        "url": file.url,
        "other_urls": given(file.other_urls.clone()),
        "sha256": file.sha256,
        "gigabytes": sources.maybe(file.gigabytes.as_ref()),
        "source": sources.key(&file.source),
        "needed": state.needed,
        "installed": state.installed,
        "bytes": state.bytes,
    })
}
