//! What the name of a graphics card says of it.

/// The compute capability of NVIDIA cards by what their names have in them, after NVIDIA's table
/// of CUDA GPUs. Every word must be in the name, where a `*` stands for any end of a word; the
/// first line that fits counts.
const CAPABILITIES: &[(&[&str], (u8, u8))] = &[
    (&["RTX", "PRO"], (12, 0)),
    (&["RTX", "50*"], (12, 0)),
    (&["B100"], (10, 0)),
    (&["B200"], (10, 0)),
    (&["GB200"], (10, 0)),
    (&["B300"], (10, 3)),
    (&["H20"], (9, 0)),
    (&["H100*"], (9, 0)),
    (&["H200*"], (9, 0)),
    (&["H800*"], (9, 0)),
    (&["GH200*"], (9, 0)),
    (&["RTX", "40*"], (8, 9)),
    (&["Ada"], (8, 9)),
    (&["L4"], (8, 9)),
    (&["L20"], (8, 9)),
    (&["L40*"], (8, 9)),
    (&["RTX", "30*"], (8, 6)),
    (&["RTX", "A*"], (8, 6)),
    (&["A10*G"], (8, 6)),
    (&["A10"], (8, 6)),
    (&["A16"], (8, 6)),
    (&["A40*"], (8, 6)),
    (&["A100*"], (8, 0)),
    (&["A800*"], (8, 0)),
    (&["A30"], (8, 0)),
    (&["RTX", "20*"], (7, 5)),
    (&["GTX", "16*"], (7, 5)),
    (&["Quadro", "RTX"], (7, 5)),
    (&["TITAN", "RTX"], (7, 5)),
    (&["T4"], (7, 5)),
    (&["Tesla", "V100*"], (7, 0)),
    (&["V100*"], (7, 0)),
    (&["TITAN", "V"], (7, 0)),
    (&["P100*"], (6, 0)),
    (&["GTX", "10*"], (6, 1)),
    (&["P40"], (6, 1)),
    (&["P4"], (6, 1)),
    (&["GTX", "9*"], (5, 2)),
];

/// The compute capability of an NVIDIA card, where its name is known.
pub(super) fn capability(name: &str) -> Option<(u8, u8)> {
    let words: Vec<&str> = name.split(|letter: char| !letter.is_ascii_alphanumeric()).collect();
    let has = |wanted: &&str| words.iter().any(|word| fits(word, wanted));
    CAPABILITIES.iter().find(|(wanted, _)| wanted.iter().all(has)).map(|(_, found)| *found)
}

/// The cards of compute capability 7.5 that ComfyUI's `should_use_fp16` counts as unable to
/// compute with 16 bits.
pub(super) fn computes_with_32_bits(name: &str) -> bool {
    let words: Vec<&str> = name.split(|letter: char| !letter.is_ascii_alphanumeric()).collect();
    let listed = ["1660", "1650", "1630"].iter().any(|model| words.contains(model));
    let mobile = ["T500", "T550", "T600", "MX550", "MX450", "CMP", "T1000", "T1200", "T2000"];
    listed || mobile.iter().any(|model| words.contains(model))
}

fn fits(word: &str, wanted: &str) -> bool {
    match wanted.split_once('*') {
        None => word == wanted,
        Some((start, end)) => word.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
    }
}

#[cfg(test)]
mod tests {
    use super::{capability, computes_with_32_bits};

    #[test]
    fn generations_are_told_apart_by_name() {
        for (name, expected) in [
            ("cuda:0 NVIDIA GeForce RTX 4090 : cudaMallocAsync", Some((8, 9))),
            ("cuda:0 NVIDIA GeForce RTX 5070 Ti : native", Some((12, 0))),
            ("cuda:0 NVIDIA GeForce RTX 3060 Laptop GPU : cudaMallocAsync", Some((8, 6))),
            ("cuda:0 NVIDIA H200 : native", Some((9, 0))),
            ("cuda:0 NVIDIA RTX 6000 Ada Generation : native", Some((8, 9))),
            ("cuda:0 NVIDIA RTX A6000 : native", Some((8, 6))),
            ("cuda:0 NVIDIA A100-SXM4-80GB : native", Some((8, 0))),
            ("cuda:0 NVIDIA A10G : native", Some((8, 6))),
            ("cuda:0 Tesla T4 : native", Some((7, 5))),
            ("cuda:0 NVIDIA GeForce GTX 1080 Ti : native", Some((6, 1))),
            ("cuda:0 NVIDIA Fox 9000 : native", None),
        ] {
            assert_eq!(capability(name), expected, "{name}");
        }
        assert!(computes_with_32_bits("cuda:0 NVIDIA GeForce GTX 1660 Ti : native"));
    }
}
