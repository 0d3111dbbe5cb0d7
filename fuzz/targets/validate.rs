//! Any JSON as a prompt for a real server's classes: a verdict, and corrections that are all
//! there are and do no harm.
#![no_main]

use fuzz::{CATALOG, documents, json_target, next};
use workflow_graph::{
    Json,
    fix::{apply, fix},
    validate::{Profile, Targets, validate},
};

json_target!(|input| {
    let prompt = next(&mut documents(input))?;
    for profile in [Profile::V0_33, Profile::V0_8] {
        let verdict = validate(&prompt, &CATALOG, Targets::All, profile);
        let told = verdict.to_json().to_string();
        Json::parse(told.as_bytes()).expect("what was written");
        let first = fix(&prompt, &CATALOG, Targets::All, profile);
        assert_eq!(first.before.to_json().to_string(), told);
        assert_eq!(apply(&prompt, &first.proposals).expect("its own proposals"), first.fixed);
        assert!(!first.before.is_clean() || first.after.is_clean(), "a good prompt made bad");
        let second = fix(&first.fixed, &CATALOG, Targets::All, profile);
        assert_eq!(second.proposals, []);
    }
    Some(())
});
