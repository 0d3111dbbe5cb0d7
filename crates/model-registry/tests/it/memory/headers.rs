//! Headers of safetensors files.

use model_registry::memory::{Dtype, MemoryError, Part, StageKind, TensorTable};

use super::{GIB, card, estimate, flux, flux_files, registry, stage};

/// A file that begins with a header; its tensors are missing.
fn file(header: &str) -> Vec<u8> {
    let mut file = u64::try_from(header.len()).unwrap().to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file
}

fn entry(name: &str, dtype: &str, shape: &str, offsets: (u64, u64)) -> String {
    let (start, end) = offsets;
    format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{end}]}}"#)
}

fn header(entries: &[String]) -> String {
    format!("{{{}}}", entries.join(","))
}

/// A checkpoint in little: one tensor of each part, and one more of what samples.
fn checkpoint() -> String {
    header(&[
        r#""__metadata__":{"format":"pt"}"#.to_owned(),
        entry("model.diffusion_model.in.weight", "F16", "[320,4,3,3]", (0, 23_040)),
        entry("model.diffusion_model.out.bias", "F32", "[4]", (23_040, 23_056)),
        entry("cond_stage_model.embed.weight", "F16", "[10,8]", (23_056, 23_216)),
        entry("first_stage_model.decoder.conv_in.bias", "F32", "[]", (23_216, 23_220)),
    ])
}

#[test]
fn parts_are_summed_apart() {
    let table = TensorTable::parse(&file(&checkpoint())).unwrap();
    let diffusion = table.sums(Part::Diffusion);
    assert_eq!((diffusion.elements, diffusion.bytes), (11_524, 23_056));
    assert_eq!(diffusion.main_dtype(), Some(Dtype::F16));
    assert_eq!(table.sums(Part::TextEncoder).bytes, 160);
    assert_eq!(table.sums(Part::Vae).elements, 1);
    assert_eq!(table.sums(Part::Whole).bytes, 23_220);
    assert!(!diffusion.quantized);
}

#[test]
fn a_file_without_parts_is_what_samples() {
    let text = header(&[entry("blocks.0.weight", "BF16", "[2,2]", (0, 8))]);
    let table = TensorTable::parse(&file(&text)).unwrap();
    assert_eq!(table.sums(Part::Diffusion).elements, 4);
    assert_eq!(table.sums(Part::Vae).elements, 0);
}

#[test]
fn scales_beside_weights_are_seen() {
    let text = header(&[
        entry("a.weight", "F8_E4M3", "[4]", (0, 4)),
        entry("a.scale_weight", "F32", "[]", (4, 8)),
    ]);
    assert!(TensorTable::parse(&file(&text)).unwrap().sums(Part::Whole).quantized);
}

#[test]
fn hostile_headers_are_refused() {
    for (text, expected) in [
        ("[]".to_owned(), "it is no object"),
        (header(&[entry("w", "F99", "[1]", (0, 1))]), "`w` has no type that is known"),
        (header(&[entry("w", "F16", "[1,-1]", (0, 2))]), "`w` has no shape of whole numbers"),
        (
            header(&[entry("w", "F16", "[2]", (4, 0))]),
            "`w` has offsets that do not go with its shape",
        ),
        (
            header(&[entry("w", "F16", "[2]", (0, 5))]),
            "`w` has offsets that do not go with its shape",
        ),
        (
            header(&[entry("w", "F64", "[4294967296,4294967296]", (0, 8))]),
            "`w` is larger than any file",
        ),
        (
            header(&[entry("v", "F16", "[2]", (0, 4)), entry("w", "F16", "[2]", (0, 4))]),
            "its tensors overlap or leave gaps",
        ),
        (header(&[entry("w", "F16", "[2]", (4, 8))]), "its tensors overlap or leave gaps"),
        (r#"{"w":{"dtype":"F16","shape":[1]}}"#.to_owned(), "`w` has no two offsets"),
    ] {
        let MemoryError::HeaderWrong { problem } = TensorTable::parse(&file(&text)).unwrap_err()
        else {
            panic!("{text}")
        };
        assert_eq!(problem, expected, "{text}");
    }
}

#[test]
fn a_header_that_is_cut_says_how_much_is_needed() {
    let whole = file(&checkpoint());
    let needed = u64::try_from(whole.len()).unwrap();
    let cut = TensorTable::parse(&whole[..100]).unwrap_err();
    assert_eq!(cut, MemoryError::HeaderCut { needed, given: 100 });
    assert_eq!(
        TensorTable::parse(&[1, 2]).unwrap_err(),
        MemoryError::HeaderCut { needed: 8, given: 2 }
    );
    let endless = TensorTable::parse(&[0xff; 16]).unwrap_err();
    assert!(matches!(endless, MemoryError::HeaderTooLong { .. }), "{endless}");
}

#[test]
fn a_header_is_believed_before_a_size() {
    let text = header(&[entry("blocks.0.weight", "F32", "[1000,1000]", (0, 4_000_000))]);
    let table = TensorTable::parse(&file(&text)).unwrap();
    let mut files = flux_files();
    files.insert_table("diffusion_models", "flux1-dev.safetensors", 4_000_100, table);
    let estimate = estimate(registry(), &flux(1024, 1024, 1), &card(24 * GIB), &files);
    // What is stored with 32 bits is held with 16.
    assert_eq!(stage(&estimate, StageKind::Sampling).weights, Some(2_000_000));
}
