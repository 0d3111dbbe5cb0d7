use super::*;

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap()
}

#[test]
fn a_hostile_index_is_read_as_far_as_it_is_one() {
    let index = GalleryIndex::from_json(&json(
        r#"[7, null, {"templates": 7}, {"title": 3, "templates": [
            null, [], "x", {"name": 5}, {"name": ""}, {"name": ".."}, {"name": "a/b"},
            {"name": "a\\b"}, {"name": "a\u0000b"},
            {"name": "good", "tags": {"a": 1}, "models": "one", "size": -3, "usage": 1.5,
             "openSource": "yes", "date": 20260101}]},
            {"title": "Again", "templates": [{"name": "good", "title": "Second"}]}]"#,
    ));
    let index = index.unwrap();
    assert_eq!((index.unreadable, index.beyond_limit), (12, 0));
    let items: Vec<_> = index.categories.iter().flat_map(|category| &category.items).collect();
    assert_eq!(items, [&GalleryItem { name: "good".to_owned(), ..GalleryItem::default() }]);
    assert_eq!(GalleryIndex::from_json(&json("{}")), None);
}

#[test]
fn more_entries_than_anybody_serves_are_counted_not_kept() {
    let entries = (0..10_000).map(|number| format!(r#"{{"name": "t{number}"}}"#));
    let entries = entries.collect::<Vec<_>>().join(",");
    let index = GalleryIndex::from_json(&json(&format!(r#"[{{"templates": [{entries}]}}]"#)));
    let index = index.unwrap();
    assert_eq!((index.categories[0].items.len(), index.beyond_limit), (8_000, 2_000));
}

#[test]
fn blueprints_and_packs_leave_out_what_cannot_be_asked_for() {
    let listed = blueprint::entries(&json(
        r#"{"../x": {"name": "A"}, "ab": {"name": "B", "info": 3}, "cd": {"name": null}, "ef": 1}"#,
    ));
    let expected = BlueprintEntry { id: "ab".to_owned(), name: "B".to_owned(), pack: None };
    assert_eq!(listed.unwrap(), [expected]);
    let packs = pack::examples(&json(r#"{"a": ["x", "../y", 3], "b": 4, "c/d": ["z"], "e": []}"#));
    let expected = PackExamples { pack: "a".to_owned(), names: vec!["x".to_owned()] };
    assert_eq!(packs.unwrap(), [expected]);
    assert_eq!(pack::examples(&json("[]")), None);
}

#[test]
fn a_blueprint_without_its_workflow_says_what_is_wrong() {
    let problem = |text: &str| Blueprint::from_json("ab", &json(text)).unwrap_err();
    assert_eq!(problem(r#"{"data": "{}"}"#), "a blueprint has a name");
    assert_eq!(problem(r#"{"name": "A", "data": {}}"#), "a blueprint has a text `data`");
    assert!(problem(r#"{"name": "A", "data": "{"}"#).starts_with("the `data` of a blueprint is"));
}

#[test]
fn names_of_other_folders_are_none() {
    for name in ["", ".", "..", "../x", "a/b", "a\\b", "a\nb", &"x".repeat(256)] {
        assert!(!is_file_name(name), "{name:?}");
    }
    for name in ["x", "a b (c)", "..x", "%2e%2e", "жар"] {
        assert!(is_file_name(name), "{name:?}");
    }
}
