//! Which family names, files and templates stand for, on the repository's data.

use model_registry::{How, Resolution};

use crate::registry;

/// The family, the variants when they are not all, and how it was found.
#[track_caller]
fn check(asked: &str, family: &str, how: How) {
    let registry = registry();
    match registry.resolve(asked) {
        Resolution::Found(found) => {
            assert_eq!((found.family.name.as_str(), found.how), (family, how), "{asked}");
        }
        other => panic!("{asked}: {other:?}"),
    }
}

#[test]
fn names_in_any_spelling() {
    check("wan-2.2-14b", "wan-2.2-14b", How::Name);
    check("Wan 2.2", "wan-2.2-14b", How::Alias);
    check("WAN2.2", "wan-2.2-14b", How::Alias);
    check("  flux.2 ", "flux2-dev", How::Alias);
    check("FLUX.1 [dev]", "flux1-dev", How::Alias);
    check("SDXL", "sdxl", How::Alias);
    check("stable diffusion 3.5", "sd3.5", How::Alias);
    check("Qwen-Image-Edit 2511", "qwen-image-edit-2511", How::Alias);
    check("hunyuan 3D", "hunyuan3d-2.1", How::Alias);
    check("nano banana pro", "nano-banana", How::Alias);
    check("Wan 2.6", "wan-2.6", How::Alias);
}

#[test]
fn a_name_with_a_variant_is_that_variant() {
    let registry = registry();
    let Resolution::Found(found) = registry.resolve("Wan 2.2/i2v") else { panic!() };
    assert_eq!(found.variants.iter().map(|variant| &variant.name).collect::<Vec<_>>(), ["i2v"]);
    assert!(matches!(registry.resolve("wan-2.2-14b/x2v"), Resolution::Unknown { .. }));
}

#[test]
fn files_and_templates() {
    check("flux1-dev.safetensors", "flux1-dev", How::File);
    check("FLUX1-DEV.safetensors", "flux1-dev", How::File);
    check("models\\unet\\z_image_turbo_bf16.safetensors", "z-image-turbo", How::File);
    check("sd_xl_base_1.0.safetensors", "sdxl", How::File);
    check("video_wan2_2_14B_i2v", "wan-2.2-14b", How::Template);
}

#[test]
fn other_packings_of_a_model_are_known_by_their_names() {
    check("flux1-dev-Q4_K_S.gguf", "flux1-dev", How::Pattern);
    check("flux1-schnell-fp8-e4m3fn.safetensors", "flux1-schnell", How::Pattern);
    check("z_image_turbo_nvfp4.safetensors", "z-image-turbo", How::Pattern);
    check("z_image_fp8.safetensors", "z-image", How::Pattern);
    check("qwen_image_edit_2511_Q5.gguf", "qwen-image-edit-2511", How::Pattern);
    check("wan2.2_i2v_high_noise_14B_bf16.safetensors", "wan-2.2-14b", How::Pattern);
    check("wan2.1_i2v_720p_14B_fp16.safetensors", "wan-2.1", How::Pattern);
    check("flux1-dev-kontext-Q8_0.gguf", "flux1-kontext", How::Pattern);
}

#[test]
fn every_diffusion_model_stands_for_a_family_that_uses_it() {
    let registry = registry();
    for family in registry.families() {
        for file in family.files_in("diffusion_models") {
            let Resolution::Found(found) = registry.resolve(file) else { panic!("{file}") };
            assert_eq!(
                (found.family.name.as_str(), found.how),
                (&*family.name, How::File),
                "{file}"
            );
        }
    }
}

#[test]
fn a_file_of_many_families_stands_for_none() {
    let registry = registry();
    let Resolution::Shared { families } = registry.resolve("wan_2.1_vae.safetensors") else {
        panic!()
    };
    let names: Vec<_> = families.iter().map(|family| family.name.as_str()).collect();
    assert!(names.contains(&"wan-2.1") && names.contains(&"wan-2.2-14b"), "{names:?}");
}

#[test]
fn what_is_unknown_gets_what_is_near() {
    let registry = registry();
    let near = |asked: &str| match registry.resolve(asked) {
        Resolution::Unknown { near } => near.join(", "),
        other => panic!("{asked}: {other:?}"),
    };
    assert!(near("qwen-imgae-2512").starts_with("qwen-image-2512"), "{}", near("qwen-imgae-2512"));
    assert!(near("kontekst").starts_with("kontext"), "{}", near("kontekst"));
    assert_eq!(near("my-own-finetune-of-nothing"), "");
    assert_eq!(near(""), "");
}
