//! Workflows for tests: small ones by hand, and any by chance.

use proptest::prelude::*;
use workflow_graph::{Input, Json, Node, NodeId, Workflow};

#[track_caller]
pub(crate) fn workflow(text: &str) -> Workflow {
    Workflow::from_json(&Json::parse(text.as_bytes()).unwrap()).unwrap()
}

#[track_caller]
pub(crate) fn id(text: &str) -> NodeId {
    text.parse().unwrap()
}

/// Text to image with a checkpoint, as the front end exports it.
pub(crate) const TEXT_TO_IMAGE: &str = r#"{
  "3": {"inputs": {"seed": 5, "steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
        "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]},
        "class_type": "KSampler", "_meta": {"title": "KSampler"}},
  "4": {"inputs": {"ckpt_name": "base.safetensors"}, "class_type": "CheckpointLoaderSimple", "_meta": {"title": "Load Checkpoint"}},
  "5": {"inputs": {"width": 512, "height": 768, "batch_size": 1}, "class_type": "EmptyLatentImage"},
  "6": {"inputs": {"text": "a red fox", "clip": ["4", 1]}, "class_type": "CLIPTextEncode", "_meta": {"title": "Positive"}},
  "7": {"inputs": {"text": "blurry", "clip": ["4", 1]}, "class_type": "CLIPTextEncode", "_meta": {"title": "Negative"}},
  "8": {"inputs": {"samples": ["3", 0], "vae": ["4", 2]}, "class_type": "VAEDecode"},
  "9": {"inputs": {"filename_prefix": "fox", "images": ["8", 0]}, "class_type": "SaveImage"}
}"#;

pub(crate) fn any_id() -> impl Strategy<Value = NodeId> {
    prop_oneof![
        8 => (1_u32..9).prop_map(|number| number.to_string()),
        1 => (1_u32..4).prop_map(|number| format!("1:{number}")),
    ]
    .prop_map(|text| id(&text))
}

pub(crate) fn any_input_name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-d]", Just("model".to_owned()), Just("text".to_owned())]
}

/// Values whose spelling matters, and some that look like other things.
pub(crate) fn any_value() -> impl Strategy<Value = Json> {
    let spellings = [
        "1",
        "1.0",
        "18446744073709551615",
        "NaN",
        "-0.0",
        "null",
        "true",
        r#""""#,
        r#""{{X}}""#,
        r#""a \"b\"\n<c>""#,
        "[]",
        r#"["1",0,2]"#,
        r#"{"__value__":["1",0]}"#,
    ];
    proptest::sample::select(spellings.to_vec())
        .prop_map(|text| Json::parse(text.as_bytes()).unwrap())
}

pub(crate) fn any_input() -> impl Strategy<Value = Input> {
    prop_oneof![
        any_value().prop_map(Input::Literal),
        (any_id(), 0_u32..3).prop_map(|(from, slot)| Input::Link { from, slot }),
    ]
}

pub(crate) fn any_node() -> impl Strategy<Value = Node> {
    let inputs = proptest::collection::vec((any_input_name(), any_input()), 0..5);
    let title = proptest::option::of("[a-c ]{0,3}");
    ("[A-C]", inputs, title, any::<bool>()).prop_map(|(class_type, inputs, title, meta_first)| {
        let inputs = inputs.iter().map(|(name, input)| (&**name, input.to_json()));
        let inputs = ("inputs", Json::object(inputs));
        let class_type = ("class_type", Json::from(class_type));
        let meta = title.map(|title| ("_meta", Json::object([("title", Json::from(title))])));
        let (before, after) = if meta_first { (meta, None) } else { (None, meta) };
        let members = before.into_iter().chain([inputs, class_type]).chain(after);
        Node::from_json("0", &Json::object(members)).unwrap()
    })
}

/// Any workflow: links to nowhere, self links and circles included.
pub(crate) fn any_workflow() -> impl Strategy<Value = Workflow> {
    proptest::collection::vec((any_id(), any_node()), 1..8).prop_map(|nodes| {
        let members = nodes.iter().map(|(id, node)| (id.as_str(), node.to_json()));
        Workflow::from_json(&Json::object(members)).unwrap()
    })
}
