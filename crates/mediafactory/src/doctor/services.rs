//! What has to be right with the configured services.

use super::Finding;
use crate::{
    config::Config,
    services::{ServiceProblem, ServiceSet},
};

const CHECK: &str = "services";

/// One finding for those that there are, and one for each thing that is wrong; none where no
/// services are configured.
pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    if config.services_file.is_none() && config.services_dir.is_none() {
        return Vec::new();
    }
    match ServiceSet::of(config).await {
        Ok(set) => std::iter::once(there(&set)).chain(set.problems.iter().map(wrong)).collect(),
        Err(error) => vec![Finding::problem(CHECK, error.to_string())],
    }
}

fn there(set: &ServiceSet) -> Finding {
    let names: Vec<&str> = set.services.iter().map(|service| service.name.as_str()).collect();
    match names.as_slice() {
        [] => Finding::warning(CHECK, "none could be read"),
        names => Finding::ok(CHECK, names.join(", ")),
    }
}

fn wrong(problem: &ServiceProblem) -> Finding {
    if problem.stops_start {
        Finding::problem(CHECK, problem.to_string())
            .with_advice("correct it: nothing starts before, unless the setting is left out")
    } else {
        Finding::warning(CHECK, problem.to_string())
            .with_advice("correct it: until then it is left out, and the rest works")
    }
}
