//! What can be wrong with what an estimate is made from.

/// Why an estimate cannot be made from what was given.
///
/// ```
/// use model_registry::memory::{Device, Report};
/// let report = Report { vram_total: -1.0, ..Report::new("linux", "cuda", "cuda:0 NVIDIA L4") };
/// assert_eq!(
///     Device::new(&report, &[]).unwrap_err().to_string(),
///     "`vram_total` is -1: an amount of memory is a number of bytes from 0 on"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// An amount that no memory has: negative, infinite or no number.
    #[error("`{name}` is {value}: an amount of memory is a number of bytes from 0 on")]
    Amount {
        /// Which amount.
        name: &'static str,
        /// What was given.
        value: f64,
    },
    /// More is free than there is.
    #[error("`{name}` is {free} bytes, more than the {total} bytes there are")]
    FreeAboveTotal {
        /// Which amount.
        name: &'static str,
        /// What is free.
        free: u64,
        /// What there is.
        total: u64,
    },
    /// The server says that it has no memory at all.
    #[error("`vram_total` is 0: the server tells of no memory to compute with")]
    NoMemory,
    /// A start option of the server whose value is no amount.
    #[error(
        "the server was started with `--reserve-vram {value}`, which is no number of GiB from 0 on"
    )]
    Reserve {
        /// What stands behind the option; empty where nothing does.
        value: String,
    },
    /// The bytes end before the header does.
    #[error("the header of the file has {needed} bytes, and only {given} are given")]
    HeaderCut {
        /// How many bytes from the beginning of the file are needed.
        needed: u64,
        /// How many there are.
        given: u64,
    },
    /// The header is longer than any.
    #[error(
        "the header of the file claims {length} bytes; no safetensors file has more than {most}"
    )]
    HeaderTooLong {
        /// What it claims.
        length: u64,
        /// What the format allows.
        most: u64,
    },
    /// The header is not JSON of the right form.
    #[error("the header of the file is no safetensors header: {problem}")]
    HeaderWrong {
        /// What is wrong.
        problem: String,
    },
}
