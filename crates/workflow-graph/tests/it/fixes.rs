//! Corrections: they help, they are all, and they fit.

use std::fs;

use proptest::prelude::*;
use workflow_graph::{
    Json,
    catalog::NodeCatalog,
    fix::{apply, fix},
    validate::{Profile, Targets},
};

use crate::{ground_truth, verdicts};

proptest! {
    #[test]
    fn correcting_is_idempotent_and_says_all_it_does(prompt in verdicts::prompt(), old in any::<bool>()) {
        let profile = if old { Profile::V0_8 } else { Profile::V0_33 };
        let catalog = verdicts::catalog();
        let first = fix(&prompt, &catalog, Targets::All, profile);
        prop_assert_eq!(&apply(&prompt, &first.proposals).unwrap(), &first.fixed);
        let second = fix(&first.fixed, &catalog, Targets::All, profile);
        prop_assert_eq!(&second.proposals, &[]);
        prop_assert!(!first.before.is_clean() || first.after.is_clean(), "it made a good prompt bad");
    }
}

#[test]
fn official_workflows_need_no_correction() {
    let Some(folder) = ground_truth::folder() else { return };
    let definitions = fs::read(folder.join("comfyui/object_info-0.33.0.json")).unwrap();
    let catalog = NodeCatalog::from_bytes(&definitions).unwrap();
    for (name, prompt) in ground_truth::json_files("corpus/api") {
        let fixes = fix(&prompt, &catalog, Targets::All, Profile::V0_33);
        let told: Vec<String> = fixes.proposals.iter().map(ToString::to_string).collect();
        // Some have a value that the server misreads, which is then all that is corrected.
        assert!(
            told.iter()
                .all(|told| told.contains("whole number")
                    || told.contains("the server does not notice")),
            "{name}: {told:?}"
        );
        assert!(fixes.after.is_clean(), "{name}");
    }
}

#[test]
fn a_correction_for_another_prompt_is_refused() {
    let catalog = verdicts::catalog();
    let prompt = |size: &str| {
        let text = format!(
            r#"{{"1": {{"class_type": "Make", "inputs": {{"size": {size}, "mode": "soft"}}}}}}"#
        );
        Json::parse(text.as_bytes()).unwrap()
    };
    let fixes = fix(&prompt("500"), &catalog, Targets::All, Profile::V0_33);
    let error = apply(&prompt("9000"), &fixes.proposals).unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"/1/inputs/size is no longer what the correction was made for: it should be 500, but is 9000");
}
