//! How much memory a workflow needs, on a server or on a card that somebody thinks of.

use std::collections::BTreeSet;

use model_registry::memory::{
    Basis, Device, Estimate, LatentShape, MemoryError, ModelMemory, Report, StageMemory,
    Suggestion, Verdict, WeightFiles,
};
use serde_json::{Value, json};
use workflow_graph::Json;

use super::{Family, Measured, Variant, headers, registry, told::told};
use crate::{
    error::Error,
    factory::Factory,
    failure,
    servers::Server,
    workflows::{self, Found},
};

/// 2³⁰ bytes, which cards are sold by.
const GIB: f64 = 1_073_741_824.0;

/// More than any machine has, in GiB.
const VRAM_GB_MAX: f64 = 65_536.0;

/// The memory that is asked about: that of a server, or another amount.
///
/// ```
/// use mediafactory::models::OnDevice;
/// let rented = OnDevice { total_vram_gb: Some(24.0), ..OnDevice::default() };
/// assert!(rented.backend.is_none());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OnDevice {
    /// The server whose device and files are meant, by name or tag; the first when not given.
    pub backend: Option<String>,
    /// All memory of the device, in GiB, instead of what the server says. Without a `backend` it is
    /// that of an NVIDIA card under Linux.
    pub total_vram_gb: Option<f64>,
    /// What is free of it, in GiB, instead of what the server says, or all of a given total.
    pub free_vram_gb: Option<f64>,
}

/// What memory is needed, stage by stage, and whether it is there. It is computed; what was seen in
/// use while such jobs ran stands beside it and changes no number of it.
///
/// ```
/// # fn of(answer: &mediafactory::models::MemoryAnswer) {
/// if answer.fails() {
///     println!("{}", answer.summary());
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryAnswer {
    /// The estimate.
    pub estimate: Estimate,
    /// What it was made for.
    pub device: Device,
    /// The model and the way to run it, where no workflow was given.
    pub model: Option<(&'static Family, &'static Variant)>,
    /// What was seen in use while such jobs ran at the server that is asked about; `None` where none
    /// was looked at, and for a card that somebody thinks of.
    pub measured: Option<Measured>,
    /// What was chosen for the caller, and what could not be found out.
    pub notes: Vec<String>,
}

impl OnDevice {
    /// Whether a server is meant, and not a card that somebody thinks of.
    pub(super) fn is_a_server(&self) -> bool {
        self.total_vram_gb.is_none() || self.backend.is_some()
    }
}

impl Factory {
    /// How much memory a workflow of either format needs. What files hold is what their headers say
    /// where the server's `models` folder can be read; else their sizes are those that the server
    /// tells, or those of the data. What none of these knows is told as unknown, and then there is no
    /// promise.
    pub async fn estimate_vram(
        &self,
        workflow: Json,
        on: &OnDevice,
    ) -> Result<MemoryAnswer, Error> {
        let server = self.asked(on.backend.as_deref())?;
        let mut notes = Vec::new();
        let json = match workflows::recognize(workflow)? {
            Found { api: Some(api), .. } => api,
            Found { api: None, ui } => {
                let converted = server.rulebook().await?.convert(ui.unwrap_or_default())?;
                notes.extend(converted.findings.into_iter().map(|finding| finding.message));
                converted.workflow
            }
        };
        let workflow = workflows::api(&json)?;
        let device = device(server, on).await?;
        let names: BTreeSet<&str> = workflow
            .nodes()
            .flat_map(|(_, node)| node.inputs())
            .filter_map(|(_, input)| input.as_literal()?.as_str())
            .collect();
        let files = self.sizes(on, &|file| names.contains(file), &mut notes).await?;
        let registry = registry()?;
        let estimate = registry.estimate(&workflow, &device, &files);
        let measured = if on.is_a_server() {
            let past = self.past(on.backend.as_deref(), &mut notes).await?;
            past.of_workload(&registry.workload(&workflow))
        } else {
            None
        };
        Ok(MemoryAnswer { estimate, device, model: None, measured, notes })
    }

    /// What is known of the files of a server, which may be nothing. The headers of those that are
    /// to be loaded are read, where that is possible.
    pub(super) async fn sizes(
        &self,
        on: &OnDevice,
        is_loaded: &(dyn Fn(&str) -> bool + Sync),
        notes: &mut Vec<String>,
    ) -> Result<WeightFiles, Error> {
        let (files, unknown) = self.files_if_any(on.backend.as_deref()).await?;
        notes.extend(unknown);
        let Some(files) = files else { return Ok(WeightFiles::default()) };
        let mut weights = files.weights();
        if let Some(root) = &self.asked(on.backend.as_deref())?.models_dir {
            let loaded = files.all().filter(|(_, file)| is_loaded(&file.name));
            let loaded = loaded.map(|(folder, file)| (folder.to_owned(), file.name.clone()));
            headers::read(root.clone(), loaded.collect(), &mut weights, notes).await?;
        }
        Ok(weights)
    }
}

/// The device that is meant.
pub(super) async fn device(server: &Server, on: &OnDevice) -> Result<Device, Error> {
    let total = on.total_vram_gb.map(|gb| bytes("total_vram_gb", gb)).transpose()?;
    let free = on.free_vram_gb.map(|gb| bytes("free_vram_gb", gb)).transpose()?;
    let device = match (total, &on.backend) {
        (Some(total), None) => of_size(total)?,
        (total, _) => of_server(server, total).await?,
    };
    let Some(free) = free else { return Ok(device) };
    let report = Report { vram_total: free, vram_free: free, ..Report::new("linux", "cuda", "") };
    let free = Device::new(&report, &[]).map_err(impossible)?.total();
    if free > device.total() {
        let message = format!(
            "`free_vram_gb` is {}, but the device has {} in all",
            in_gib(free),
            in_gib(device.total())
        );
        return Err(failure::argument(message));
    }
    Ok(device.with_free(free))
}

/// A card that somebody thinks of, with so many bytes, all of them free.
pub(super) fn card(bytes: u64) -> Result<Device, Error> {
    of_size(workflow_graph::Json::from(bytes).as_f64().unwrap_or_default())
}

fn of_size(bytes: f64) -> Result<Device, Error> {
    let card = Report::new("linux", "cuda", "NVIDIA card");
    let card = Report { vram_total: bytes, vram_free: bytes, ..card };
    Device::new(&card, &[]).map_err(impossible)
}

/// The first device of a server, with other memory where that was asked for.
async fn of_server(server: &Server, total: Option<f64>) -> Result<Device, Error> {
    let stats = server.client.system_stats().await.map_err(failure::client)?;
    let first = stats.raw.get("devices").and_then(Json::as_array).and_then(<[Json]>::first);
    let Some(first) = first else {
        let message = format!("{} says nothing of its devices", server.name);
        return Err(failure::argument(message).with_hint(GIVE_A_TOTAL));
    };
    let text = |name| first.get(name).and_then(Json::as_str).unwrap_or_default();
    let bytes = |name| first.get(name).and_then(Json::as_f64).unwrap_or_default();
    let report = Report::new(stats.os.as_deref().unwrap_or_default(), text("type"), text("name"));
    let report = match total {
        Some(total) => Report { vram_total: total, vram_free: total, ..report },
        None => Report {
            vram_total: bytes("vram_total"),
            vram_free: bytes("vram_free"),
            torch_vram_total: bytes("torch_vram_total"),
            torch_vram_free: bytes("torch_vram_free"),
            ..report
        },
    };
    let argv: Vec<&str> = stats.argv.iter().map(String::as_str).collect();
    Device::new(&report, &argv).map_err(|error| {
        let message = format!("the device of {} cannot be computed with: {error}", server.name);
        failure::argument(message).with_hint(GIVE_A_TOTAL).with_source(error)
    })
}

const GIVE_A_TOTAL: &str = "give `total_vram_gb` to ask about a card of that size";

fn bytes(name: &str, gib: f64) -> Result<f64, Error> {
    if gib.is_finite() && gib > 0.0 && gib <= VRAM_GB_MAX {
        return Ok(gib * GIB);
    }
    let message =
        format!("`{name}` is {gib}, but memory is a number of GiB from 0 to {VRAM_GB_MAX}");
    Err(failure::argument(message).with_hint("a card with 24 GB is 24"))
}

fn impossible(error: MemoryError) -> Error {
    failure::argument(error.to_string()).with_source(error)
}

/// An amount for people, in tenths of a GiB.
pub(crate) fn in_gib(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10).saturating_add(1 << 29) >> 30;
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

impl MemoryAnswer {
    /// It in a few lines.
    pub fn summary(&self) -> String {
        let (estimate, device) = (&self.estimate, &self.device);
        let what = match (&self.model, estimate.verdict()) {
            (Some((family, variant)), verdict) => {
                format!("{}/{}: {}", family.name, variant.name, verdict.as_str())
            }
            (None, verdict) => verdict.as_str().to_owned(),
        };
        let mut lines = vec![format!(
            "{what} on {} with {} of {} free",
            device.name(),
            in_gib(device.free()),
            in_gib(device.total())
        )];
        if let Some(needs) = estimate.needs() {
            let (fully, at_all) = (in_gib(needs.fully), in_gib(needs.at_all));
            lines.push(format!(
                "needs {fully} for all weights to be loaded, {at_all} to run at all"
            ));
        }
        lines.extend(estimate.stages.iter().map(|stage| {
            let node =
                stage.node.as_ref().map(|node| format!(" (node {node})")).unwrap_or_default();
            let total = stage.total.map_or("unknown".to_owned(), in_gib);
            format!("- {}{node}: {total}, {}", stage.kind.as_str(), stage.reason)
        }));
        lines.extend(self.measured.as_ref().map(|measured| format!("- measured: {measured}")));
        let suggestions = estimate.suggestions.iter();
        lines.extend(suggestions.map(|suggestion| format!("- suggestion: {}", suggestion.told)));
        lines.extend(estimate.unknown.iter().map(|what| format!("- not known: {what}")));
        lines.extend(self.notes.iter().map(|note| format!("- note: {note}")));
        lines.join("\n")
    }

    /// `{verdict, model?, variant?, device, needs?, peak?, measured?, stages, suggestions, assumptions,
    /// unknown, notes}`; all amounts in bytes.
    pub fn to_json(&self) -> Json {
        let (estimate, device) = (&self.estimate, &self.device);
        let needs = estimate.needs();
        let peak = estimate.peak();
        told(json!({
            "verdict": estimate.verdict().as_str(),
            "model": self.model.map(|(family, _)| family.name.as_str()),
            "variant": self.model.map(|(_, variant)| variant.name.as_str()),
            "device": {
                "name": device.name(),
                "total_bytes": device.total(),
                "free_bytes": device.free(),
                "reserve_bytes": device.reserve(),
                "computes_fp8": device.computes_fp8(),
            },
            "needs": needs.map(|needs| json!({"fully_bytes": needs.fully, "at_all_bytes": needs.at_all})),
            "peak": peak.map(|peak| json!({"stage": peak.kind.as_str(), "total_bytes": peak.total})),
            "measured": self.measured.as_ref().map(Measured::told),
            "offloaded_bytes": estimate.offloaded(),
            "stages": estimate.stages.iter().map(of_stage).collect::<Vec<_>>(),
            "suggestions": estimate.suggestions.iter().map(of_suggestion).collect::<Vec<_>>(),
            "assumptions": estimate.assumptions,
            "unknown": estimate.unknown,
            "notes": self.notes,
        }))
    }

    /// Whether it runs out of memory, as far as that can be computed.
    pub fn fails(&self) -> bool {
        self.estimate.verdict() == Verdict::Fails
    }
}

fn of_stage(stage: &StageMemory) -> Value {
    let activations = stage.activations.as_ref();
    json!({
        "stage": stage.kind.as_str(),
        "node": stage.node.as_ref().map(ToString::to_string),
        "verdict": stage.verdict.as_str(),
        "reason": stage.reason,
        "models": stage.models.iter().map(of_model).collect::<Vec<_>>(),
        "latent": stage.latent.as_ref().map(LatentShape::to_string),
        "weights_bytes": stage.weights,
        "activations_bytes": activations.map(|activations| {
            json!({"minimum": activations.minimum, "preferred": activations.preferred})
        }),
        "reserve_bytes": stage.reserve,
        "total_bytes": stage.total,
        "offloaded_bytes": stage.offloaded,
    })
}

fn of_model(model: &ModelMemory) -> Value {
    json!({
        "folder": model.folder,
        "file": model.file,
        "family": model.family,
        "bytes": model.bytes,
        "known_by": basis(model.basis),
    })
}

fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Header => "header",
        Basis::Size => "size of the file",
        Basis::Data => "data",
        Basis::DownloadTotal => "download total",
        Basis::Unknown | _ => "nothing",
    }
}

fn of_suggestion(suggestion: &Suggestion) -> Value {
    json!({
        "told": suggestion.told,
        "verdict": suggestion.verdict.as_str(),
        "offloaded_bytes": suggestion.offloaded,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_that_no_card_has_are_refused() {
        for wrong in [-1.0, 0.0, f64::NAN, f64::INFINITY, 1e9] {
            let error = bytes("total_vram_gb", wrong).unwrap_err();
            assert!(error.to_string().starts_with("`total_vram_gb` is "), "{error}");
        }
        assert!(bytes("total_vram_gb", 24.0).is_ok());
        assert_eq!((in_gib(3 << 29), in_gib((1 << 30) - 1)), ("1.5 GiB".into(), "1.0 GiB".into()));
    }
}
