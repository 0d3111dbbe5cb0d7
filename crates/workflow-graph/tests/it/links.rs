//! What is a link to ComfyUI, whatever it is to a person.

use workflow_graph::{EditError, Input, Json, check};

use crate::graphs::{id, workflow};

/// ComfyUI 0.33.0 executes all of these as links: -1 takes the last output, and `true` is 1.
const FOLLOWED: [&str; 7] = [
    r#"["1",0]"#,
    r#"["1",-1]"#,
    r#"["1",0.0]"#,
    r#"["1",-0]"#,
    r#"["1",1e0]"#,
    r#"["1",4294967296]"#,
    r#"["1",true]"#,
];

#[test]
fn no_value_that_a_server_follows_is_set() {
    for text in FOLLOWED {
        let mut workflow = workflow(r#"{"1": {"class_type": "A", "inputs": {"x": 1}}}"#);
        let before = workflow.clone();
        let error = workflow.set(&id("1"), "x", Json::parse(text.as_bytes()).unwrap()).unwrap_err();
        let expected = EditError::LooksLikeLink { node: id("1"), input: "x".to_owned() };
        assert_eq!((error, &workflow), (expected, &before), "{text}");
    }
    for text in [r#"["1"]"#, r#"["1","0"]"#, "[1,0]", r#"["1",null]"#, r#"["1",0,0]"#] {
        let mut workflow = workflow(r#"{"1": {"class_type": "A", "inputs": {"x": 1}}}"#);
        workflow.set(&id("1"), "x", Json::parse(text.as_bytes()).unwrap()).unwrap();
    }
}

#[test]
fn a_value_that_a_server_follows_closes_a_circle_and_can_lead_nowhere() {
    for text in FOLLOWED {
        let written =
            workflow(&format!(r#"{{"1": {{"class_type": "A", "inputs": {{"x": {text}}}}}}}"#));
        assert_eq!(check::cycle(&written).unwrap().to_string(), "nodes 1 -> 1 form a cycle");
        assert_eq!(check::dangling_links(&written), []);
        let nowhere =
            workflow(&format!(r#"{{"2": {{"class_type": "A", "inputs": {{"x": {text}}}}}}}"#));
        assert_eq!(check::cycle(&nowhere), None);
        assert_eq!(
            check::dangling_links(&nowhere)[0].to_string(),
            "input `x` of node 2 is linked from node 1, which does not exist"
        );
    }
}

#[test]
fn the_first_circle_is_found_behind_nodes_that_are_done() {
    let written = workflow(
        r#"{"1": {"class_type": "A", "inputs": {}},
            "2": {"class_type": "A", "inputs": {"x": ["1", 0], "y": ["9", 0]}},
            "3": {"class_type": "A", "inputs": {"x": ["2", 0], "y": ["5", -1]}},
            "4": {"class_type": "A", "inputs": {"x": ["3", 0]}},
            "5": {"class_type": "A", "inputs": {"x": ["2", 0], "y": ["4", 0]}}}"#,
    );
    assert_eq!(check::cycle(&written).unwrap().to_string(), "nodes 4 -> 5 -> 3 -> 4 form a cycle");
}

#[test]
fn links_are_written_as_they_were_read() {
    for text in FOLLOWED {
        let value = Json::parse(text.as_bytes()).unwrap();
        assert_eq!(Input::from_json(&value).to_json(), value);
        assert_eq!(Input::from_json(&value).source(), Some("1"));
    }
}
