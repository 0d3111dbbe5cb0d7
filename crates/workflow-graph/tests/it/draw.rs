//! Drawings: what they show, and that no text of a workflow is taken for anything else.

use std::collections::BTreeMap;

use proptest::prelude::*;
use workflow_graph::{
    Json, Workflow, diff,
    draw::{Picture, Status},
    patch::Patch,
};

use crate::{
    graphs::{TEXT_TO_IMAGE, any_workflow, id, workflow},
    ground_truth,
};

const HOSTILE: &str = r#"{
    "1\"]; x[\"": {"class_type": "A</script><script>alert(1)</script>", "inputs": {"a\"|b": ["2", 0], "text": "\\\" ]]> & \u0000 \ud83e\udd8a"},
        "_meta": {"title": "<b>\"bold\" #quot; `c` %%{init}%% & 'd'\n</b>"}},
    "2": {"class_type": "click n0 \"javascript:alert(1)\"", "inputs": {}}
}"#;

/// The small graph, edited and half run.
fn picture() -> Picture {
    let before = workflow(TEXT_TO_IMAGE);
    let operations = Json::parse(
        br#"[{"op":"splice","id":"10","node":{"class_type":"LoraLoaderModelOnly","inputs":{"lora_name":"a"}},
               "through":[{"from":"4","slot":0,"input":"model","output":0}]},
             {"op":"set","node":"6","input":"text","value":"a blue fox"},
             {"op":"link","node":"3","input":"negative","from":"6","slot":0},
             {"op":"remove_node","node":"7"}]"#,
    );
    let patch = Patch::from_operations(operations.unwrap().as_array().unwrap()).unwrap();
    let mut after = before.clone();
    after.apply(&patch).unwrap();
    let status = BTreeMap::from([
        (id("4"), Status::Cached),
        (id("6"), Status::Done),
        (id("3"), Status::Running),
        (id("9"), Status::Waiting),
        (id("77"), Status::Failed),
    ]);
    Picture::of_diff(&diff::between(&before, &after)).with_status(&status)
}

#[test]
fn a_difference_half_run_in_mermaid() {
    insta::assert_snapshot!(picture().to_mermaid());
}

#[test]
fn a_difference_half_run_in_dot() {
    insta::assert_snapshot!(picture().to_dot());
}

#[test]
fn a_difference_half_run_in_svg() {
    insta::assert_snapshot!(picture().to_svg());
}

/// Without the parts that do not depend on the picture.
#[test]
fn a_difference_half_run_as_a_page() {
    let page = picture().to_html("Fox & \"Friends\"");
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, body) = rest.split_once("</head>").unwrap();
    let (before_picture, _) = body.split_once("<svg").unwrap();
    let (_, after_picture) = body.split_once("</svg>").unwrap();
    let (data, _) = after_picture.split_once("\"use strict\"").unwrap();
    insta::assert_snapshot!(format!("{head}{before_picture}{data}"));
}

#[test]
fn hostile_text_stays_text() {
    let picture = Picture::of(&workflow(HOSTILE));
    insta::assert_snapshot!("hostile_mermaid", picture.to_mermaid());
    insta::assert_snapshot!("hostile_dot", picture.to_dot());
    let page = picture.to_html("</title><script>alert(2)</script>");
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("<b>") && !page.contains('\u{0}'));
}

#[test]
fn a_page_asks_for_nothing() {
    let page = picture().to_html("x");
    assert!(page.contains("default-src 'none'"));
    let names = page.replace("http://www.w3.org/2000/svg", "");
    for request in ["http:", "https:", "url(", "src=", "@import", "fetch(", "href="] {
        assert!(!names.contains(request), "{request}");
    }
}

/// The same graph with the texts of every kind replaced by plain ones.
fn plain(json: &Json) -> Json {
    let mut nodes = json.as_object().unwrap().clone();
    for node in nodes.values_mut() {
        if let Json::Object(members) = node
            && members.contains_key("_meta")
        {
            members.insert("_meta", Json::object([("title", Json::from("plain"))]));
        }
    }
    Json::Object(nodes)
}

proptest! {
    #[test]
    fn any_workflow_can_be_drawn(before in any_workflow(), after in any_workflow()) {
        for picture in [Picture::of(&before), Picture::of_diff(&diff::between(&before, &after))] {
            let svg = picture.to_svg();
            prop_assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
            prop_assert!(!picture.to_mermaid().is_empty() && !picture.to_dot().is_empty());
            prop_assert!(picture.to_html("any").ends_with("</html>\n"));
        }
    }

    /// A title cannot open or close anything.
    #[test]
    fn any_title_leaves_the_structure_as_it_is(title in ".{1,40}") {
        let json = workflow(TEXT_TO_IMAGE).to_json();
        let Json::Object(mut nodes) = json else { unreachable!() };
        for node in nodes.values_mut() {
            if let Json::Object(members) = node {
                members.insert("_meta", Json::object([("title", Json::from(&*title))]));
            }
        }
        let titled = Json::Object(nodes);
        let draw = |json: &Json| Picture::of(&Workflow::from_json(json).unwrap());
        let (one, other) = (draw(&titled), draw(&plain(&titled)));
        let count = |text: &str, wanted: &str| text.matches(wanted).count();
        for wanted in ["<", ">", "\""] {
            prop_assert_eq!(count(&one.to_svg(), wanted), count(&other.to_svg(), wanted));
        }
        prop_assert_eq!(count(&one.to_mermaid(), "\""), count(&other.to_mermaid(), "\""));
        prop_assert_eq!(one.to_mermaid().lines().count(), other.to_mermaid().lines().count());
        let quotes = |dot: String| count(&dot.replace("\\\\", "").replace("\\\"", ""), "\"");
        prop_assert_eq!(quotes(one.to_dot()), quotes(other.to_dot()));
        prop_assert_eq!(count(&one.to_html("t"), "<script"), 2);
    }
}

#[test]
fn every_official_workflow_can_be_drawn() {
    for (name, workflow) in ground_truth::api_workflows("corpus/api") {
        let picture = Picture::of(&workflow);
        let svg = picture.to_svg();
        assert_eq!(svg.matches("class=\"node").count(), workflow.nodes().len(), "{name}");
        assert!(picture.to_html(&name).len() > svg.len(), "{name}");
    }
}

/// A chain of ten thousand with a link over all of it, and one node that all are linked to.
#[test]
fn a_large_graph_is_drawn_in_bounded_time_and_size() {
    let nodes = (0..10_000_u32).map(|number| {
        let from = number.saturating_sub(1);
        let text = format!(
            r#"{{"class_type":"A","inputs":{{"x":["{from}",0],"first":["0",4294967295],"v":{number}}}}}"#
        );
        (number.to_string(), Json::parse(text.as_bytes()).unwrap())
    });
    let large = Workflow::from_json(&Json::Object(nodes.collect())).unwrap();
    let svg = Picture::of(&large).to_svg();
    assert!(svg.len() < 40_000_000, "{}", svg.len());
}
