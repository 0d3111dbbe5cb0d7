//! Fully, partly or not at all, by ComfyUI's rules.

use model_registry::memory::{StageKind, Verdict};

use super::{GIB, card, device, estimate, flux, flux_files, registry, stage};

const MIB: u64 = 1 << 20;
/// What sampling FLUX.1 at 1024x1024 takes at least: 128 * 128 * 2 * 0.01 * 3.1 MiB, rounded up.
const MINIMUM: u64 = 1_065_151_890;
const WEIGHTS: u64 = 23_802_932_552;

fn sampling_on(bytes: u64, argv: &[&str]) -> (Verdict, u64, Option<u64>) {
    let device = device("linux", "cuda:0 NVIDIA GeForce RTX 4090 : native", bytes, argv);
    let estimate = estimate(registry(), &flux(1024, 1024, 1), &device, &flux_files());
    let sampling = stage(&estimate, StageKind::Sampling);
    (sampling.verdict, sampling.offloaded, sampling.total)
}

#[test]
fn the_least_that_fits_is_the_least_that_fits() {
    // Weights, activations and the 400 MiB of Linux; loading is whole only where there is more.
    let fully = WEIGHTS + MINIMUM + 400 * MIB + 1;
    assert_eq!(sampling_on(fully, &[]), (Verdict::Fits, 0, Some(fully)));
    assert_eq!(sampling_on(fully - 1, &[]), (Verdict::Partly, 0, Some(fully)));
    assert_eq!(sampling_on(fully - MIB, &[]), (Verdict::Partly, MIB - 1, Some(fully)));
}

#[test]
fn below_what_activations_need_it_fails() {
    assert_eq!(sampling_on(MINIMUM, &[]).0, Verdict::Partly);
    assert_eq!(sampling_on(MINIMUM, &[]).1, WEIGHTS, "all weights are streamed");
    assert_eq!(sampling_on(MINIMUM - 1, &[]).0, Verdict::Fails);
}

#[test]
fn the_settings_of_the_server_count() {
    let room = 26 * GIB;
    assert_eq!(sampling_on(room, &[]).0, Verdict::Fits);
    assert_eq!(sampling_on(room, &["--reserve-vram", "4"]).0, Verdict::Partly);
    assert_eq!(sampling_on(room, &["--novram"]), (Verdict::Partly, WEIGHTS, Some(25_287_514_843)));
    // Loaded whole or not at all.
    assert_eq!(sampling_on(24 * GIB, &["--highvram"]).0, Verdict::Fits);
    assert_eq!(sampling_on(22 * GIB, &["--highvram"]).0, Verdict::Fails);
    assert_eq!(sampling_on(22 * GIB, &[]).0, Verdict::Partly);
}

#[test]
fn a_text_encoder_leaves_the_card_to_others_where_memory_is_low() {
    let of = |argv: &[&str]| {
        let device = device("linux", "cuda:0 NVIDIA GeForce RTX 3060", 8 * GIB, argv);
        let estimate = estimate(registry(), &flux(1024, 1024, 1), &device, &flux_files());
        let encoding = stage(&estimate, StageKind::TextEncoding);
        (encoding.verdict, encoding.reason.clone())
    };
    assert_eq!(of(&[]).0, Verdict::Partly, "10 GB of encoders on 8 GiB");
    let (verdict, reason) = of(&["--lowvram"]);
    assert_eq!(verdict, Verdict::Fits);
    assert!(reason.contains("on the processor"), "{reason}");
}

#[test]
fn a_vae_that_runs_out_of_memory_goes_on_in_tiles() {
    // 512 x 512 places of 2178 * 64 numbers of two bytes are 68 GiB.
    let estimate = estimate(registry(), &flux(4096, 4096, 1), &card(48 * GIB), &flux_files());
    let decoding = stage(&estimate, StageKind::VaeDecode);
    assert_eq!(decoding.activations.unwrap().minimum, 2178 * 512 * 512 * 64 * 2);
    assert_eq!(decoding.verdict, Verdict::Partly);
    assert!(decoding.reason.contains("in tiles"), "{}", decoding.reason);
    let tiles = estimate.suggestions.iter().find(|other| other.told.contains("VAEDecodeTiled"));
    assert_eq!(tiles.unwrap().verdict, Verdict::Fits);
}

#[test]
fn cards_that_are_not_by_nvidia_give_weights_a_share() {
    let amd = device("linux", "cuda:0 AMD Radeon RX 7900 XTX : native", 16 * GIB, &[]);
    let estimate = estimate(registry(), &flux(1024, 1024, 1), &amd, &flux_files());
    let sampling = stage(&estimate, StageKind::Sampling);
    let beside = MINIMUM + 400 * MIB;
    assert_eq!(sampling.offloaded, WEIGHTS - (16 * GIB - beside));
    let needs = sampling.needs.unwrap();
    assert!(needs.at_all > MINIMUM, "weights take their share before activations: {needs:?}");
    assert!(estimate.assumptions.iter().any(|told| told.contains("attention")));
    let decoding = stage(&estimate, StageKind::VaeDecode);
    assert_eq!(decoding.activations.unwrap().minimum, 12_469_539_963, "2.73 times as much");
}

#[test]
fn a_processor_computes_with_32_bits() {
    let cpu = device("linux", "cpu", 128 * GIB, &["main.py", "--cpu"]);
    let estimate = estimate(registry(), &flux(1024, 1024, 1), &cpu, &flux_files());
    let sampling = stage(&estimate, StageKind::Sampling);
    assert_eq!(sampling.models[0].bytes, Some(2 * WEIGHTS));
    // 0.15 MiB for each place, whatever the type.
    assert_eq!(sampling.activations.unwrap().minimum.div_ceil(MIB), 7619);
    assert_eq!(sampling.verdict, Verdict::Fits);
}

#[test]
fn eight_bits_stay_where_the_card_computes_with_them_or_has_no_room() {
    let mut files = flux_files();
    files.insert("diffusion_models", "flux1-dev-fp8_e4m3fn.safetensors", 11_900_000_000);
    let text =
        flux(1024, 1024, 1).replace("flux1-dev.safetensors", "flux1-dev-fp8_e4m3fn.safetensors");
    let weights = |name: &str, bytes: u64| {
        let device = device("linux", name, bytes, &[]);
        let estimate = estimate(registry(), &text, &device, &files);
        stage(&estimate, StageKind::Sampling).weights
    };
    assert_eq!(weights("cuda:0 NVIDIA GeForce RTX 4090", 48 * GIB), Some(11_900_000_000));
    assert_eq!(weights("cuda:0 NVIDIA RTX A6000", 48 * GIB), Some(23_800_000_000));
    assert_eq!(weights("cuda:0 NVIDIA GeForce RTX 3090", 24 * GIB), Some(11_900_000_000));
}

#[test]
fn options_that_are_not_followed_are_said() {
    let argv = ["main.py", "--fp8_e4m3fn-unet", "--cpu-vae", "--port", "8188"];
    let device = device("linux", "cuda:0 NVIDIA L4", 24 * GIB, &argv);
    let estimate = estimate(registry(), &flux(1024, 1024, 1), &device, &flux_files());
    let told: Vec<_> =
        estimate.assumptions.iter().filter(|told| told.contains("not counted")).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("`--fp8_e4m3fn-unet`"));
}
