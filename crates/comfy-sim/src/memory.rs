use std::sync::{Mutex, PoisonError};

/// What a server says of the memory that it computes in; all amounts in bytes. It stays comfy-sim by its name.
///
/// ```
/// let card = comfy_sim::SimMemory { kind: "cuda", total_bytes: 24 << 30, used_bytes: 2 << 30, torch_bytes: 1 << 30 };
/// assert!(card.torch_bytes <= card.used_bytes);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimMemory {
    /// The type of the device: `cuda`, `mps`, `cpu`.
    pub kind: &'static str,
    /// All memory of the device.
    pub total_bytes: u64,
    /// What is in use of it, by whomever.
    pub used_bytes: u64,
    /// What of that the server itself uses.
    pub torch_bytes: u64,
}

impl Default for SimMemory {
    fn default() -> Self {
        Self { kind: "cpu", total_bytes: 0, used_bytes: 0, torch_bytes: 0 }
    }
}

/// The memory as it is now, and how often somebody asked for it.
#[derive(Debug)]
pub(crate) struct Meter(Mutex<(SimMemory, usize)>);

impl Meter {
    pub(crate) fn new(memory: SimMemory) -> Self {
        Self(Mutex::new((memory, 0)))
    }

    pub(crate) fn set(&self, memory: SimMemory) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = memory;
    }

    pub(crate) fn asked(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Reads it for somebody who asks.
    pub(crate) fn ask(&self) -> SimMemory {
        let mut meter = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        meter.1 = meter.1.saturating_add(1);
        meter.0
    }
}
