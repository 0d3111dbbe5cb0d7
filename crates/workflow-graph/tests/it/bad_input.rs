//! What is no good, given to every reader: each says what is wrong and where, and none breaks.

use std::{collections::BTreeMap, fmt::Write as _};

use workflow_graph::{
    Json, Workflow,
    catalog::NodeCatalog,
    check,
    convert::convert,
    diff,
    draw::Picture,
    fix, json,
    lift::lift,
    merge::{self, Strategy},
    patch::Patch,
    placeholders::{Mapping, Placeholders},
    roles,
    ui::UiWorkflow,
    validate::{Profile, Targets, validate},
};

use crate::graphs::{TEXT_TO_IMAGE, workflow};

/// Classes for documents by hand.
pub(crate) const CLASSES: &str = r#"{
    "Load": {"input": {"required": {"name": [["a.png", "b.png"]]}}, "output": ["IMAGE"]},
    "Blur": {"input": {"required": {"image": ["IMAGE"], "radius": ["FLOAT", {"default": 1.0, "min": 0, "max": 9}]}}, "output": ["IMAGE"]},
    "Save": {"input": {"required": {"image": ["IMAGE"], "prefix": ["STRING", {"default": "x"}]}}, "output": [], "output_node": true}
}"#;

pub(crate) fn classes() -> NodeCatalog {
    NodeCatalog::from_bytes(CLASSES.as_bytes()).unwrap()
}

/// An error with its causes.
fn causes(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|source| format!(": {}", causes(source)));
    format!("{error}{}", source.unwrap_or_default())
}

/// What each reader says of a document, one line each.
fn told(text: &str) -> String {
    let mut told = String::new();
    let mut line = |reader: &str, said: &str| writeln!(told, "{reader}: {said}").unwrap();
    let json = match Json::parse(text.as_bytes()) {
        Ok(json) => json,
        Err(error) => {
            line("json", &error.to_string());
            let catalog = NodeCatalog::from_bytes(text.as_bytes()).unwrap_err();
            line("catalog", &causes(&catalog));
            return told;
        }
    };
    match NodeCatalog::from_bytes(text.as_bytes()) {
        Ok(catalog) => {
            let unreadable = catalog.unreadable().len();
            line("catalog", &format!("{} classes, {unreadable} odd", catalog.classes().len()));
        }
        Err(error) => line("catalog", &causes(&error)),
    }
    match Patch::from_json(&json) {
        Ok(patch) => {
            let applied = workflow(TEXT_TO_IMAGE).apply(&patch);
            line("patch", &applied.map_or_else(|error| causes(&error), |_| "applied".to_owned()));
        }
        Err(error) => line("patch", &causes(&error)),
    }
    match Mapping::from_json(&json).and_then(|mapping| mapping.on(&workflow(TEXT_TO_IMAGE))) {
        Ok(template) => line("mapping", &format!("{} parameters", template.parameters().len())),
        Err(error) => line("mapping", &causes(&error)),
    }
    match UiWorkflow::from_json(json.clone()) {
        Ok(ui) => told_of_ui(&ui, &mut line),
        Err(error) => line("ui", &causes(&error)),
    }
    let verdict = validate(&json, &classes(), Targets::All, Profile::V0_33);
    let refusal =
        verdict.refusal().map(|refusal| format!("{} {}", refusal.message, refusal.details));
    line("verdict", refusal.as_deref().unwrap_or("accepted"));
    for error in verdict.errors() {
        line(
            "  error",
            &format!("{}: {} ({})", error.node, error.finding.message, error.finding.details),
        );
    }
    for warning in verdict.warnings() {
        line("  warning", &format!("{}: {}", warning.node, warning.message));
    }
    match Workflow::from_json(&json) {
        Ok(workflow) => told_of_workflow(&workflow, &mut line),
        Err(error) => line("workflow", &causes(&error)),
    }
    told
}

fn told_of_ui(ui: &UiWorkflow, line: &mut impl FnMut(&str, &str)) {
    let converted = convert(ui, &classes());
    line("ui", &format!("converted to {}", converted.workflow));
    for finding in &converted.findings {
        line("  finding", &finding.to_string());
    }
}

fn told_of_workflow(read: &Workflow, line: &mut impl FnMut(&str, &str)) {
    assert_eq!(Workflow::from_json(&read.to_json()).as_ref(), Ok(read));
    line("workflow", &format!("{} nodes", read.nodes().len()));
    for dangling in check::dangling_links(read) {
        line("  dangling", &dangling.to_string());
    }
    if let Some(cycle) = check::cycle(read) {
        line("  cycle", &cycle.to_string());
    }
    for finding in lift(read, &classes()).findings {
        line("  lift", &finding.to_string());
    }
    if let Err(error) = Placeholders::find(read).map(|template| template.fill(&BTreeMap::new())) {
        line("  placeholders", &error.to_string());
    }
    let fixes = fix::fix(&read.to_json(), &classes(), Targets::All, Profile::V0_33);
    for proposal in fixes.proposals {
        line("  fix", &proposal.to_string());
    }
    let _roles = roles::of(read).to_json();
    let other = workflow(TEXT_TO_IMAGE);
    let found = diff::between(&other, read);
    let mut patched = other.clone();
    patched.apply(&found.to_patch()).unwrap();
    assert!(diff::between(&patched, read).is_empty());
    let merged = merge::three_way(&other, &other, read, &Strategy::Ours);
    assert!(merged.is_settled());
    let picture = Picture::of_diff(&found);
    assert!(picture.to_svg().ends_with("</svg>\n") || picture.to_svg().ends_with("</svg>"));
    line("  drawn", picture.to_mermaid().lines().next().unwrap_or_default());
}

fn told_of_all(documents: &[&str]) -> String {
    let told = documents.iter().map(|text| format!("{text}\n{}", told(text)));
    told.collect::<Vec<_>>().join("\n")
}

const SAVED: &str = r#"{"nodes": [{"id": 1, "type": "Load", "widgets_values": ["b.png"], "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [5]}]},
    {"id": 2, "type": "Save", "inputs": [{"name": "image", "type": "IMAGE", "link": 5}]}], "links": [[5, 1, 0, 2, 0, "IMAGE"]]}"#;

const PATCH: &str = r#"{"version": 1, "operations": [{"op": "set", "node": "3", "input": "seed", "value": 1.5e3}]}"#;

#[test]
fn what_is_cut_off_anywhere_is_refused_where_it_ends() {
    for document in [TEXT_TO_IMAGE, SAVED, PATCH, CLASSES] {
        for cut in 0..document.trim_end().len() {
            let text = &document.as_bytes()[..cut];
            let error = Json::parse(text).unwrap_err();
            let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
            assert_eq!(error.line, lines.len(), "{error} at {cut}");
            assert!(error.column <= lines[lines.len() - 1].len() + 1, "{error} at {cut}");
            assert!(NodeCatalog::from_bytes(text).is_err());
        }
    }
    let cuts = [0, 1, 8, 20, 28, 33, 55, 75, 89].map(|cut| &PATCH[..cut]);
    let told = told_of_all(&cuts);
    insta::assert_snapshot!(told);
}

#[test]
fn nesting_is_refused_before_it_costs_the_stack() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        let column = 1 + open.len() * (json::DEPTH_MAX + 1);
        let problem = "lists and objects nest too deep";
        let expected = format!("not JSON at line 1 column {column}: {problem}");
        assert_eq!(Json::parse(deep.as_bytes()).unwrap_err().to_string(), expected);
        let catalog = NodeCatalog::from_bytes(deep.as_bytes()).unwrap_err();
        assert_eq!(causes(&catalog), format!("node definitions cannot be read: {expected}"));
        let error = Json::parse_deep(deep.as_bytes()).unwrap_err();
        assert_eq!((error.column, error.problem), (1 + open.len() * 257, problem));
    }
}

/// As deep as it may be, in the smallest stack that a thread of a server has.
#[test]
fn the_deepest_value_goes_through_every_reader() {
    let work = || {
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let value = deep(json::DEPTH_MAX - 4);
        let documents = [
            format!(
                r#"{{"1": {{"class_type": "Save", "inputs": {{"prefix": {value}, "image": {value}}}}}}}"#
            ),
            format!(
                r#"{{"nodes": [{{"id": {value}, "type": "Load", "widgets_values": {value}}}, {{"id": 1, "type": "Load", "widgets_values": [{}]}}], "extra": {value}}}"#,
                deep(100)
            ),
            format!(
                r#"{{"version": 1, "operations": [{{"op": "set", "node": "3", "input": "seed", "value": {value}}}]}}"#
            ),
            format!(
                r#"{{"A": {{"input": {{"required": {{"x": {value}}}}}, "output": [{value}]}}}}"#
            ),
            format!(
                r#"{{"parameters": [{{"name": "a", "comfyui_node_id": "3", "comfyui_widget_name": "seed", "default": {value}}}]}}"#
            ),
        ];
        let told: Vec<String> = documents.iter().map(|text| told(text)).collect();
        told.join("\n").len()
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap();
    assert!(thread.join().unwrap() > 0);
}

#[test]
fn ids_may_be_of_any_kind() {
    let kinds = ["null", "true", "1.5", "-0", r#""""#, r#""x""#, "[]", "{}", "NaN", "1e400"];
    let mut told = String::new();
    for kind in kinds {
        let node = format!(
            r#"{{"nodes": [{{"id": {kind}, "type": "Load", "outputs": [{{"name": "IMAGE", "type": "IMAGE", "links": [{kind}]}}]}},
            {{"id": 2, "type": "Save", "inputs": [{{"name": "image", "type": "IMAGE", "link": {kind}}}]}}], "links": [[{kind}, {kind}, {kind}, 2, 0, "IMAGE"]], "last_node_id": {kind}}}"#
        );
        let ui = UiWorkflow::from_json(Json::parse(node.as_bytes()).unwrap()).unwrap();
        told_of_ui(&ui, &mut |reader, said| writeln!(told, "{kind} {reader}: {said}").unwrap());
        let link = format!(
            r#"{{"1": {{"class_type": "Load", "inputs": {{"name": "a.png"}}}}, "2": {{"class_type": "Save", "inputs": {{"image": [{kind}, 0], "prefix": ["1", {kind}]}}}}}}"#
        );
        let verdict = validate(
            &Json::parse(link.as_bytes()).unwrap(),
            &classes(),
            Targets::All,
            Profile::V0_33,
        );
        for error in verdict.errors() {
            let finding = error.finding;
            writeln!(told, "{kind} {}: {} ({})", error.node, finding.message, finding.details)
                .unwrap();
        }
        told_of_workflow(&workflow(&link), &mut |_, _| {});
        let patch = format!(r#"[{{"op": "remove_node", "node": {kind}}}]"#);
        let operations = Json::parse(patch.as_bytes()).unwrap();
        match Patch::from_operations(operations.as_array().unwrap()) {
            Ok(patch) => writeln!(
                told,
                "{kind} patch: {}",
                workflow(TEXT_TO_IMAGE).apply(&patch).unwrap_err()
            ),
            Err(error) => writeln!(told, "{kind} patch: {error}"),
        }
        .unwrap();
        let mapping = format!(
            r#"[{{"name": "a", "comfyui_node_id": {kind}, "comfyui_widget_name": "seed"}}]"#
        );
        let mapping = Mapping::from_json(&Json::parse(mapping.as_bytes()).unwrap());
        let found = mapping.and_then(|mapping| mapping.on(&workflow(TEXT_TO_IMAGE)));
        writeln!(told, "{kind} mapping: {}\n", found.unwrap_err()).unwrap();
    }
    insta::assert_snapshot!(told);
}

#[test]
fn circles_and_links_to_nowhere_are_findings() {
    let told = told_of_all(&[
        // To itself, in a circle of two, and from nowhere.
        r#"{"1": {"class_type": "Blur", "inputs": {"image": ["1", 0], "radius": 2.0}}, "2": {"class_type": "Save", "inputs": {"image": ["1", 0], "prefix": "x"}}}"#,
        r#"{"1": {"class_type": "Blur", "inputs": {"image": ["3", 0], "radius": 2.0}}, "3": {"class_type": "Blur", "inputs": {"image": ["1", 0], "radius": 2.0}}, "2": {"class_type": "Save", "inputs": {"image": ["3", 0], "prefix": "x"}}}"#,
        r#"{"2": {"class_type": "Save", "inputs": {"image": ["77", 0], "prefix": "x"}}, "3": {"class_type": "Save", "inputs": {"image": ["2", 9], "prefix": "x"}}}"#,
        // The same in UI format, and reroutes that lead to one another.
        r#"{"nodes": [{"id": 1, "type": "Save", "inputs": [{"name": "image", "type": "IMAGE", "link": 5}]}], "links": [[5, 77, 0, 1, 0, "IMAGE"]]}"#,
        r#"{"nodes": [{"id": 1, "type": "Save", "inputs": [{"name": "image", "type": "IMAGE", "link": 5}]}], "links": []}"#,
        r#"{"nodes": [{"id": 1, "type": "Save", "inputs": [{"name": "image", "type": "IMAGE", "link": 7}]},
            {"id": 2, "type": "Reroute", "inputs": [{"name": "", "type": "*", "link": 6}], "outputs": [{"name": "", "type": "*", "links": [5, 7]}]},
            {"id": 3, "type": "Reroute", "inputs": [{"name": "", "type": "*", "link": 5}], "outputs": [{"name": "", "type": "*", "links": [6]}]}],
            "links": [[5, 2, 0, 3, 0, "*"], [6, 3, 0, 2, 0, "*"], [7, 2, 0, 1, 0, "IMAGE"]]}"#,
        r#"{"nodes": [{"id": 1, "type": "s"}], "definitions": {"subgraphs": [{"id": "s", "name": "Snake", "nodes": [{"id": 2, "type": "s"}], "links": []}]}}"#,
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn what_is_no_number_is_kept_and_told() {
    let told = told_of_all(&[
        r#"{"1": {"class_type": "Load", "inputs": {"name": NaN}}, "2": {"class_type": "Blur", "inputs": {"image": ["1", NaN], "radius": Infinity}}, "3": {"class_type": "Save", "inputs": {"image": ["2", 0], "prefix": -Infinity}}}"#,
        r#"{"nodes": [{"id": NaN, "type": "Load", "mode": NaN, "pos": [NaN, Infinity], "widgets_values": [NaN]}, {"id": 2, "type": "Blur", "widgets_values": [NaN], "inputs": [{"name": "image", "type": NaN, "link": NaN}]}], "links": [[NaN, 1, 0, 2, 0, NaN]], "version": NaN, "last_node_id": Infinity}"#,
        r#"{"A": {"input": {"required": {"x": ["FLOAT", {"min": NaN, "max": Infinity, "step": NaN, "default": -Infinity}]}}, "output": [NaN]}}"#,
        r#"{"version": NaN, "operations": []}"#,
        r#"[{"name": "a", "comfyui_node_id": NaN, "comfyui_widget_name": "seed"}]"#,
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn half_characters_go_through_every_reader() {
    let api = r#"{"\ud800":{"class_type":"Save","inputs":{"image":["\udc00",0],"prefix":"a\ud83e"}},"\udc00":{"class_type":"Load","inputs":{"name":"caf\udce9.png"}}}"#;
    let read = workflow(api);
    assert_eq!(read.to_json().to_string(), api);
    let catalog = NodeCatalog::from_bytes(CLASSES.replace("b.png", r"caf\udce9.png").as_bytes());
    let verdict = validate(&read.to_json(), &catalog.unwrap(), Targets::All, Profile::V0_33);
    assert!(verdict.is_clean(), "the file is found by the name that the server gave it");
    let told = told_of_all(&[
        api,
        r#"{"nodes": [{"id": "\ud800", "type": "Load", "title": "\ud83e", "widgets_values": ["caf\udce9.png"]}, {"id": 2, "type": "\udfff"}], "links": []}"#,
        r#"{"version": 1, "operations": [{"op": "set", "node": "6", "input": "text", "value": "\ud83e"}]}"#,
        r#"{"\ud800": {"input": {"required": {"\udc00": ["\ud83e"]}}, "output": ["\ud83e"]}}"#,
        r#"[{"name": "\ud800", "comfyui_node_id": "3", "comfyui_widget_name": "\udc00"}]"#,
        r#""\ud8""#,
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn json_that_is_something_else_is_told_to_be() {
    let told = told_of_all(&["null", "3", r#""text""#, "[]", "{}", r#"{"1": null}"#]);
    insta::assert_snapshot!(told);
}
