//! What a server computes on.

use super::{
    bytes::{GIB, MIB, real, whole},
    card,
    error::MemoryError,
};

/// What a server says of its device: the members of `GET /system_stats` as they are.
///
/// ```
/// use model_registry::memory::Report;
/// let report = Report { vram_total: 8e9, vram_free: 7e9, ..Report::new("win32", "cuda", "cuda:0 NVIDIA L4") };
/// assert_eq!(report.torch_vram_total, 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report<'r> {
    /// `system.os`: `linux`, `win32`, `darwin`; older servers say `posix` and `nt`.
    pub os: &'r str,
    /// `devices[].type`: `cuda` (AMD too), `mps`, `xpu`, `cpu`.
    pub kind: &'r str,
    /// `devices[].name`.
    pub name: &'r str,
    /// All memory of the device, in bytes.
    pub vram_total: f64,
    /// What is free of it, in bytes: what nobody has, and what `PyTorch` holds without use.
    pub vram_free: f64,
    /// What `PyTorch` holds of it, in bytes.
    pub torch_vram_total: f64,
    /// What it holds without use, in bytes.
    pub torch_vram_free: f64,
}

impl<'r> Report<'r> {
    /// A report without any memory, to be filled in.
    pub fn new(os: &'r str, kind: &'r str, name: &'r str) -> Self {
        let none = 0.0;
        Self {
            os,
            kind,
            name,
            vram_total: none,
            vram_free: none,
            torch_vram_total: none,
            torch_vram_free: none,
        }
    }
}

/// What makes the device, as far as ComfyUI's arithmetic goes by it.
///
/// ```
/// assert_ne!(model_registry::memory::Backend::Cpu, model_registry::memory::Backend::Apple);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// A card by NVIDIA.
    Nvidia {
        /// Its compute capability, where its name is known.
        capability: Option<(u8, u8)>,
    },
    /// A card by AMD.
    Amd,
    /// Apple's processors, whose memory is shared.
    Apple,
    /// The processor itself; its memory is the computer's.
    Cpu,
    /// Another kind of card.
    Other,
}

/// How the server was told to treat the memory.
///
/// ```
/// use model_registry::memory::{Device, Mode, Report};
/// let report = Report { vram_total: 8e9, vram_free: 7e9, ..Report::new("linux", "cuda", "cuda:0 NVIDIA L4") };
/// let device = Device::new(&report, &["main.py", "--lowvram", "--reserve-vram", "1.5"])?;
/// assert_eq!((device.mode(), device.reserve()), (Mode::Low, 3 << 29));
/// # Ok::<(), model_registry::memory::MemoryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// What fits is loaded, the rest streamed.
    Normal,
    /// `--lowvram`: the same, and text encoders run on the processor.
    Low,
    /// `--novram`: all weights are streamed.
    No,
    /// `--highvram`: weights are loaded whole.
    High,
    /// `--gpu-only`: the same, and nothing leaves the card.
    GpuOnly,
}

/// A device with its memory and the settings of its server.
///
/// ```
/// use model_registry::memory::{Backend, Device, Report};
/// let report = Report {
///     vram_total: 25_757_220_864.0,
///     vram_free: 24_000_000_000.0,
///     ..Report::new("linux", "cuda", "cuda:0 NVIDIA GeForce RTX 4090 : cudaMallocAsync")
/// };
/// let device = Device::new(&report, &["main.py"])?;
/// assert_eq!(device.backend(), Backend::Nvidia { capability: Some((8, 9)) });
/// assert!(device.computes_fp8());
/// assert_eq!(device.reserve(), 400 << 20);
/// # Ok::<(), model_registry::memory::MemoryError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    name: String,
    backend: Backend,
    mode: Mode,
    total: u64,
    free: u64,
    reserve: u64,
    fp8: bool,
    fast_attention: bool,
    /// How many bytes a number takes while a model computes.
    compute_bytes: u64,
    /// Options of the server that change what is needed and are not followed here.
    not_followed: Vec<String>,
}

/// The beginnings and ends of options that choose types or places for what is computed.
const NOT_FOLLOWED: &[(&str, &str)] = &[
    ("--fp", "-unet"),
    ("--bf", "-unet"),
    ("--fp", "-vae"),
    ("--bf", "-vae"),
    ("--fp", "-text-enc"),
    ("--bf", "-text-enc"),
    ("--force-fp", ""),
    ("--cpu-vae", ""),
    ("--disable-smart-memory", ""),
    ("--vram-headroom", ""),
];

impl Device {
    /// A device by what its server says of it and the arguments that the server was started with.
    ///
    /// What ComfyUI itself has loaded counts as free: it makes room for what comes next.
    ///
    /// # Errors
    ///
    /// Amounts that no memory has, and a `--reserve-vram` that is none.
    pub fn new(report: &Report<'_>, argv: &[&str]) -> Result<Self, MemoryError> {
        let total = amount("vram_total", report.vram_total)?;
        let free = amount("vram_free", report.vram_free)?;
        let held = amount("torch_vram_total", report.torch_vram_total)?;
        let unused = amount("torch_vram_free", report.torch_vram_free)?;
        if total == 0 {
            return Err(MemoryError::NoMemory);
        }
        let above = |name, free, total| MemoryError::FreeAboveTotal { name, free, total };
        if free > total {
            return Err(above("vram_free", free, total));
        }
        if unused > held {
            return Err(above("torch_vram_free", unused, held));
        }
        let has = |option: &str| argv.contains(&option);
        let backend = backend(report, has("--cpu"));
        // The figures of a processor are all those of the computer: nothing of it is PyTorch's.
        let shared = matches!(backend, Backend::Cpu | Backend::Apple);
        let loaded = if shared { 0 } else { held - unused };
        Ok(Self {
            name: report.name.to_owned(),
            backend,
            mode: mode(has),
            total,
            free: free.saturating_add(loaded).min(total),
            reserve: match reserve_option(argv)? {
                Some(reserve) => reserve,
                None => reserve(report.os, total),
            },
            fp8: has("--supports-fp8-compute") || fp8(backend),
            fast_attention: fast_attention(backend, report.name, has),
            compute_bytes: compute_bytes(backend, report.name),
            not_followed: argv
                .iter()
                .filter(|one| !follows(one))
                .map(|one| (*one).to_owned())
                .collect(),
        })
    }

    /// The same device with as much free as said, at most all of it: to ask what would fit.
    #[must_use]
    pub fn with_free(&self, bytes: u64) -> Self {
        Self { free: bytes.min(self.total), ..self.clone() }
    }

    /// What the server calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What makes it.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// How the server treats its memory.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// All its memory, in bytes.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// What can be had of it, in bytes, what ComfyUI has loaded included.
    pub fn free(&self) -> u64 {
        self.free
    }

    /// What ComfyUI leaves to others, in bytes.
    pub fn reserve(&self) -> u64 {
        self.reserve
    }

    /// Whether it computes with 8 bits, so that such weights stay what they are.
    pub fn computes_fp8(&self) -> bool {
        self.fp8
    }

    /// Options of the server that change what is needed and are not followed here.
    pub(super) fn not_followed(&self) -> &[String] {
        &self.not_followed
    }

    /// How many bytes a number takes while a model computes.
    pub(super) fn compute_bytes(&self) -> u64 {
        self.compute_bytes
    }

    /// How many bytes a number of the weights takes that are not kept in 8. Old cards store in
    /// 16 bits and compute in 32; a processor does both in 32.
    pub(super) fn weight_bytes(&self) -> u64 {
        if self.backend == Backend::Cpu { 4 } else { 2 }
    }

    /// How many bytes a number takes in a model that computes with bf16 or 32 bits.
    pub(super) fn bf16_bytes(&self) -> u64 {
        match self.backend {
            Backend::Nvidia { capability: Some((..8, _)) } | Backend::Cpu => 4,
            Backend::Nvidia { .. } | Backend::Amd | Backend::Apple | Backend::Other => 2,
        }
    }

    /// Whether attention is computed without storing all of it.
    pub(super) fn fast_attention(&self) -> bool {
        self.fast_attention
    }

    /// What ComfyUI keeps for a run at least: 0.8 GiB and the reserve.
    pub(super) fn minimum_inference(&self) -> u64 {
        whole(0.8 * GIB).saturating_add(self.reserve)
    }

    /// The share of the free memory that weights may take whatever activations need.
    pub(super) fn weights_share(&self) -> f64 {
        if matches!(self.backend, Backend::Nvidia { .. }) { 0.0 } else { 0.4 }
    }

    /// Above how many bytes (of 16-bit weights) 8-bit weights stay what they are on a card that
    /// does not compute with them.
    pub(super) fn weights_at_most(&self) -> f64 {
        0.88 * real(self.total) - real(self.minimum_inference())
    }

    /// Whether models are loaded whole, whatever is free.
    pub(super) fn loads_whole(&self) -> bool {
        let shared = matches!(self.backend, Backend::Cpu | Backend::Apple);
        shared || matches!(self.mode, Mode::High | Mode::GpuOnly)
    }

    /// Whether text encoders run on the processor.
    pub(super) fn encodes_on_processor(&self) -> bool {
        let has_own = !matches!(self.backend, Backend::Cpu | Backend::Apple);
        has_own && matches!(self.mode, Mode::Low | Mode::No)
    }
}

fn amount(name: &'static str, value: f64) -> Result<u64, MemoryError> {
    if value.is_finite() && value >= 0.0 {
        Ok(whole(value))
    } else {
        Err(MemoryError::Amount { name, value })
    }
}

fn backend(report: &Report<'_>, cpu: bool) -> Backend {
    let is_amd = ["AMD", "Radeon"].iter().any(|maker| report.name.contains(maker));
    match report.kind {
        _ if cpu => Backend::Cpu,
        "cpu" => Backend::Cpu,
        "mps" => Backend::Apple,
        "cuda" if is_amd => Backend::Amd,
        "cuda" => Backend::Nvidia { capability: card::capability(report.name) },
        _ => Backend::Other,
    }
}

fn mode(has: impl Fn(&str) -> bool) -> Mode {
    let options = [
        ("--gpu-only", Mode::GpuOnly),
        ("--highvram", Mode::High),
        ("--novram", Mode::No),
        ("--lowvram", Mode::Low),
    ];
    options.iter().find(|(option, _)| has(option)).map_or(Mode::Normal, |(_, mode)| *mode)
}

fn follows(option: &str) -> bool {
    let is = |(start, end): &(&str, &str)| option.starts_with(start) && option.ends_with(end);
    !NOT_FOLLOWED.iter().any(is)
}

/// What `--reserve-vram` says, in GiB with or without an equals sign. The last one counts.
fn reserve_option(argv: &[&str]) -> Result<Option<u64>, MemoryError> {
    let mut given = None;
    for (at, argument) in argv.iter().enumerate() {
        let Some(rest) = argument.strip_prefix("--reserve-vram") else { continue };
        let value = match rest.strip_prefix('=') {
            Some(value) => value,
            None if rest.is_empty() => argv.get(at + 1).copied().unwrap_or_default(),
            None => continue,
        };
        let gib = value.parse::<f64>().ok().filter(|gib| gib.is_finite() && *gib >= 0.0);
        let gib = gib.ok_or_else(|| MemoryError::Reserve { value: value.to_owned() })?;
        given = Some(whole(gib * GIB));
    }
    Ok(given)
}

/// What ComfyUI leaves to others unless it is told otherwise: more on Windows, where cards are
/// shared with the desktop.
fn reserve(os: &str, total: u64) -> u64 {
    let is_windows = os == "nt" || os.starts_with("win");
    let is_large = real(total) > 15.0 * GIB;
    whole(
        MIB * if !is_windows {
            400.0
        } else if is_large {
            700.0
        } else {
            600.0
        },
    )
}

fn fp8(backend: Backend) -> bool {
    matches!(backend, Backend::Nvidia { capability: Some((8, 9..) | (9.., _)) })
}

/// Whether ComfyUI counts on attention that does not store the whole matrix: that of `PyTorch` on NVIDIA,
/// and on those AMD cards whose architecture it lists.
fn fast_attention(backend: Backend, name: &str, has: impl Fn(&str) -> bool) -> bool {
    let listed = ["RX 79", "RX 90", "MI2", "MI3", "8060S", "8050S"];
    if has("--use-split-cross-attention") || has("--use-quad-cross-attention") {
        return false;
    }
    match backend {
        Backend::Nvidia { .. } | Backend::Other => true,
        Backend::Amd => {
            has("--use-pytorch-cross-attention") || listed.iter().any(|model| name.contains(model))
        }
        Backend::Apple | Backend::Cpu => false,
    }
}

fn compute_bytes(backend: Backend, name: &str) -> u64 {
    match backend {
        Backend::Cpu | Backend::Nvidia { capability: Some((..7, _)) } => 4,
        Backend::Nvidia { .. } if card::computes_with_32_bits(name) => 4,
        Backend::Nvidia { .. } | Backend::Amd | Backend::Apple | Backend::Other => 2,
    }
}
