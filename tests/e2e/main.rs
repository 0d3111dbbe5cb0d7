//! The binaries as processes.
#[test]
fn t() {}
