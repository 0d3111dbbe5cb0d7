//! What memory past jobs were seen to use.

use std::fmt;

use batch::{MemoryPeak, Outcome};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::memory::in_gib;

/// How many sizes are told.
const SIZES_MAX: usize = 5;

/// The most memory that was seen in use at a server while certain jobs ran there.
///
/// It was looked at now and then, so the true peak may lie higher; and whatever else used the memory
/// counts, what the server still held of earlier jobs included. So it is held against an estimate by
/// eye, and changes none.
///
/// ```
/// # fn of(measured: &mediafactory::models::Measured) {
/// println!("{} jobs: {measured}", measured.jobs);
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// What the server is called.
    pub server: String,
    /// How these jobs are like what was asked about.
    pub likeness: Likeness,
    /// How many there were.
    pub jobs: u64,
    /// The one of them that used the most.
    pub peak: MemoryPeak,
    /// When that one ended.
    pub at: Timestamp,
    /// What they computed on, the latest first; at most five of them. Not those of jobs whose
    /// workflow did not say it.
    pub sizes: Vec<String>,
}

/// How past jobs are like what was asked about.
///
/// ```
/// assert_eq!(mediafactory::models::Likeness::Workload.as_str(), "same_workload");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// They loaded the same files and computed on as much.
    Workload,
    /// They loaded the same files and computed on something else, or on what their workflow did not
    /// say.
    Files,
    /// They ran the same variant of the same model, at whatever size.
    Model,
}

impl Likeness {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workload => "same_workload",
            Self::Files => "same_files",
            Self::Model => "same_model",
        }
    }

    fn told(self) -> &'static str {
        match self {
            Self::Workload => "with the same files and sizes",
            Self::Files => "with the same files at sizes of their own",
            Self::Model => "of this model",
        }
    }
}

impl Measured {
    /// What these jobs used, the latest first; `None` where none was looked at.
    pub(super) fn of<'a>(
        server: &str,
        likeness: Likeness,
        outcomes: impl Iterator<Item = &'a Outcome>,
    ) -> Option<Self> {
        let mut jobs: u64 = 0;
        let mut most: Option<(&MemoryPeak, Timestamp)> = None;
        let mut sizes: Vec<String> = Vec::new();
        for outcome in outcomes {
            let Some(peak) = &outcome.memory else { continue };
            jobs = jobs.saturating_add(1);
            if most.is_none_or(|(most, _)| peak.used_bytes > most.used_bytes) {
                most = Some((peak, outcome.ended_at));
            }
            let is_told = outcome.workload.is_empty() || sizes.contains(&outcome.workload);
            if !is_told && sizes.len() < SIZES_MAX {
                sizes.push(outcome.workload.clone());
            }
        }
        let (peak, at) = most?;
        Some(Self { server: server.to_owned(), likeness, jobs, peak: peak.clone(), at, sizes })
    }

    /// `{server, likeness, jobs, of, total_bytes, used_bytes, torch_bytes?, samples, at, sizes, told}`.
    pub(super) fn told(&self) -> Value {
        let peak = &self.peak;
        json!({
            "server": self.server,
            "likeness": self.likeness.as_str(),
            "jobs": self.jobs,
            "of": if peak.is_main_memory() { "main memory" } else { "video memory" },
            "total_bytes": peak.total_bytes,
            "used_bytes": peak.used_bytes,
            "torch_bytes": peak.torch_bytes,
            "samples": peak.samples,
            "at": self.at.to_string(),
            "sizes": self.sizes,
            "told": self.to_string(),
        })
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, jobs, at, .. } = self;
        let number = if *jobs == 1 { "1 job".to_owned() } else { format!("{jobs} jobs") };
        let sizes = match self.sizes.as_slice() {
            [] => String::new(),
            sizes => format!(" ({})", sizes.join(" and ")),
        };
        let like = self.likeness.told();
        write!(f, "{}, in {number} {like}{sizes} on {server}, ", describe_peak(&self.peak))?;
        write!(f, "the one that used most on {}; {LOWER_BOUND}", at.strftime("%Y-%m-%d"))
    }
}

/// What has to be known of every such number.
const LOWER_BOUND: &str =
    "the true peak may be higher, and what others and earlier jobs held counts in it";

/// A peak for people, with what it was read from.
///
/// ```
/// use mediafactory::{MemoryPeak, models::describe_peak};
/// let card = MemoryPeak { used_bytes: 17 << 30, samples: 3, ..MemoryPeak::new("cuda", 24 << 30) };
/// assert_eq!(describe_peak(&card), "17.0 GiB of 24.0 GiB video memory seen in use in 3 samples");
/// let processor = MemoryPeak { device: "cpu".to_owned(), ..card };
/// assert_eq!(describe_peak(&processor), "17.0 GiB of 24.0 GiB main memory seen in use in 3 samples");
/// ```
pub fn describe_peak(peak: &MemoryPeak) -> String {
    let kind = if peak.is_main_memory() { "main memory" } else { "video memory" };
    let own = peak.torch_bytes.map(|own| format!(" ({} by PyTorch there)", in_gib(own)));
    let samples = if peak.samples == 1 { "sample" } else { "samples" };
    format!(
        "{} of {} {kind} seen in use{} in {} {samples}",
        in_gib(peak.used_bytes),
        in_gib(peak.total_bytes),
        own.unwrap_or_default(),
        peak.samples
    )
}
