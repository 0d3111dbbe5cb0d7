use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::{Gallery, SimMemory};

/// How a simulated server is set up.
///
/// ```
/// use std::time::Duration;
/// use comfy_sim::SimOptions;
///
/// let quick = SimOptions { step_time: Duration::ZERO, ..SimOptions::default() };
/// assert_eq!(quick.address.port(), 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimOptions {
    /// Where to listen. Port 0, the default, takes any free port of the loopback interface.
    pub address: SocketAddr,
    /// How long one sampling step takes; 15 ms by default.
    pub step_time: Duration,
    /// The least time between two `progress` events of one sampler, except for its first, its last and those that
    /// carry a preview. The real server has 100 ms, the default; zero sends every step.
    pub progress_interval: Duration,
    /// Whether samplers send previews when a prompt does not choose a `preview_method`. Off by default, as on a
    /// server that was started without `--preview-method`.
    pub previews: bool,
    /// The folder in which `input`, `output` and `temp` are kept. Without one, a temporary folder is used and
    /// removed at the end.
    pub storage: Option<PathBuf>,
    /// The longest request body, in bytes; 100 MiB by default.
    pub body_bytes_max: usize,
    /// The workflows it offers; by default a few of its own.
    pub gallery: Gallery,
    /// How large model files are said to be, in bytes. There are none, so it is 0 by default.
    pub model_bytes: u64,
    /// The memory that it says to have. There is none, so it is that of a processor with 0 bytes by default.
    pub memory: SimMemory,
}

impl Default for SimOptions {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            step_time: Duration::from_millis(15),
            progress_interval: Duration::from_millis(100),
            previews: false,
            storage: None,
            body_bytes_max: 100 * 1024 * 1024,
            gallery: Gallery::default(),
            model_bytes: 0,
            memory: SimMemory::default(),
        }
    }
}
