//! How much memory was seen in use while a job ran.

use workflow_graph::Json;

use super::UnreadableEvent;

/// The most memory that was seen in use on a server's first device while a job ran.
///
/// The server is asked now and then, so the true peak may lie higher. What is in use is so by
/// whomever: other programs, and what the server still holds of earlier jobs, count as well.
///
/// ```
/// use batch::MemoryPeak;
/// let mut peak = MemoryPeak { samples: 1, used_bytes: 9 << 30, ..MemoryPeak::new("cuda", 24 << 30) };
/// peak.take_in(&MemoryPeak { samples: 1, used_bytes: 17 << 30, ..MemoryPeak::new("cuda", 24 << 30) });
/// assert_eq!((peak.used_bytes, peak.samples), (17 << 30, 2));
/// assert!(!peak.is_main_memory());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryPeak {
    /// The kind of the device, such as `cuda`, `mps` or `cpu`.
    pub device: String,
    /// All memory of the device, in bytes.
    pub total_bytes: u64,
    /// The most that was in use of it, in bytes.
    pub used_bytes: u64,
    /// The most that `PyTorch` used for the server itself, in bytes; `None` where the server does
    /// not tell that apart, as for a processor.
    pub torch_bytes: Option<u64>,
    /// How often the server was asked.
    pub samples: u32,
}

const EXPECTED: &str = "an object with `device`, `total_bytes`, `used_bytes` and `samples`";

impl MemoryPeak {
    /// A device of which nothing was seen in use yet.
    pub fn new(device: impl Into<String>, total_bytes: u64) -> Self {
        Self { device: device.into(), total_bytes, used_bytes: 0, torch_bytes: None, samples: 0 }
    }

    /// Whether it is the memory of the computer, and not that of a card.
    pub fn is_main_memory(&self) -> bool {
        matches!(self.device.as_str(), "cpu" | "mps")
    }

    /// Makes it the peak of both. Of two devices the later one is told.
    pub fn take_in(&mut self, other: &Self) {
        self.device.clone_from(&other.device);
        self.total_bytes = other.total_bytes;
        self.used_bytes = self.used_bytes.max(other.used_bytes);
        self.torch_bytes = self.torch_bytes.max(other.torch_bytes);
        self.samples = self.samples.saturating_add(other.samples);
    }

    /// The stored form, also that of a member of an event.
    pub fn to_json(&self) -> Json {
        let torch = self.torch_bytes.map(|bytes| ("torch_bytes", Json::from(bytes)));
        let members = [
            ("device", Json::from(self.device.as_str())),
            ("total_bytes", Json::from(self.total_bytes)),
            ("used_bytes", Json::from(self.used_bytes)),
            ("samples", Json::from(u64::from(self.samples))),
        ];
        Json::object(members.into_iter().chain(torch))
    }

    /// Reads the stored form; members that are not known are passed over.
    pub fn from_json(json: &Json) -> Result<Self, UnreadableEvent> {
        let bytes = |member| json.get(member).and_then(Json::as_u64);
        let read = || {
            let samples = u32::try_from(bytes("samples")?).ok()?;
            let device = json.get("device")?.as_str()?.to_owned();
            Some(Self {
                device,
                total_bytes: bytes("total_bytes")?,
                used_bytes: bytes("used_bytes")?,
                torch_bytes: bytes("torch_bytes"),
                samples,
            })
        };
        read().ok_or(UnreadableEvent::Member { member: "memory", expected: EXPECTED })
    }
}
