//! What the notes inside official templates say: the makers' own settings.

use std::collections::BTreeSet;

use super::{Value, folder, fs, registry};

/// The variant that a figure is of, the template with the note, and the words of the note.
const NOTES: &[(&str, &str, &str)] = &[
    ("capybara/t2i", "Image_capybara_v0_1_text_to_image", "| **Steps** | 50 | 20 |"),
    ("capybara/t2i", "Image_capybara_v0_1_text_to_image", "| **CFG** | 4.0 | 6.0 |"),
    ("capybara/edit", "Image_capybara_v0_1_image_edit", "| **Steps** | 50 | 20 |"),
    ("capybara/edit", "Image_capybara_v0_1_image_edit", "| **CFG** | 4.0 | 6.0 |"),
    (
        "hunyuanvideo-1.5/t2v",
        "video_hunyuan_video_1.5_720p_i2v",
        "| 720p_t2v              | 6   | None        | 9     | 50 ",
    ),
    (
        "hunyuanvideo-1.5/i2v",
        "video_hunyuan_video_1.5_720p_i2v",
        "| 720p_i2v              | 6   | None        | 7     | 50 ",
    ),
    ("qwen-image-edit-2509/edit", "image_qwen_image_edit_2509", "| Steps  | 50      | 20 "),
    ("qwen-image-edit-2509/edit", "image_qwen_image_edit_2509", "| CFG    | 4.0     | 2.5 "),
    (
        "bernini-r/video_edit",
        "video_bernini_r_video_editing",
        "| **Total steps** | **6** | **40** ",
    ),
    ("bernini-r/video_edit", "video_bernini_r_video_editing", "| **CFG** | **1** | **5** |"),
    ("ernie-image/t2i", "image_ernie_image", "Try 50 steps"),
    ("z-image/t2i", "image_z_image_int8", "- Steps: 30～50"),
    ("z-image/t2i_int8", "image_z_image_int8", "- cfg:  3～5"),
    ("wan-2.1-vace/t2v", "video_wan_vace_14B_t2v", "- steps: 2-4"),
    ("wan-2.1-vace/v2v", "video_wan_vace_14B_v2v", "- steps: 2-4"),
    ("mage-flow/t2i", "image_mage_flow_t2i_int8", "**512 – 2048** px per side"),
    ("mage-flow/t2i_turbo", "image_mage_flow_t2i_int8", "**multiple of 16**"),
    ("mage-flow/edit", "image_mage_flow_edit_int8", "**512 – 2048** px per side"),
];

#[test]
fn figures_of_notes_stand_in_the_notes() {
    let Some(folder) = folder() else { return };
    for (variant, template, words) in NOTES {
        let text = fs::read(folder.join(format!("corpus/ui/{template}.json"))).unwrap();
        let graph: Value = serde_json::from_slice(&text).unwrap();
        assert!(says(&graph, words), "{variant}: {template} does not say {words}");
    }
}

#[test]
fn every_figure_of_a_note_is_looked_up() {
    let mut of_notes = BTreeSet::new();
    for family in registry().families() {
        for variant in &family.variants {
            let sources = [
                variant.maker_steps.as_ref().map(|figure| &figure.source),
                variant.maker_cfg.as_ref().map(|figure| &figure.source),
                variant.maker_shift.as_ref().map(|figure| &figure.source),
                variant.steps_range.as_ref().map(|range| &range.source),
                variant.cfg_range.as_ref().map(|range| &range.source),
                variant.size_rule.as_ref().map(|rule| &rule.divisor.source),
            ];
            if sources.iter().flatten().any(|source| source.key() == "template-note") {
                of_notes.insert(format!("{}/{}", family.name, variant.name));
            }
        }
    }
    let looked_up: BTreeSet<_> = NOTES.iter().map(|(variant, ..)| (*variant).to_owned()).collect();
    assert_eq!(of_notes, looked_up);
}

fn says(value: &Value, words: &str) -> bool {
    match value {
        Value::String(text) => text.contains(words),
        Value::Array(all) => all.iter().any(|one| says(one, words)),
        Value::Object(all) => all.values().any(|one| says(one, words)),
        _ => false,
    }
}
