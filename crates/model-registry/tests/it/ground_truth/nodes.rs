//! Rules against the nodes of a real server, and geometry and memory factors against ComfyUI's
//! own numbers.

use serde_json::Map;

use super::{Value, folder, items, json, registry, text};

#[test]
fn size_and_frame_rules_equal_the_ranges_of_the_nodes() {
    let Some(nodes) = json("comfyui/object_info-0.33.0.json") else { return };
    for family in registry().families() {
        let compression = family.geometry.as_ref().and_then(|shape| shape.spatial).unwrap_or(1);
        for variant in &family.variants {
            let Some(latent) = &variant.latent else { continue };
            let place = format!("{}/{}", family.name, variant.name);
            let width = range(&nodes, &latent.node, "width");
            assert_eq!(variant.size_rule.is_some(), width.is_some(), "{place}");
            if let (Some(rule), Some((step, least, most))) = (&variant.size_rule, width) {
                assert_eq!((rule.least, rule.most), (least, most), "{place}");
                let common =
                    (1..=compression).map(|times| times * step).find(|all| all % compression == 0);
                assert_eq!(Some(rule.divisor.value), common, "{place}");
                let named = if common == Some(step) { "nodes" } else { "nodes-and-latent-formats" };
                assert_eq!(rule.divisor.source.key(), named, "{place}");
            }
            let length = range(&nodes, &latent.node, "length");
            assert_eq!(variant.frames_rule.is_some(), length.is_some(), "{place}");
            if let (Some(rule), Some((step, least, most))) = (&variant.frames_rule, length) {
                let told = (rule.step.value, rule.offset, rule.least, rule.most);
                assert_eq!(told, (step, least % step, least, most), "{place}");
            }
        }
    }
}

/// Step, least and most of an input, where the node has it with a step.
fn range(nodes: &Value, node: &str, input: &str) -> Option<(u32, u32, u32)> {
    let inputs = &nodes[node]["input"];
    let required = [&inputs["required"][input], &inputs["optional"][input]];
    let options = &required.into_iter().find(|spec| !spec.is_null())?[1];
    let whole = |key: &str| options[key].as_u64().map(|number| u32::try_from(number).unwrap());
    Some((whole("step")?, whole("min")?, whole("max")?))
}

/// Factors that ComfyUI computes from a model's width, by its formulas in facts.md, section 5.
const COMPUTED: &[(&str, f64)] = &[
    ("flux2-dev", 3.1 * 4.0 * 6144.0 / 2604.0),
    ("flux2-klein-9b", 3.1 * 4.0 * 4096.0 / 2604.0),
    ("flux2-klein-4b", 3.1 * 4.0 * 3072.0 / 2604.0),
    ("wan-2.2-14b", 5120.0 / 2222.0),
    ("wan-2.2-5b", 3072.0 / 2222.0),
    ("scail-2", 5120.0 / 2222.0),
    ("wan-2.1-vace", 1.2 * 5120.0 / 2222.0),
    ("wan-2.1/t2v_1.3b", 1536.0 / 2222.0),
    ("wan-2.1/i2v_14b", 5120.0 / 2222.0),
    ("wan-2.1/flf2v", 5120.0 / 2222.0),
];

/// Families whose class has a formula and whose width nobody has told us.
const WIDTH_UNKNOWN: &[&str] = &["anima", "ltxv-0.9", "wan-2.1", "wan-animate-2", "humo"];

#[test]
fn memory_factors_equal_their_source() {
    let Some(truth) = json("models/memory_usage_factors.json") else { return };
    let newer = truth["0.38"]["factors"].as_object().unwrap();
    let registry = registry();
    for family in registry.families() {
        for variant in &family.variants {
            if let Some(factor) = &variant.memory_factor {
                check_computed(&format!("{}/{}", family.name, variant.name), factor.value);
            }
        }
        let Some(memory) = &family.memory else { continue };
        let Some(factor) = &memory.factor else {
            assert!(WIDTH_UNKNOWN.contains(&&*family.name), "{}", family.name);
            continue;
        };
        let expected = match factor.source.key() {
            "memory-0.38" => factor_in(newer, &memory.class),
            "memory-0.8" => {
                let classes = items(&truth["0.8.0"]).iter();
                let mut same = classes.filter(|class| text(class, "class") == memory.class);
                leading_number(&same.next().unwrap()["memory_usage_factor"])
            }
            _ => {
                check_computed(&family.name, factor.value);
                continue;
            }
        };
        assert_eq!(Some(factor.value), expected, "{}", family.name);
    }
}

#[track_caller]
fn check_computed(place: &str, told: f64) {
    let computed = COMPUTED.iter().find(|(name, _)| *name == place);
    let (_, computed) = computed.unwrap_or_else(|| panic!("{place} has no formula"));
    assert!((told - computed).abs() < 0.000_05, "{place}: {told}, not {computed}");
}

/// The factor of a class: the keys of the source join several, some with an explanation.
fn factor_in(factors: &Map<String, Value>, class: &str) -> Option<f64> {
    let is_of = |key: &str| {
        let (first, more) = key.split_once('(').unwrap_or((key, ""));
        first.split('/').any(|name| {
            let extended = more.trim_end_matches(')').trim_start_matches('+').split([',', '/']);
            name == class || extended.map(|end| format!("{name}{end}")).any(|name| name == class)
        })
    };
    // Hunyuan3D's three classes are one key with their beginning left out.
    let shortened = class.starts_with("Hunyuan3Dv2").then_some("Hunyuan3Dv2/2.1/mini");
    let found = factors.iter().find(|(key, _)| Some(key.as_str()) == shortened || is_of(key));
    found.and_then(|(_, value)| leading_number(value))
}

fn leading_number(value: &Value) -> Option<f64> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.split(' ').next().and_then(|number| number.parse().ok())
}

/// A family, the vector's name, its width, height and frames, and its latent shape.
type Vector = (&'static str, &'static str, (u32, u32, u32), &'static str);

/// Latent shapes in the test vectors of facts.md.
const SHAPES: &[Vector] = &[
    ("sd1.5", "SD1.5 512x512", (512, 512, 1), "[1, 4, 64, 64]"),
    ("sdxl", "SDXL 1024x1024", (1024, 1024, 1), "[1, 4, 128, 128]"),
    ("sd3.5", "SD3.5 1024", (1024, 1024, 1), "[1, 16, 128, 128]"),
    ("flux1-dev", "FLUX.1 1024", (1024, 1024, 1), "[1, 16, 128, 128]"),
    ("flux2-klein-9b", "FLUX.2 klein 9B 1024", (1024, 1024, 1), "[1, 128, 64, 64]"),
    ("flux2-klein-4b", "FLUX.2 klein 4B 1024", (1024, 1024, 1), "[1, 128, 64, 64]"),
    ("qwen-image", "Qwen-Image 1328x1328", (1328, 1328, 1), "[1, 16, 1, 166, 166]"),
    ("z-image-turbo", "Z-Image 1024 (0.38)", (1024, 1024, 1), "[1, 16, 128, 128]"),
    ("wan-2.2-14b", "Wan2.x 14B 832x480x81", (832, 480, 81), "[1, 16, 21, 60, 104]"),
    ("wan-2.1", "Wan2.1 1.3B 832x480x81", (832, 480, 81), "[1, 16, 21, 60, 104]"),
    ("wan-2.2-5b", "Wan2.2 5B 1280x704x121", (1280, 704, 121), "[1, 48, 31, 44, 80]"),
    ("hunyuanvideo-1.5", "HunyuanVideo1.5 1280x720x121", (1280, 720, 121), "[1, 32, 31, 45, 80]"),
];

#[test]
fn latent_shapes_equal_the_vectors() {
    let Some(folder) = folder() else { return };
    let facts = std::fs::read_to_string(folder.join("models/facts.md")).unwrap();
    for (name, case, (width, height, frames), shape) in SHAPES {
        let mut rows = facts.lines().filter(|line| line.starts_with(&format!("| {case}")));
        assert!(rows.any(|row| row.contains(shape)), "{case} is no vector");
        let registry = registry();
        let geometry = registry.family(name).unwrap().geometry.as_ref().unwrap();
        let spatial = geometry.spatial.unwrap();
        let mut told = vec![1, geometry.channels];
        told.extend(geometry.temporal.map(|temporal| (frames - 1) / temporal + 1));
        told.extend([height / spatial, width / spatial]);
        assert_eq!(format!("{told:?}"), *shape, "{case}");
    }
}
