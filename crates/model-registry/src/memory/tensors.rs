//! What a safetensors file holds, from the header at its beginning.

use std::collections::BTreeMap;

use workflow_graph::Json;

use super::error::MemoryError;

/// What the format allows a header to be.
const HEADER_BYTES_MAX: u64 = 100_000_000;
/// The length of the header stands in so many bytes before it.
const LENGTH_BYTES: u64 = 8;
/// The member that is no tensor.
const METADATA: &str = "__metadata__";

/// The type of the numbers of a tensor.
///
/// ```
/// use model_registry::memory::Dtype;
/// assert_eq!(Dtype::from_header("BF16").map(Dtype::bits), Some(16));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Dtype {
    /// Floating point, 64 bits.
    F64,
    /// Floating point, 32 bits.
    F32,
    /// Floating point, 16 bits.
    F16,
    /// Floating point, 16 bits with the range of 32.
    Bf16,
    /// Floating point, 8 bits, of any kind.
    F8,
    /// Floating point, 4 or 6 bits, as many bits as stand here.
    Packed(u8),
    /// Whole numbers or truth, as many bits as stand here.
    Whole(u8),
}

impl Dtype {
    /// The type that a header names.
    pub fn from_header(name: &str) -> Option<Self> {
        Some(match name {
            "F64" => Self::F64,
            "F32" => Self::F32,
            "F16" => Self::F16,
            "BF16" => Self::Bf16,
            "F8_E4M3" | "F8_E5M2" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => Self::F8,
            "F6_E2M3" | "F6_E3M2" => Self::Packed(6),
            "F4" => Self::Packed(4),
            "BOOL" | "I8" | "U8" => Self::Whole(8),
            "I16" | "U16" => Self::Whole(16),
            "I32" | "U32" => Self::Whole(32),
            "I64" | "U64" | "C64" => Self::Whole(64),
            _ => return None,
        })
    }

    /// How many bits one number takes.
    pub fn bits(self) -> u64 {
        match self {
            Self::F64 => 64,
            Self::F32 => 32,
            Self::F16 | Self::Bf16 => 16,
            Self::F8 => 8,
            Self::Packed(bits) | Self::Whole(bits) => u64::from(bits),
        }
    }
}

/// A part of a checkpoint.
///
/// ```
/// use model_registry::memory::Part;
/// assert_ne!(Part::Diffusion, Part::Vae);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// All of the file: it holds one thing.
    Whole,
    /// What samples.
    Diffusion,
    /// What reads text.
    TextEncoder,
    /// What turns latents into pictures.
    Vae,
}

impl Part {
    /// How the tensors of a part are called in the checkpoints that ComfyUI reads. In a file
    /// without such names the diffusion model is what is left.
    fn prefixes(self) -> &'static [&'static str] {
        match self {
            Self::Whole => &[""],
            Self::Diffusion => &["model.diffusion_model.", "model.model.", "net."],
            Self::TextEncoder => &["cond_stage_model.", "conditioner.", "text_encoders."],
            Self::Vae => &["first_stage_model.", "vae.", "audio_vae.", "vocoder."],
        }
    }
}

/// The tensors of a file, without their values.
///
/// ```
/// use model_registry::memory::{Part, TensorTable};
/// let header = br#"{"w":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]}}"#;
/// let mut file = (header.len() as u64).to_le_bytes().to_vec();
/// file.extend_from_slice(header);
/// let table = TensorTable::parse(&file)?;
/// let sums = table.sums(Part::Whole);
/// assert_eq!((sums.elements, sums.bytes), (6, 12));
/// assert!(TensorTable::parse(&file[..20]).is_err());
/// # Ok::<(), model_registry::memory::MemoryError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TensorTable {
    tensors: Vec<Tensor>,
    quantized: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Tensor {
    name: String,
    dtype: Dtype,
    elements: u64,
    bytes: u64,
}

/// What the tensors of a part come to.
///
/// ```
/// assert_eq!(model_registry::memory::Sums::default().elements, 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// How many numbers.
    pub elements: u64,
    /// How many bytes they take in the file.
    pub bytes: u64,
    /// How many numbers there are of each type.
    pub by_dtype: BTreeMap<Dtype, u64>,
    /// Whether some are stored with a scale beside them. Such a file keeps its layout in memory.
    pub quantized: bool,
}

impl Sums {
    /// The type that most numbers have, which ComfyUI takes for that of the model.
    pub fn main_dtype(&self) -> Option<Dtype> {
        let most = self.by_dtype.iter().max_by_key(|(_, elements)| **elements);
        most.map(|(dtype, _)| *dtype)
    }
}

impl TensorTable {
    /// Reads the header from the first bytes of a file; what follows it may be missing.
    ///
    /// # Errors
    ///
    /// [`MemoryError::HeaderCut`] says how many bytes are needed; the others that it is no
    /// header, or one whose sums do not add up.
    pub fn parse(beginning: &[u8]) -> Result<Self, MemoryError> {
        let given = u64::try_from(beginning.len()).unwrap_or(u64::MAX);
        let cut = |needed| MemoryError::HeaderCut { needed, given };
        let (length, rest) = beginning.split_first_chunk().ok_or(cut(LENGTH_BYTES))?;
        let length = u64::from_le_bytes(*length);
        if length > HEADER_BYTES_MAX {
            return Err(MemoryError::HeaderTooLong { length, most: HEADER_BYTES_MAX });
        }
        let text = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        let text = text.ok_or(cut(LENGTH_BYTES + length))?;
        let json = Json::parse(text).map_err(|error| wrong(error.to_string()))?;
        let members = json.as_object().ok_or_else(|| wrong("it is no object".to_owned()))?;
        let mut table = Self::default();
        let mut end = 0_u64;
        for (name, value) in members {
            if name.as_str() == METADATA {
                table.quantized |= value.get("_quantization_metadata").is_some();
                continue;
            }
            let (tensor, last) = tensor(name.as_str(), value)?;
            end = end.max(last);
            table.quantized |= is_scale(&tensor.name);
            table.tensors.push(tensor);
        }
        let held = table.tensors.iter().try_fold(0_u64, |sum, next| sum.checked_add(next.bytes));
        if held != Some(end) {
            return Err(wrong("its tensors overlap or leave gaps".to_owned()));
        }
        Ok(table)
    }

    /// What one part comes to. Nothing, where the file has no such part.
    pub fn sums(&self, part: Part) -> Sums {
        let prefixes = part.prefixes();
        let named = |tensor: &&Tensor| prefixes.iter().any(|start| tensor.name.starts_with(start));
        let mut sums = self.sum(self.tensors.iter().filter(named));
        if part == Part::Diffusion && sums.elements == 0 {
            let other = [Part::TextEncoder, Part::Vae];
            let is_other = |tensor: &Tensor| {
                let mut prefixes = other.iter().flat_map(|part| part.prefixes());
                prefixes.any(|start| tensor.name.starts_with(start))
            };
            sums = self.sum(self.tensors.iter().filter(|tensor| !is_other(tensor)));
        }
        sums
    }

    fn sum<'t>(&self, tensors: impl Iterator<Item = &'t Tensor>) -> Sums {
        let mut sums = Sums { quantized: self.quantized, ..Sums::default() };
        for tensor in tensors {
            sums.elements = sums.elements.saturating_add(tensor.elements);
            sums.bytes = sums.bytes.saturating_add(tensor.bytes);
            let of_type = sums.by_dtype.entry(tensor.dtype).or_default();
            *of_type = of_type.saturating_add(tensor.elements);
        }
        sums
    }
}

fn wrong(problem: String) -> MemoryError {
    MemoryError::HeaderWrong { problem }
}

/// One entry of the header, and where its bytes end.
fn tensor(name: &str, value: &Json) -> Result<(Tensor, u64), MemoryError> {
    let told = |problem: &str| wrong(format!("`{name}` {problem}"));
    let dtype = value.get("dtype").and_then(Json::as_str).and_then(Dtype::from_header);
    let dtype = dtype.ok_or_else(|| told("has no type that is known"))?;
    let shape = value.get("shape").and_then(Json::as_array).and_then(whole_numbers);
    let shape = shape.ok_or_else(|| told("has no shape of whole numbers"))?;
    let offsets = value.get("data_offsets").and_then(Json::as_array).and_then(whole_numbers);
    let Some(&[start, end]) = offsets.as_deref() else {
        return Err(told("has no two offsets"));
    };
    let elements = shape.iter().try_fold(1_u64, |product, side| product.checked_mul(*side));
    let bits = elements.and_then(|elements| elements.checked_mul(dtype.bits()));
    let (Some(elements), Some(bits)) = (elements, bits) else {
        return Err(told("is larger than any file"));
    };
    if end.checked_sub(start) != Some(bits.div_ceil(8)) {
        return Err(told("has offsets that do not go with its shape"));
    }
    Ok((Tensor { name: name.to_owned(), dtype, elements, bytes: end - start }, end))
}

fn whole_numbers(items: &[Json]) -> Option<Vec<u64>> {
    items.iter().map(Json::as_u64).collect()
}

/// Whether a tensor is there to scale another one that is stored in fewer bits.
fn is_scale(name: &str) -> bool {
    [".comfy_quant", ".weight_scale", ".scale_weight", "scaled_fp8"]
        .iter()
        .any(|end| name.ends_with(end))
}
