//! Which name is offered for a wrong one, measured with all classes of a real server.

use std::fs;

use workflow_graph::{catalog::NodeCatalog, near};

use crate::ground_truth;

/// Names as people misspell them or remember them: case, separators, plurals, endings, order,
/// missing words, typos, older names.
const MEANT: [(&str, &str); 37] = [
    ("ksampler", "KSampler"),
    ("KSamper", "KSampler"),
    ("K Sampler", "KSampler"),
    ("KSamplerAdvance", "KSamplerAdvanced"),
    ("KSampler_Advanced", "KSamplerAdvanced"),
    ("CheckpointLoaderSimpel", "CheckpointLoaderSimple"),
    ("LoadCheckpoint", "CheckpointLoaderSimple"),
    ("CLIPTextEncoder", "CLIPTextEncode"),
    ("ClipTextEncode", "CLIPTextEncode"),
    ("TextEncode", "CLIPTextEncode"),
    ("VAEDecoder", "VAEDecode"),
    ("DecodeVAE", "VAEDecode"),
    ("VAE Decode", "VAEDecode"),
    ("LoadImages", "LoadImage"),
    ("ImageLoad", "LoadImage"),
    ("ImageLoader", "LoadImage"),
    ("SaveImages", "SaveImage"),
    ("ImageSave", "SaveImage"),
    ("EmptyLatent", "EmptyLatentImage"),
    ("EmptyLatntImage", "EmptyLatentImage"),
    ("LoRALoader", "LoraLoader"),
    ("LoadLora", "LoraLoader"),
    ("LoraLoaderModel", "LoraLoaderModelOnly"),
    ("ApplyControlNet", "ControlNetApply"),
    ("UpscaleImage", "ImageScale"),
    ("ModelSamplingFlux1", "ModelSamplingFlux"),
    ("FluxGuidence", "FluxGuidance"),
    ("RandomNoize", "RandomNoise"),
    ("SamplerCustomAdv", "SamplerCustomAdvanced"),
    ("BasicSchedular", "BasicScheduler"),
    ("UNETLoad", "UNETLoader"),
    ("UnetLoader", "UNETLoader"),
    ("DualClipLoader", "DualCLIPLoader"),
    ("PreviewImg", "PreviewImage"),
    ("SaveVideos", "SaveVideo"),
    ("CreateVid", "CreateVideo"),
    ("easy kSampler", "KSampler"),
];

/// Classes of custom packs, and names of nothing, to which no class of ComfyUI's own is near.
const FAR: [&str; 19] = [
    "NoSuchNode",
    "NotANode",
    "VHS_VideoCombine",
    "FaceDetailer",
    "EverythingEverywhere",
    "Foo",
    "xyz",
    "A",
    "Int",
    "Note",
    "Unknown",
    "UltimateSDUpscale",
    "CR Apply LoRA Stack",
    "Power Lora Loader (rgthree)",
    "MyCustomNode",
    "InstantIDFaceAnalysis",
    "ShowText|pysssss",
    "BNK_CutoffSetRegions",
    "SAM2Segment",
];

#[test]
fn a_misspelled_class_is_found_and_a_far_one_is_not_offered() {
    let Some(folder) = ground_truth::folder() else { return };
    let definitions = fs::read(folder.join("comfyui/object_info-0.33.0.json")).unwrap();
    let catalog = NodeCatalog::from_bytes(&definitions).unwrap();
    let classes = || catalog.classes().map(|class| class.name.as_str());
    for (wrong, meant) in MEANT {
        let found = near::names(wrong, classes(), 5);
        assert!(found.contains(&meant), "{wrong}: {found:?}");
    }
    for far in FAR {
        assert_eq!(near::name(far, classes()), None, "{far}");
    }
}
