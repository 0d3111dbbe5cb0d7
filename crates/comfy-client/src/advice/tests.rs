use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn error(class_type: &str, exception_type: &str, message: &str) -> ExecutionError {
    ExecutionError {
        node: "3".parse().ok(),
        class_type: class_type.to_owned(),
        exception_type: exception_type.to_owned(),
        message: message.trim().to_owned(),
        ..ExecutionError::default()
    }
}

/// Exceptions as ComfyUI and its nodes raise them.
#[rustfmt::skip]
const SEEN: &[(Cause, &str, &str, &str)] = &[
    (Cause::OutOfMemory, "KSampler", "torch.OutOfMemoryError",
        "Allocation on device 0 would exceed allowed memory. (out of memory)\nThis error means you ran out of memory on your GPU.\n\nTIPS: If the workflow worked before you might have accidentally set the batch_size to a large number."),
    (Cause::OutOfMemory, "VAEDecode", "torch.cuda.OutOfMemoryError",
        "CUDA out of memory. Tried to allocate 9.00 GiB (GPU 0; 8.00 GiB total capacity)"),
    (Cause::OutOfMemory, "KSampler", "torch.AcceleratorError", "CUDA error: out of memory"),
    (Cause::OutOfMemory, "KSampler", "RuntimeError",
        "MPS backend out of memory (MPS allocated: 17.00 GB, other allocations: 1.00 GB, max allowed: 18.13 GB)."),
    (Cause::OutOfMemory, "UNETLoader", "RuntimeError",
        "[enforce fail at alloc_cpu.cpp:114] data. DefaultCPUAllocator: not enough memory: you tried to allocate 23622320128 bytes."),
    (Cause::OutOfMemory, "ImageScale", "numpy._core._exceptions._ArrayMemoryError",
        "Unable to allocate 24.0 GiB for an array with shape (40000, 20000, 4) and data type float64"),
    (Cause::OutOfMemory, "LoadVideo", "MemoryError", ""),
    (Cause::MissingModelFile, "CheckpointLoaderSimple", "FileNotFoundError",
        "Model in folder 'checkpoints' with filename 'gone.safetensors' not found."),
    (Cause::MissingModelFile, "IPAdapterModelLoader", "FileNotFoundError",
        "[Errno 2] No such file or directory: '/models/ipadapter/plus.bin'"),
    (Cause::CorruptModelFile, "CheckpointLoaderSimple", "ValueError",
        "HeaderTooLarge\n\nFile path: /models/checkpoints/page.safetensors\n\nThe safetensors file is corrupt or invalid. Make sure this is actually a safetensors file and not a ckpt or pt or other filetype."),
    (Cause::CorruptModelFile, "VAELoader", "ValueError",
        "MetadataIncompleteBuffer\n\nFile path: /models/vae/half.safetensors\n\nThe safetensors file is corrupt/incomplete. Check the file size and make sure you have copied/downloaded it correctly."),
    (Cause::CorruptModelFile, "LoraLoader", "safetensors_rust.SafetensorError",
        "Error while deserializing header: invalid JSON in header"),
    (Cause::CorruptModelFile, "UpscaleModelLoader", "_pickle.UnpicklingError", "invalid load key, '<'."),
    (Cause::CorruptModelFile, "UNETLoader", "RuntimeError",
        "ERROR: Could not detect model type of: /models/unet/my_lora.safetensors\n\nHINT: This seems to be a Lora file and Lora files should be put in the lora folder and loaded with a lora loader node.."),
    (Cause::MissingModelPart, "VAEDecode", "RuntimeError",
        "ERROR: VAE is invalid: None\n\nIf the VAE is from a checkpoint loader node your checkpoint does not contain a valid VAE."),
    (Cause::WrongShape, "KSampler", "RuntimeError",
        "mat1 and mat2 shapes cannot be multiplied (154x2048 and 768x320)\n\n\nTIPS: If you have any \"Load CLIP\" or \"*CLIP Loader\" nodes in your workflow connected to this sampler node make sure the correct file(s) and type is selected."),
    (Cause::WrongShape, "VAELoader", "RuntimeError",
        "Error(s) in loading state_dict for AutoencoderKL:\n\tsize mismatch for encoder.conv_out.weight: copying a param with shape torch.Size([32, 512, 3, 3])"),
    (Cause::WrongShape, "ImageBlend", "RuntimeError",
        "The size of tensor a (64) must match the size of tensor b (48) at non-singleton dimension 2"),
    (Cause::UnsupportedType, "KSampler", "RuntimeError",
        "\"LayerNormKernelImpl\" not implemented for 'Half'"),
    (Cause::UnsupportedType, "KSampler", "TypeError",
        "Trying to convert Float8_e4m3fn to the MPS backend but it does not have support for that dtype."),
    (Cause::UnsupportedType, "KSampler", "RuntimeError",
        "mat1 and mat2 must have the same dtype, but got Half and Float"),
    (Cause::MissingNodeDependency, "InsightFaceLoader", "ModuleNotFoundError",
        "No module named 'insightface'"),
    (Cause::BadInput, "LoadImage", "PIL.UnidentifiedImageError",
        "cannot identify image file '/opt/ComfyUI/input/broken.png'"),
    (Cause::BadInput, "LoadImage", "FileNotFoundError",
        "[Errno 2] No such file or directory: '/opt/ComfyUI/input/gone.png'"),
    (Cause::BadInput, "ResizeImageMaskNode", "TypeError",
        "ResizeImageMaskNode.execute() missing 1 required positional argument: 'resize_type'"),
    (Cause::BadInput, "GeminiNode", "ValueError", "Image width must be at least 256px, got 64px"),
    (Cause::DiskFull, "SaveImage", "OSError", "[Errno 28] No space left on device"),
    (Cause::Interrupted, "KlingNode", "comfy_api_nodes.util.common_exceptions.ProcessingInterrupted", "Task cancelled"),
    (Cause::ApiCredentials, "KlingNode", "Exception", "Unauthorized: Please login first to use this node."),
    (Cause::ApiCredentials, "KlingNode", "Exception",
        "Polling aborted due to error: Payment Required: Please add credits to your account to use this node."),
    (Cause::ApiUnreachable, "KlingNode", "comfy_api_nodes.util.common_exceptions.LocalNetworkError",
        "Unable to connect to the API server due to local network issues."),
    (Cause::Unknown, "CustomNode", "KeyError", "'conditioning'"),
    (Cause::Unknown, "CustomNode", "graph.DependencyCycleError", "Dependency cycle detected"),
    (Cause::Unknown, "", "", ""),
];

#[test]
fn what_comfyui_raises_has_its_cause_and_advice() {
    let mut table = String::new();
    for (cause, class, kind, message) in SEEN {
        let advice = error(class, kind, message).advice();
        assert_eq!(advice.cause, *cause, "{kind}: {message}");
        writeln!(table, "{}\n  {}\n  {}", cause.code(), advice.what_happened, advice.what_to_try)
            .unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn names_of_files_decide_nothing() {
    for message in [
        "something broke in /models/fp8/model.safetensors",
        "node failed while reading out_of_memory.txt",
        "see /home/unauthorized/log",
    ] {
        assert_eq!(error("X", "RuntimeError", message).cause(), Cause::Unknown, "{message}");
    }
}

#[test]
fn without_a_node_the_sentence_still_stands() {
    let error = ExecutionError { node: None, ..error("", "RuntimeError", "boom.") };
    let happened = "A node failed with RuntimeError: boom.";
    assert_eq!(error.advice().what_happened, happened);
    let tries = "Check the inputs of the node; the traceback and the server's log say more.";
    assert_eq!(error.advice().what_to_try, tries);
}

#[test]
fn what_the_server_says_is_repeated_in_part_and_in_one_line() {
    let message = format!("bad \u{1b}[31mthing {}\nsecond line", "x".repeat(1 << 20));
    let advice = error("X", "ValueError", &message).advice();
    assert!(advice.what_happened.len() < 300, "{}", advice.what_happened.len());
    assert!(!advice.what_happened.contains(['\u{1b}', '\n']));
}

proptest! {
    #[test]
    fn no_message_panics(kind in ".{0,30}", message in "(?s).{0,200}") {
        let advice = error("X", &kind, &message).advice();
        prop_assert!(advice.what_happened.starts_with("Node 3 (X) "));
        prop_assert!(advice.what_happened.ends_with('.') && advice.what_to_try.ends_with('.'));
    }
}
