//! What each node class does here: really, as a simulation, or not at all.

mod files;
mod font;
mod images;
mod media;
mod padding;
mod plain;
mod resizing;
mod shapes;
mod simulate;
mod sound;

pub(crate) mod picture;

use std::sync::Arc;

use serde_json::Value;

pub(crate) use self::simulate::simulated;
use crate::catalog::NodeClass;
use crate::execute::values::{Inputs, NodeValue};
use crate::folders::Folders;
use crate::queue::QueueItem;

/// What a node runs with besides its inputs.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) folders: Folders,
    pub(crate) item: Arc<QueueItem>,
    /// The random letters of this node's temporary files.
    pub(crate) temp_prefix: String,
}

/// What a node gave.
#[derive(Debug, Default)]
pub(crate) struct Produced {
    pub(crate) outputs: Vec<NodeValue>,
    /// What it shows, as in `executed`.
    pub(crate) ui: Option<Value>,
}

impl Produced {
    fn of(output: NodeValue) -> Self {
        Self { outputs: vec![output], ui: None }
    }
}

/// A Python exception, as `execution_error` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exception {
    pub(crate) kind: String,
    pub(crate) message: String,
    /// What the server adds to the message on a line of its own.
    pub(crate) tips: &'static str,
}

impl Exception {
    pub(crate) fn new(kind: &str, message: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), message: message.into(), tips: "" }
    }

    pub(crate) fn missing_input(name: &str) -> Self {
        Self::new("TypeError", format!("missing 1 required positional argument: '{name}'"))
    }

    pub(crate) fn out_of_memory() -> Self {
        Self {
            kind: "torch.OutOfMemoryError".to_owned(),
            message: "CUDA out of memory (scripted by comfy-sim).".to_owned(),
            tips: "This error means you ran out of memory on your GPU.\n\nTIPS: If the workflow worked before you might have \
                   accidentally set the batch_size to a large number.",
        }
    }
}

/// A node that is computed at once, away from the async runtime.
pub(crate) type RealNode = fn(&Inputs, &Context) -> Result<Produced, Exception>;

/// How a class is executed.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    Real(RealNode),
    /// Its outputs only stand for something.
    Simulated,
    /// The same, in steps.
    Sampler,
    SendPictures,
    /// Neither can be done honestly.
    Refused,
}

pub(crate) fn work_of(class_type: &str, class: NodeClass<'_>) -> Work {
    Work::Real(match class_type {
        "KSampler" | "KSamplerAdvanced" | "SamplerCustom" | "SamplerCustomAdvanced" => {
            return Work::Sampler;
        }
        "SaveImageWebsocket" => return Work::SendPictures,
        "VAEDecode" | "VAEDecodeTiled" => simulate::decode,
        "ImageUpscaleWithModel" => simulate::upscale,
        "Canny" => simulate::find_edges,
        "LTXVPreprocess" => simulate::compress,
        "SeedVR2Preprocess" => simulate::add_margin,
        "SeedVR2PostProcessing" => simulate::correct_colors,
        "WanVaceToVideo" => simulate::begin_vace,
        "LoadImage" | "LoadImageOutput" => files::load_image,
        "LoadImageMask" => files::load_image_mask,
        "SaveImage" => files::save_image,
        "PreviewImage" => files::preview_image,
        "MaskPreview" => files::preview_mask,
        "SaveAnimatedWEBP" => media::save_webp,
        "SaveAnimatedPNG" => media::save_png,
        "CreateVideo" => media::create_video,
        "SaveVideo" => media::save_video,
        "LoadVideo" => media::load_video,
        "GetVideoComponents" => media::video_components,
        "EmptyAudio" => sound::empty_audio,
        "VAEDecodeAudio" | "LTXVAudioVAEDecode" => sound::decode_audio,
        "SaveAudio" => sound::save_audio,
        "SaveAudioAdvanced" => sound::save_audio_as,
        "PreviewAudio" => sound::preview_audio,
        "JoinImageWithAlpha" => images::join_alpha,
        "VAEDecodeHunyuan3D" => shapes::decode_voxels,
        "VoxelToMesh" | "VoxelToMeshBasic" => shapes::mesh_of_voxels,
        "VAEDecodeTripoSplat" => shapes::decode_splat,
        "SplatToFile3D" => shapes::file_of_splat,
        "SaveGLB" => shapes::save,
        "RemoveBackground" => shapes::remove_background,
        "TripoSplatPreprocessImage" => shapes::prepare_for_splat,
        "EmptyImage" => images::empty,
        "ImageScale" => resizing::scale,
        "ImageScaleBy" => resizing::scale_by,
        "ImageScaleToTotalPixels" => resizing::scale_to_total_pixels,
        "ImageScaleToMaxDimension" => resizing::scale_to_max_dimension,
        "ResizeImageMaskNode" => resizing::resize_image_or_mask,
        "ImagePadForOutpaint" => padding::for_outpainting,
        "FluxKontextImageScale" => resizing::scale_for_kontext,
        "ResolutionSelector" => resizing::select_resolution,
        "ImageInvert" => images::invert,
        "ImageBlend" => images::blend,
        "ImageCrop" => images::crop,
        "ImageFlip" => images::flip,
        "ImageRotate" => images::rotate,
        "ImageBatch" | "BatchImagesNode" => images::batch,
        "RepeatImageBatch" => images::repeat,
        "ImageFromBatch" => images::from_batch,
        "GetImageSize" => images::size,
        "SolidMask" => images::solid_mask,
        "InvertMask" => images::invert_mask,
        "MaskToImage" => images::mask_to_image,
        "PreviewAny" => plain::preview_any,
        "PrimitiveString"
        | "PrimitiveStringMultiline"
        | "PrimitiveInt"
        | "PrimitiveFloat"
        | "PrimitiveBoolean" => plain::primitive,
        "StringConcatenate" => plain::concatenate,
        "CustomCombo" => plain::custom_combo,
        "ComfySwitchNode" | "ComfySoftSwitchNode" => plain::switch,
        _ if simulate::can_simulate(class) => return Work::Simulated,
        _ => return Work::Refused,
    })
}
