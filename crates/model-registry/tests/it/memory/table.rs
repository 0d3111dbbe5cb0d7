//! The table of common cases in the documentation is what the code computes.

use std::{fs, path::Path};

use model_registry::{
    Registry,
    memory::{Dtype, StageKind, StageMemory, TensorTable, Verdict, WeightFiles},
};

use super::{GIB, card, estimate, real, registry, stage};

const DOCUMENT: &str = "../../docs/design/008-memory.md";
const BEGIN: &str = "<!-- table: begin -->\n";
const END: &str = "<!-- table: end -->";
/// The cards of the table, in GiB. All their memory is free.
const CARDS: [u64; 4] = [8, 12, 16, 24];

/// What is run: a model, its file, where it is made and how large.
struct Case {
    title: &'static str,
    family: &'static str,
    file: &'static str,
    weight_dtype: &'static str,
    /// The latent's node and its inputs, and how the size is told.
    latent: (&'static str, &'static str, &'static str),
    /// How many numbers there are and of which type, where the data has no size of the file.
    counted: Option<(u64, &'static str)>,
}

const SD15: Option<(u64, &str)> = Some((859_520_964, "F16"));
const SDXL: Option<(u64, &str)> = Some((2_567_463_684, "F16"));
const FLUX2: Option<(u64, &str)> = Some((32_223_281_152, "F8_E4M3"));

const PICTURE: &str = "EmptySD3LatentImage";
const VIDEO: &str = "EmptyHunyuanLatentVideo";
const SQUARE: (&str, &str, &str) =
    (PICTURE, r#""width": 1024, "height": 1024, "batch_size": 1"#, "1024x1024");

const fn case(
    title: &'static str,
    family: &'static str,
    file: &'static str,
    latent: (&'static str, &'static str, &'static str),
) -> Case {
    Case { title, family, file, weight_dtype: "default", latent, counted: None }
}

fn cases() -> Vec<Case> {
    let counted = |counted, case| Case { counted, ..case };
    let small = (PICTURE, r#""width": 512, "height": 512, "batch_size": 1"#, "512x512");
    let four =
        (PICTURE, r#""width": 1024, "height": 1024, "batch_size": 4"#, "1024x1024, 4 at once");
    let wide = (PICTURE, r#""width": 1328, "height": 1328, "batch_size": 1"#, "1328x1328");
    let large = (PICTURE, r#""width": 2048, "height": 2048, "batch_size": 1"#, "2048x2048");
    let clip = (
        VIDEO,
        r#""width": 832, "height": 480, "length": 81, "batch_size": 1"#,
        "832x480, 81 frames",
    );
    let hd = (
        VIDEO,
        r#""width": 1280, "height": 720, "length": 81, "batch_size": 1"#,
        "1280x720, 81 frames",
    );
    let hd5 = (
        "Wan22ImageToVideoLatent",
        r#""width": 1280, "height": 704, "length": 121, "batch_size": 1"#,
        "1280x704, 121 frames",
    );
    let flux1 = "flux1-dev.safetensors";
    let wan = "wan2.2_t2v_high_noise_14B_fp8_scaled.safetensors";
    vec![
        counted(
            SD15,
            case(
                "Stable Diffusion 1.5, fp16",
                "sd1.5",
                "v1-5-pruned-emaonly-fp16.safetensors",
                small,
            ),
        ),
        counted(SDXL, case("SDXL, fp16", "sdxl", "sd_xl_base_1.0.safetensors", SQUARE)),
        counted(SDXL, case("SDXL, fp16", "sdxl", "sd_xl_base_1.0.safetensors", four)),
        case("FLUX.1 [dev], bf16", "flux1-dev", flux1, SQUARE),
        Case {
            weight_dtype: "fp8_e4m3fn",
            ..case("FLUX.1 [dev], loaded as fp8", "flux1-dev", flux1, SQUARE)
        },
        case("FLUX.2 [klein] 4B, bf16", "flux2-klein-4b", "flux-2-klein-4b.safetensors", SQUARE),
        case("FLUX.2 [klein] 9B, fp8", "flux2-klein-9b", "flux-2-klein-9b-fp8.safetensors", SQUARE),
        counted(
            FLUX2,
            case("FLUX.2 [dev], fp8", "flux2-dev", "flux2_dev_fp8mixed.safetensors", SQUARE),
        ),
        case("Qwen-Image, fp8", "qwen-image", "qwen_image_fp8_e4m3fn.safetensors", wide),
        case("Z-Image Turbo, bf16", "z-image-turbo", "z_image_turbo_bf16.safetensors", SQUARE),
        case("Z-Image Turbo, bf16", "z-image-turbo", "z_image_turbo_bf16.safetensors", large),
        case("Wan 2.1 1.3B, fp16", "wan-2.1", "wan2.1_t2v_1.3B_fp16.safetensors", clip),
        case("Wan 2.2 5B, fp16", "wan-2.2-5b", "wan2.2_ti2v_5B_fp16.safetensors", hd5),
        case("Wan 2.2 A14B, fp8", "wan-2.2-14b", wan, clip),
        case("Wan 2.2 A14B, fp8", "wan-2.2-14b", wan, hd),
    ]
}

impl Case {
    fn workflow(&self) -> String {
        let (node, size, _) = self.latent;
        let loader = if self.folder() == "checkpoints" {
            format!(
                r#"{{"class_type": "CheckpointLoaderSimple", "inputs": {{"ckpt_name": "{}"}}}}"#,
                self.file
            )
        } else {
            format!(
                r#"{{"class_type": "UNETLoader", "inputs": {{"unet_name": "{}", "weight_dtype": "{}"}}}}"#,
                self.file, self.weight_dtype
            )
        };
        format!(
            r#"{{"1": {loader},
            "2": {{"class_type": "{node}", "inputs": {{{size}}}}},
            "3": {{"class_type": "KSampler", "inputs": {{"model": ["1", 0], "positive": ["9", 0], "latent_image": ["2", 0], "seed": 1}}}},
            "4": {{"class_type": "VAEDecode", "inputs": {{"samples": ["3", 0], "vae": ["9", 0]}}}}}}"#
        )
    }

    fn folder(&self) -> &'static str {
        if ["sd1.5", "sdxl"].contains(&self.family) { "checkpoints" } else { "diffusion_models" }
    }

    fn files(&self) -> WeightFiles {
        let mut files = WeightFiles::default();
        if let Some((elements, dtype)) = self.counted {
            let bytes = elements * Dtype::from_header(dtype).unwrap().bits() / 8;
            let header = format!(
                r#"{{"model.diffusion_model.all":{{"dtype":"{dtype}","shape":[{elements}],"data_offsets":[0,{bytes}]}}}}"#
            );
            let mut file = u64::try_from(header.len()).unwrap().to_le_bytes().to_vec();
            file.extend_from_slice(header.as_bytes());
            let table = TensorTable::parse(&file).unwrap();
            files.insert_table(self.folder(), self.file, bytes, table);
        }
        files
    }

    fn row(&self, registry: &Registry) -> String {
        let (text, files) = (self.workflow(), self.files());
        let on = |gib: u64| estimate(registry, &text, &card(gib * GIB), &files);
        let sampling = |gib| stage(&on(gib), StageKind::Sampling).clone();
        let StageMemory { weights, activations, total, models, .. } = sampling(24);
        assert_eq!(models[0].family.as_deref(), Some(self.family), "{}", self.file);
        let decoding = stage(&on(24), StageKind::VaeDecode).activations.unwrap();
        let verdicts: Vec<_> = CARDS.iter().map(|gib| verdict(&sampling(*gib))).collect();
        format!(
            "| {}, {} | {} | {} | {} | {} | {} |\n",
            self.title,
            self.latent.2,
            gib(weights.unwrap()),
            gib(activations.unwrap().minimum),
            gib(total.unwrap()),
            gib(decoding.minimum),
            verdicts.join(" | ")
        )
    }
}

fn verdict(stage: &StageMemory) -> String {
    match stage.verdict {
        Verdict::Partly => format!("partly, {} streamed", gib(stage.offloaded)),
        other => other.as_str().to_owned(),
    }
}

fn gib(bytes: u64) -> String {
    format!("{:.1}", real(bytes) / real(GIB))
}

fn table() -> String {
    let registry = registry();
    let heads: Vec<String> = CARDS.iter().map(|gib| format!("{gib} GiB")).collect();
    let mut table = format!(
        "| case | weights | activations | sum | decoding | {} |\n|{}\n",
        heads.join(" | "),
        "---|".repeat(5 + CARDS.len())
    );
    for case in cases() {
        table.push_str(&case.row(registry));
    }
    table
}

/// With `MEDIAFACTORY_WRITE_DOCS` the table is written; without, it is compared.
#[test]
#[expect(clippy::disallowed_methods, reason = "the environment says whether to write")]
fn the_table_of_the_documentation_is_computed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (told, after) = rest.split_once(END).unwrap();
    let computed = table();
    assert_eq!(cases().len(), 15);
    if std::env::var_os("MEDIAFACTORY_WRITE_DOCS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{computed}{END}{after}")).unwrap();
    } else {
        assert_eq!(told, computed, "run this test with MEDIAFACTORY_WRITE_DOCS=1");
    }
}
