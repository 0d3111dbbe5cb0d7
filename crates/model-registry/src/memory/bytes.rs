//! Amounts of memory.

/// 2²⁰ bytes.
pub(crate) const MIB: f64 = 1_048_576.0;
/// 2³⁰ bytes.
pub(crate) const GIB: f64 = 1024.0 * MIB;

/// The largest whole number of which every smaller one is an `f64` too. Nine petabytes; whatever
/// is more counts as this much.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Bytes that a formula gives, rounded up.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is whole and within the range of both types"
)]
pub(crate) fn whole(bytes: f64) -> u64 {
    if bytes > 0.0 { bytes.min(EXACT_MAX).ceil() as u64 } else { 0 }
}

/// A count for use in a formula.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "what is above 2^53 loses its last digits, and no server has that much"
)]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}

/// An amount for people: `11.8 GiB`, `163.8 MiB`.
pub(crate) fn told(bytes: u64) -> String {
    let bytes = real(bytes);
    if bytes >= GIB { format!("{:.1} GiB", bytes / GIB) } else { format!("{:.1} MiB", bytes / MIB) }
}
