//! Variants estimated as their official templates run them.

use model_registry::{
    Runs,
    memory::{StageKind, Verdict, WeightFiles},
};

use super::{GIB, card, registry};

#[test]
fn every_local_variant_has_stages_and_says_what_it_lacks() {
    let registry = registry();
    let (device, files) = (card(24 * GIB), WeightFiles::default());
    let mut known = 0_usize;
    for family in registry.families().filter(|family| family.runs == Runs::Local) {
        for variant in &family.variants {
            let estimate = registry.estimate_variant(family, variant, &device, &files);
            let place = format!("{}/{}", family.name, variant.name);
            assert!(!estimate.stages.is_empty(), "{place}");
            let is_known = estimate.verdict() != Verdict::Unknown;
            assert!(is_known || !estimate.unknown.is_empty(), "{place}");
            known += usize::from(is_known);
        }
    }
    assert!(known >= 75, "only {known} variants are estimated");
}

#[test]
fn what_is_needed_is_enough() {
    let registry = registry();
    let files = WeightFiles::default();
    for family in registry.families().filter(|family| family.runs == Runs::Local) {
        for variant in &family.variants {
            let large = card(400 * GIB);
            let estimate = registry.estimate_variant(family, variant, &large, &files);
            let Some(needs) = estimate.needs() else { continue };
            let on = |bytes: u64| {
                let device = large.with_free(bytes);
                registry.estimate_variant(family, variant, &device, &files).verdict()
            };
            let place = format!("{}/{}: {needs:?}", family.name, variant.name);
            assert!(needs.at_all <= needs.fully, "{place}");
            assert_eq!(on(needs.fully), Verdict::Fits, "{place}");
            assert_ne!(on(needs.fully - 1), Verdict::Fits, "{place}");
            assert_ne!(on(needs.at_all), Verdict::Fails, "{place}");
            if needs.at_all > 0 {
                assert_eq!(on(needs.at_all - 1), Verdict::Fails, "{place}");
            }
        }
    }
}

#[test]
fn a_service_needs_nothing_here() {
    let registry = registry();
    let family = registry.families().find(|family| family.runs == Runs::Api).unwrap();
    let estimate =
        registry.estimate_variant(family, &family.variants[0], &card(GIB), &WeightFiles::default());
    assert!(estimate.stages.is_empty());
    assert!(estimate.unknown[0].contains("runs at a service"));
}

#[test]
fn two_experts_are_two_stages() {
    let registry = registry();
    let family = registry.family("wan-2.2-14b").unwrap();
    let variant = family.variant("t2v").unwrap();
    let estimate =
        registry.estimate_variant(family, variant, &card(24 * GIB), &WeightFiles::default());
    let kinds: Vec<_> = estimate.stages.iter().map(|stage| stage.kind).collect();
    assert_eq!(
        kinds,
        [StageKind::TextEncoding, StageKind::Sampling, StageKind::Sampling, StageKind::VaeDecode]
    );
}
