//! What a failed node means: the cause behind Python's exception, and what to try.

use std::fmt;

use crate::{excerpt::Excerpt, outcome::ExecutionError};

/// Why a node failed, as far as its exception shows.
///
/// ```
/// use comfy_client::{Cause, ExecutionError};
/// let error = ExecutionError {
///     exception_type: "torch.OutOfMemoryError".to_owned(),
///     ..ExecutionError::default()
/// };
/// assert_eq!(error.cause(), Cause::OutOfMemory);
/// assert_eq!(Cause::OutOfMemory.code(), "out_of_memory");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The memory of the GPU or of the machine did not do.
    OutOfMemory,
    /// A model file is not where the node looks for it.
    MissingModelFile,
    /// A model file is cut off, damaged or no model of the expected format.
    CorruptModelFile,
    /// A checkpoint has no VAE or text encoder, which a node wants of it.
    MissingModelPart,
    /// Parts of models of different families meet, such as a text encoder and a sampler's model.
    WrongShape,
    /// The device cannot compute with numbers of this type, such as 8 bit floats.
    UnsupportedType,
    /// A Python package that the node needs is not installed on the server.
    MissingNodeDependency,
    /// What the node was given cannot be used: a broken picture, a value it does not take.
    BadInput,
    /// The server's disk is full.
    DiskFull,
    /// Somebody stopped the node.
    Interrupted,
    /// A service outside wants an account, credits or a key.
    ApiCredentials,
    /// A service outside could not be reached or has trouble of its own.
    ApiUnreachable,
    /// Something else.
    Unknown,
}

/// What happened to a node, in a sentence, and what to try, in another. The beginnings of names,
/// paths and messages in them are the server's.
///
/// ```
/// use comfy_client::ExecutionError;
/// let error = ExecutionError {
///     node: "3".parse().ok(),
///     class_type: "KSampler".to_owned(),
///     exception_type: "torch.OutOfMemoryError".to_owned(),
///     ..ExecutionError::default()
/// };
/// assert_eq!(
///     error.advice().to_string(),
///     "Node 3 (KSampler) ran out of memory. Make the pictures or the batch smaller, free the \
///      server's memory of other models, or take a smaller model."
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The cause.
    pub cause: Cause,
    /// What happened, naming the node and its class.
    pub what_happened: String,
    /// What to try, naming the node where it is to be changed.
    pub what_to_try: String,
}

impl Cause {
    /// A name for programs, such as `out_of_memory`. It stays what it is.
    pub fn code(self) -> &'static str {
        match self {
            Self::OutOfMemory => "out_of_memory",
            Self::MissingModelFile => "missing_model_file",
            Self::CorruptModelFile => "corrupt_model_file",
            Self::MissingModelPart => "missing_model_part",
            Self::WrongShape => "wrong_shape",
            Self::UnsupportedType => "unsupported_type",
            Self::MissingNodeDependency => "missing_node_dependency",
            Self::BadInput => "bad_input",
            Self::DiskFull => "disk_full",
            Self::Interrupted => "interrupted",
            Self::ApiCredentials => "api_credentials",
            Self::ApiUnreachable => "api_unreachable",
            Self::Unknown => "unknown",
        }
    }
}

impl ExecutionError {
    /// Why the node failed, as far as its exception shows.
    pub fn cause(&self) -> Cause {
        let kind = self.exception_type.to_lowercase();
        let kind = kind.rsplit('.').next().unwrap_or_default();
        let text = start_of(&self.message).to_lowercase();
        let rule = RULES.iter().find(|rule| rule.applies(kind, &text));
        rule.map_or(Cause::Unknown, |rule| rule.cause)
    }

    /// What happened and what to try.
    pub fn advice(&self) -> Advice {
        let cause = self.cause();
        let (what_happened, what_to_try) = (what_happened(self, cause), what_to_try(self, cause));
        Advice { cause, what_happened, what_to_try }
    }
}

fn what_happened(error: &ExecutionError, cause: Cause) -> String {
    let what = match cause {
        Cause::OutOfMemory => "ran out of memory".to_owned(),
        Cause::MissingModelFile => format!("did not find {}", file(error)),
        Cause::CorruptModelFile => {
            format!("cannot read {}: it is damaged, incomplete or no such model", file(error))
        }
        Cause::MissingModelPart => {
            "was given a checkpoint that lacks the part it needs, such as a VAE".to_owned()
        }
        Cause::WrongShape => "was given tensors whose shapes do not fit together".to_owned(),
        Cause::UnsupportedType => {
            "computes with numbers of a type that does not work here".to_owned()
        }
        Cause::MissingNodeDependency => {
            let module = named(&error.message, "No module named '", "'");
            let module =
                module.map_or_else(|| "a Python package".to_owned(), |name| format!("`{name}`"));
            format!("needs {module}, which the server's Python cannot load")
        }
        Cause::BadInput => format!("cannot use what it was given: {}", first_line(error)),
        Cause::DiskFull => "could not write: the server's disk is full".to_owned(),
        Cause::Interrupted => "was stopped".to_owned(),
        Cause::ApiCredentials => {
            "was refused by the service it calls, for want of an account, credits or a key"
                .to_owned()
        }
        Cause::ApiUnreachable => {
            "got no answer from the service it calls, which is away or busy".to_owned()
        }
        Cause::Unknown if error.exception_type.is_empty() => {
            format!("failed: {}", first_line(error))
        }
        Cause::Unknown => {
            format!("failed with {}: {}", Excerpt(&error.exception_type), first_line(error))
        }
    };
    match place(error) {
        Some(place) => format!("Node {place} {what}."),
        None => format!("A node {what}."),
    }
}

fn what_to_try(error: &ExecutionError, cause: Cause) -> String {
    let place = place(error).map_or_else(|| "the node".to_owned(), |place| format!("node {place}"));
    match cause {
        Cause::OutOfMemory if matches!(&*error.class_type, "VAEDecode" | "VAEEncode") => {
            format!(
                "Put the tiled form of the class in the place of {place}, or make the pictures smaller."
            )
        }
        Cause::OutOfMemory => {
            "Make the pictures or the batch smaller, free the server's memory of other models, or \
             take a smaller model."
                .to_owned()
        }
        Cause::MissingModelFile => {
            format!("Put it into the server's model folder, or choose another one in {place}.")
        }
        Cause::CorruptModelFile => format!(
            "Compare its size with the original and copy it again, or choose another one in {place}."
        ),
        Cause::MissingModelPart => {
            format!("Load the missing part with a loader of its own and link that to {place}.")
        }
        Cause::WrongShape => format!(
            "Check that the model, text encoder, VAE, LoRA and ControlNet that lead to {place} are \
             of one model family, and that sizes agree."
        ),
        Cause::UnsupportedType => format!(
            "Choose another weight type in the loaders that lead to {place}, such as fp16 or bf16 \
             in place of fp8."
        ),
        Cause::MissingNodeDependency => {
            "Install what the node pack requires on the server, and restart it.".to_owned()
        }
        Cause::BadInput => format!("Check the inputs of {place}."),
        Cause::DiskFull => {
            "Make room on the server, in its output and temp folders first.".to_owned()
        }
        Cause::Interrupted => "Run the workflow again if that was not meant.".to_owned(),
        Cause::ApiCredentials => {
            "Log in on the server or give it an API key, and see that the account has credits."
                .to_owned()
        }
        Cause::ApiUnreachable => {
            "Try again later, and see that the server can reach the internet.".to_owned()
        }
        Cause::Unknown => {
            format!("Check the inputs of {place}; the traceback and the server's log say more.")
        }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what_happened, self.what_to_try)
    }
}

/// When an exception has a cause: it is of one of the kinds and has one of the texts. An empty
/// list asks for nothing.
struct Rule {
    cause: Cause,
    /// Names of Python classes without their modules, in lowercase.
    kinds: &'static [&'static str],
    /// Parts of messages, in lowercase.
    texts: &'static [&'static str],
}

impl Rule {
    fn applies(&self, kind: &str, text: &str) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&kind))
            && (self.texts.is_empty() || self.texts.iter().any(|part| text.contains(part)))
    }
}

const fn rule(
    cause: Cause,
    kinds: &'static [&'static str],
    texts: &'static [&'static str],
) -> Rule {
    Rule { cause, kinds, texts }
}

/// The first that applies counts, so the surer ones stand first.
#[rustfmt::skip]
const RULES: &[Rule] = &[
    rule(Cause::Interrupted, &["interruptprocessingexception", "processinginterrupted", "cancellederror"], &[]),

    rule(Cause::OutOfMemory, &["outofmemoryerror", "memoryerror", "_arraymemoryerror"], &[]),
    rule(Cause::OutOfMemory, &["acceleratorerror"], &["out of memory"]),
    rule(Cause::OutOfMemory, &[], &[
        "you ran out of memory on your gpu", "allocation on device",
        "cuda out of memory", "cuda error: out of memory", "hip out of memory",
        "mps backend out of memory", "xpu out of memory",
        "cublas_status_alloc_failed", "cudnn_status_alloc_failed",
        "defaultcpuallocator: not enough memory", "defaultcpuallocator: can't allocate memory",
        "unable to allocate", "cannot allocate memory", "paging file is too small",
    ]),

    rule(Cause::DiskFull, &[], &[
        "no space left on device", "not enough space on the disk", "disk quota exceeded",
    ]),

    rule(Cause::ApiCredentials, &[], &[
        "unauthorized: please login", "payment required: please add credits",
        "there is a problem with your account", "401 client error", "402 client error",
        "invalid api key", "invalid_api_key", "incorrect api key",
    ]),
    rule(Cause::ApiCredentials, &["exception", "httperror", "authenticationerror", "gatedrepoerror"], &[
        "unauthorized", "payment required", "gated repo",
    ]),
    rule(Cause::ApiUnreachable, &["localnetworkerror", "apiservererror", "clientconnectorerror"], &[]),
    rule(Cause::ApiUnreachable, &[], &["rate limit exceeded: the server returned 429"]),

    rule(Cause::MissingNodeDependency, &["modulenotfounderror", "importerror", "packagenotfounderror"], &[]),

    rule(Cause::MissingModelPart, &[], &["vae is invalid: none", "clip input is invalid: none"]),

    rule(Cause::CorruptModelFile, &["safetensorerror", "unpicklingerror", "badzipfile"], &[]),
    rule(Cause::CorruptModelFile, &[], &[
        "safetensors file is corrupt", "error while deserializing header", "invalid load key",
        "failed finding central directory", "weights only load failed",
        "could not detect model type of", "corrupted model", "invalid style model",
        "controlnet file is invalid", "clip vision file is invalid",
    ]),

    rule(Cause::MissingModelFile, &[], &["model in folder '", "is not a valid model identifier"]),
    rule(Cause::MissingModelFile, &["filenotfounderror"], &[
        "model", ".safetensors", ".sft", ".ckpt", ".pth", ".pt'", ".bin", ".gguf", ".onnx",
    ]),

    rule(Cause::WrongShape, &[], &[
        "mat1 and mat2 shapes", "size mismatch for", "shape mismatch",
        "the size of tensor a", "sizes of tensors must match", "shapes cannot be multiplied",
        "expected size for first two dimensions", "is invalid for input of size", "weight of size",
    ]),

    rule(Cause::UnsupportedType, &[], &[
        "not implemented for 'half'", "not implemented for 'bfloat16'", "not implemented for 'float8",
        "float8", "fp8 rounding", "doesn't support float64", "bfloat16 is not supported",
        "expected scalar type", "must have the same dtype", "unsupported dtype", "unsupported scalartype",
    ]),

    rule(Cause::BadInput, &["unidentifiedimageerror", "filenotfounderror", "nodeinputerror", "validationerror"], &[]),
    rule(Cause::BadInput, &[], &[
        "cannot identify image file", "image file is truncated",
        "required positional argument", "got an unexpected keyword argument",
    ]),
    rule(Cause::BadInput, &["valueerror", "zerodivisionerror"], &[]),
];

/// How much of a message is looked at. Some hold whole tensors.
const MESSAGE_BYTES_READ: usize = 16 << 10;

fn start_of(message: &str) -> &str {
    message.get(..message.floor_char_boundary(MESSAGE_BYTES_READ)).unwrap_or(message)
}

/// What stands between two parts of a message, when it is a line that can be repeated.
fn named(message: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = start_of(message).split_once(before)?;
    let name = rest.split(after).next()?.trim();
    let is_plain = !name.is_empty() && !name.chars().any(char::is_control);
    is_plain.then(|| Excerpt(name).to_string())
}

/// The model file that a message names.
fn file(error: &ExecutionError) -> String {
    let part = |before, after| named(&error.message, before, after);
    part("with filename '", "'")
        .or_else(|| part("File path: ", "\n"))
        .or_else(|| part("model type of: ", "\n"))
        .or_else(|| part("No such file or directory: '", "'"))
        .map_or_else(|| "a model file".to_owned(), |file| format!("the file `{file}`"))
}

/// The first line of a message that says something.
fn first_line(error: &ExecutionError) -> String {
    let line = start_of(&error.message).lines().map(str::trim).find(|line| !line.is_empty());
    let line: String =
        line.unwrap_or("it does not say why").chars().filter(|char| !char.is_control()).collect();
    Excerpt(line.trim_end_matches('.')).to_string()
}

/// The node's id and class, as far as they are known.
fn place(error: &ExecutionError) -> Option<String> {
    let id = error.node.as_ref().map(|node| Excerpt(node.as_str()).to_string());
    let class = Some(&error.class_type).filter(|class| !class.is_empty());
    let class = class.map(|class| format!("({})", Excerpt(class)));
    match (id, class) {
        (Some(id), Some(class)) => Some(format!("{id} {class}")),
        (id, class) => id.or(class),
    }
}

#[cfg(test)]
mod tests;
