//! Who may depend on whom. The table of `docs/ARCHITECTURE.md`, as a check.

use std::fmt;

use crate::metadata::{Dependency, Member};

/// What one of our crates may use of our crates.
struct Layer {
    name: &'static str,
    may_use: &'static [&'static str],
    /// What its tests may use besides.
    tests_may_use: &'static [&'static str],
}

/// Every crate of the workspace, from the bottom up.
const LAYERS: &[Layer] = &[
    layer("workflow-graph", &[], &[]),
    layer("model-registry", &["workflow-graph"], &[]),
    // The suite that holds a server against recordings knows nothing of ours, so that it can judge.
    layer("conformance", &[], &[]),
    // The simulator uses none of ours: it must not share our bugs.
    layer("comfy-sim", &[], &["conformance"]),
    layer("comfy-client", &["workflow-graph"], SIMULATOR),
    layer("assets", &["workflow-graph", "comfy-client"], SIMULATOR),
    layer("batch", &["workflow-graph", "comfy-client"], SIMULATOR),
    // `workflow-graph` for the values in the traits of the other two.
    layer("store-sqlite", &["workflow-graph", "assets", "batch"], &[]),
    // Its tests hold the templates against the registry of models.
    layer("mediafactory", BENEATH_THE_FACADE, &["comfy-sim", "model-registry"]),
    layer("mcp-tools", &["mediafactory"], SIMULATOR),
    layer("mediafactory-stdio", BINS, &[]),
    layer("mediafactory-http", BINS, &[]),
    layer("mediafactory-cli", BINS, &[]),
    layer("e2e", &[], SIMULATOR),
    // It writes documents from what the first three know, and plays recordings against the simulator.
    layer(
        "xtask",
        &["mediafactory", "mcp-tools", "model-registry", "conformance", "comfy-sim"],
        &[],
    ),
];

const SIMULATOR: &[&str] = &["comfy-sim"];
const BENEATH_THE_FACADE: &[&str] =
    &["workflow-graph", "model-registry", "comfy-client", "assets", "batch", "store-sqlite"];
const BINS: &[&str] = &["mcp-tools", "mediafactory", "comfy-sim"];

const fn layer(
    name: &'static str,
    may_use: &'static [&'static str],
    tests_may_use: &'static [&'static str],
) -> Layer {
    Layer { name, may_use, tests_may_use }
}

/// A foreign crate that only some of ours may use.
struct Fence {
    foreign: &'static str,
    may_use: &'static [&'static str],
    /// Whose tests may use it besides.
    tests_of: &'static [&'static str],
    reason: &'static str,
}

const ALL_BINS: &[&str] = &["mediafactory-stdio", "mediafactory-http", "mediafactory-cli"];

const FENCES: &[Fence] = &[
    Fence {
        foreign: "reqwest",
        may_use: &["comfy-client", "assets", "conformance"],
        tests_of: &["comfy-sim", "e2e", "mediafactory-http"],
        reason: "one place sends requests and bounds what comes back",
    },
    Fence {
        foreign: "tokio-tungstenite",
        may_use: &["comfy-client", "comfy-sim", "conformance"],
        tests_of: &[],
        reason: "one crate knows the socket, with its double and its judge",
    },
    Fence {
        foreign: "rusqlite",
        may_use: &["store-sqlite"],
        tests_of: &[],
        reason: "one crate knows SQL",
    },
    Fence {
        foreign: "rmcp",
        may_use: &["mcp-tools", "mediafactory-stdio", "mediafactory-http"],
        tests_of: &["e2e"],
        reason: "only the MCP face knows MCP",
    },
    Fence {
        foreign: "axum",
        may_use: &["comfy-sim", "mediafactory-http"],
        tests_of: &["comfy-client"],
        reason: "only servers serve",
    },
    Fence {
        foreign: "image",
        may_use: &["assets", "comfy-sim"],
        tests_of: &["mediafactory", "mcp-tools", "e2e"],
        reason: "foreign pictures are decoded in one place, within its limits",
    },
    Fence {
        foreign: "object_store",
        may_use: &["assets"],
        tests_of: &[],
        reason: "where assets lie is the business of assets",
    },
    Fence {
        foreign: "clap",
        may_use: ALL_BINS,
        tests_of: &[],
        reason: "only programs have a command line",
    },
    Fence {
        foreign: "indicatif",
        may_use: &["mediafactory-cli"],
        tests_of: &[],
        reason: "only the program for people draws progress",
    },
    Fence {
        foreign: "tracing-subscriber",
        may_use: ALL_BINS,
        tests_of: &["mediafactory"],
        reason: "libraries write log lines, programs decide where they go",
    },
];

/// A dependency that the rules do not allow, or a crate without rules.
#[derive(Debug, PartialEq)]
pub(crate) enum Violation {
    /// The crate stands in no row of the table.
    NotInTable { member: String },
    /// A row without a crate.
    NoSuchMember { row: &'static str },
    /// One of ours that lies above, or beside.
    Layer { member: String, dependency: Dependency, may_use: Vec<&'static str> },
    /// A foreign crate behind a fence.
    Fence {
        member: String,
        dependency: Dependency,
        may_use: Vec<&'static str>,
        reason: &'static str,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInTable { member } => {
                write!(f, "{member}: it has no row in the table of crates/xtask/src/layers.rs")
            }
            Self::NoSuchMember { row } => {
                write!(f, "{row}: it has a row in crates/xtask/src/layers.rs and is no member")
            }
            Self::Layer { member, dependency, may_use } => {
                let may_use =
                    if may_use.is_empty() { "none".to_owned() } else { may_use.join(", ") };
                write!(f, "{member}: it depends on {dependency}; of ours it may use {may_use}")
            }
            Self::Fence { member, dependency, may_use, reason } => {
                let may_use = may_use.join(", ");
                write!(
                    f,
                    "{member}: it depends on {dependency}, which only {may_use} may: {reason}"
                )
            }
        }
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, if self.of_tests { " (in tests)" } else { "" })
    }
}

/// Holds every member against the table and the fences.
pub(crate) fn check(members: &[Member]) -> Vec<Violation> {
    let is_ours = |name: &str| members.iter().any(|member| member.name == name);
    let mut violations = Vec::new();
    for row in LAYERS.iter().filter(|row| !is_ours(row.name)) {
        violations.push(Violation::NoSuchMember { row: row.name });
    }
    for member in members {
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == member.name) else {
            violations.push(Violation::NotInTable { member: member.name.clone() });
            continue;
        };
        for dependency in &member.dependencies {
            let broken = if is_ours(&dependency.name) {
                breaks_layer(layer, dependency)
            } else {
                breaks_fence(layer, dependency)
            };
            violations.extend(broken);
        }
    }
    violations
}

fn breaks_layer(layer: &Layer, dependency: &Dependency) -> Option<Violation> {
    let mut may_use = layer.may_use.to_vec();
    if dependency.of_tests {
        may_use.extend(layer.tests_may_use);
    }
    (!may_use.contains(&dependency.name.as_str())).then(|| Violation::Layer {
        member: layer.name.to_owned(),
        dependency: dependency.clone(),
        may_use,
    })
}

fn breaks_fence(layer: &Layer, dependency: &Dependency) -> Option<Violation> {
    let fence = FENCES.iter().find(|fence| fence.foreign == dependency.name)?;
    let mut may_use = fence.may_use.to_vec();
    if dependency.of_tests {
        may_use.extend(fence.tests_of);
    }
    (!may_use.contains(&layer.name)).then(|| Violation::Fence {
        member: layer.name.to_owned(),
        dependency: dependency.clone(),
        may_use,
        reason: fence.reason,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;

    /// The real metadata, to be doctored.
    fn metadata() -> Value {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let output = std::process::Command::new("cargo")
            .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
            .current_dir(root)
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn package<'a>(metadata: &'a mut Value, name: &str) -> &'a mut Value {
        let packages = metadata["packages"].as_array_mut().unwrap();
        packages.iter_mut().find(|package| package["name"] == name).unwrap()
    }

    fn add_dependency(metadata: &mut Value, of: &str, dependency: Value) {
        package(metadata, of)["dependencies"].as_array_mut().unwrap().push(dependency);
    }

    #[track_caller]
    fn check_told(metadata: &Value, expected: &[&str]) {
        let members = Member::in_metadata(metadata.to_string().as_bytes()).unwrap();
        let mut told: Vec<_> = check(&members).iter().map(ToString::to_string).collect();
        told.sort();
        assert_eq!(told, expected);
    }

    #[test]
    fn the_workspace_keeps_its_layers() {
        check_told(&metadata(), &[]);
    }

    #[test]
    fn a_dependency_upwards_is_refused() {
        let mut metadata = metadata();
        add_dependency(&mut metadata, "batch", json!({"name": "mcp-tools", "kind": null}));
        add_dependency(&mut metadata, "workflow-graph", json!({"name": "assets", "kind": "build"}));
        check_told(
            &metadata,
            &[
                "batch: it depends on mcp-tools; of ours it may use workflow-graph, comfy-client",
                "workflow-graph: it depends on assets; of ours it may use none",
            ],
        );
    }

    #[test]
    fn the_simulator_is_for_tests_and_uses_nothing_of_ours() {
        let mut metadata = metadata();
        add_dependency(&mut metadata, "assets", json!({"name": "comfy-sim", "kind": "dev"}));
        add_dependency(&mut metadata, "batch", json!({"name": "comfy-sim", "kind": null}));
        add_dependency(
            &mut metadata,
            "comfy-sim",
            json!({"name": "workflow-graph", "kind": "dev"}),
        );
        check_told(
            &metadata,
            &[
                "batch: it depends on comfy-sim; of ours it may use workflow-graph, comfy-client",
                "comfy-sim: it depends on workflow-graph (in tests); of ours it may use conformance",
            ],
        );
    }

    #[test]
    fn a_foreign_crate_behind_a_fence_is_refused() {
        let mut metadata = metadata();
        add_dependency(&mut metadata, "batch", json!({"name": "rusqlite", "kind": null}));
        add_dependency(&mut metadata, "mediafactory", json!({"name": "reqwest", "kind": "dev"}));
        check_told(
            &metadata,
            &[
                "batch: it depends on rusqlite, which only store-sqlite may: one crate knows SQL",
                "mediafactory: it depends on reqwest (in tests), which only comfy-client, assets, \
                 conformance, comfy-sim, e2e, mediafactory-http may: one place sends requests and \
                 bounds what comes back",
            ],
        );
    }

    #[test]
    fn a_crate_without_a_row_and_a_row_without_a_crate_are_told() {
        let mut metadata = metadata();
        package(&mut metadata, "e2e")["name"] = "end-to-end".into();
        check_told(
            &metadata,
            &[
                "e2e: it has a row in crates/xtask/src/layers.rs and is no member",
                "end-to-end: it has no row in the table of crates/xtask/src/layers.rs",
            ],
        );
    }
}
