//! Wrong data is refused with file, line and key. It is made from right data by one change.

use model_registry::Registry;

const TEXTS: [(&str, &str); 3] = include!("../data/texts.rs");

/// What is said when `from` in one of the files is `to`.
fn told(file: &str, from: &str, to: &str) -> String {
    let changed: Vec<(&str, String)> = TEXTS
        .iter()
        .map(|(name, text)| {
            assert!(*name != file || text.contains(from), "{file} has no {from}");
            let text = if *name == file { text.replacen(from, to, 1) } else { (*text).to_owned() };
            (*name, text)
        })
        .collect();
    match Registry::load(changed.iter().map(|(name, text)| (*name, text.as_str()))) {
        Ok(_) => format!("{to:?} instead of {from:?} is taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_fault_has_its_place() {
    let fox = "fox-1.toml";
    let video = "fox-video.toml";
    let faults = [
        (fox, "title = \"Fox 1\"", "title = Fox 1"),
        (fox, "title = \"Fox 1\"", "titel = \"Fox 1\""),
        (fox, "title = \"Fox 1\"\n", ""),
        (fox, "name = \"fox-1\"", "name = \"fox-2\""),
        (fox, "makes = \"image\"", "makes = \"picture\""),
        (fox, "runs = \"local\"", "runs = \"api\""),
        (fox, "aliases = [\"fox\"", "aliases = [1"),
        (fox, "aliases = [\"fox\"", "aliases = [\"FOX-video\""),
        (fox, "\"Fox One\"", "\"F.O.X\""),
        (fox, "patterns = [\"fox_1*\"]", "patterns = [\"Fox_1*\"]"),
        (fox, "patterns = [\"fox_1*\"]", "patterns = \"fox_1*\""),
        (fox, "[licence]\nname = \"unknown\"\n", ""),
        (fox, "name = \"unknown\"", "name = \"unknown\"\ncommercial = true"),
        (fox, "2026-05-01, source", "2026-05-32, source"),
        (fox, "value = 2026-05-01", "value = \"2026-05-01\""),
        (fox, "value = 2026-05-01, source = \"card\"", "value = 2026-05-01, source = \"crad\""),
        (fox, "spatial = 8", "spatial = 0"),
        (fox, "https://example.org/fox_1", "http://example.org/fox_1"),
        (fox, "fox_encoder.safetensors\"\nfolder", "fox_1_bf16.safetensors\"\nfolder"),
        (fox, "url = ", "sha256 = \"ABC\"\nurl = "),
        (fox, "tasks = [\"text-to-image\"]", "tasks = [\"text-to-imag\"]"),
        (fox, "tasks = [\"text-to-image\"]", "tasks = []"),
        (fox, "usage = 7", "usage = -7"),
        (fox, "files = [\"fox_1_bf16.safetensors\"]", "files = [\"fox_1_fp16.safetensors\"]"),
        (fox, "width = 1024, height = 1024", "width = 1024"),
        (fox, "width = 1024, height = 1024", "size = \"large\""),
        (fox, "divisor = 16", "divisor = 0"),
        (fox, "least = 16", "least = 20000"),
        (fox, "steps = 20", "steps = \"20\""),
        (fox, "steps = 20", "steps = 0"),
        (fox, "steps = 20", "stepps = 20"),
        (fox, "steps = 20", "steps = { value = 20, sourc = \"card\" }"),
        (fox, "cfg = 1 }", "cfg = nan }"),
        (fox, "source = \"card\"\naliases", "aliases"),
        (fox, "template = \"image_fox_1_t2i\"\n", ""),
        (video, "superseded_by = { value = \"fox-1\"", "superseded_by = { value = \"fox-l\""),
        (video, "frames = 81", "frames = 81, length = \"input\""),
        (video, "step = 4", "step = 0"),
        (video, "optional = [\"fox_video_smooth", "optional = [\"fox_vidoe_smooth"),
        ("sources.toml", "card = \"The model's card\"", "card = 5"),
        ("sources.toml", "card = \"The model's card\"", "card = \"\""),
    ];
    let told: Vec<_> = faults
        .iter()
        .map(|(file, from, to)| format!("{to}\n    {}", told(file, from, to)))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn without_sources_there_is_nothing() {
    let error = Registry::load([("fox-1.toml", "")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no `sources.toml`, so no figure can say where it comes from"
    );
}

#[test]
fn the_sample_is_right_and_no_beginning_of_it_makes_it_panic() {
    assert!(Registry::load(TEXTS).is_ok());
    for (file, text) in TEXTS {
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            let texts =
                TEXTS.map(|(name, whole)| (name, if name == file { &text[..end] } else { whole }));
            if let Err(error) = Registry::load(texts) {
                assert!(!error.to_string().is_empty());
            }
        }
    }
}
