//! What holds whatever the numbers are.

use model_registry::{
    Registry,
    memory::{Activations, LatentShape, References, StageKind, TensorTable, Verdict},
};
use proptest::prelude::*;

use super::{GIB, card, device, estimate, flux, flux_files, registry, stage};

const CARDS: [&str; 4] = [
    "cuda:0 NVIDIA GeForce RTX 4090 : native",
    "cuda:0 NVIDIA GeForce RTX 3090 : native",
    "cuda:0 AMD Radeon RX 7900 XTX : native",
    "cpu",
];
const OPTIONS: [&[&str]; 5] =
    [&[], &["--lowvram"], &["--novram"], &["--highvram"], &["--reserve-vram", "2"]];

/// The order of verdicts when everything is known.
fn rank(registry: &Registry, text: &str, name: &str, argv: &[&str], free: u64) -> Verdict {
    let device = device("linux", name, 64 * GIB, argv).with_free(free);
    estimate(registry, text, &device, &flux_files()).verdict()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn more_memory_is_never_worse(
        free in 0..60 * GIB,
        more in 0..4 * GIB,
        name in prop::sample::select(&CARDS[..]),
        argv in prop::sample::select(&OPTIONS[..]),
        side in 1_u64..=24,
    ) {
        let registry = registry();
        let text = flux(side * 64, 1024, 1);
        let before = rank(registry, &text, name, argv, free);
        let after = rank(registry, &text, name, argv, free + more);
        prop_assert!(after <= before, "{before:?} with {free}, {after:?} with {more} more");
    }

    #[test]
    fn more_to_make_never_takes_less(
        sides in (1_u64..64, 1_u64..64),
        batch in 1_u64..8,
        frames in 1_u64..64,
        factor in 0.1_f64..40.0,
    ) {
        let device = card(24 * GIB);
        let of = |batch: u64, frames: u64, height: u64| {
            let shape = LatentShape::new(batch, 16, [frames, height, sides.1]);
            Activations::of_sampling(&shape, References::default(), factor, &device)
        };
        let less = of(batch, frames, sides.0);
        for more in [of(batch + 1, frames, sides.0), of(batch, frames + 1, sides.0), of(batch, frames, sides.0 + 1)] {
            prop_assert!(more.minimum > less.minimum && more.preferred > less.preferred);
        }
        prop_assert!(less.preferred.abs_diff(2 * less.minimum) <= 1);
    }

    #[test]
    fn what_is_offloaded_is_no_more_than_there_is(free in 0..60 * GIB) {
        let device = card(60 * GIB).with_free(free);
        let estimate = estimate(registry(), &flux(1024, 1024, 1), &device, &flux_files());
        let sampling = stage(&estimate, StageKind::Sampling);
        prop_assert!(Some(sampling.offloaded) <= sampling.weights);
        prop_assert_eq!(sampling.offloaded == 0 && free >= 25_287_514_843, sampling.verdict == Verdict::Fits);
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _parsed = TensorTable::parse(&bytes);
        let mut named = u64::try_from(bytes.len()).unwrap().to_le_bytes().to_vec();
        named.extend(bytes);
        let _parsed = TensorTable::parse(&named);
    }
}
