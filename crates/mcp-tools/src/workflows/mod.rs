//! Checking, changing, comparing and drawing workflows. Nothing here runs one.

mod changing;
mod checking;
mod comparing;
mod given;

use crate::{
    definition::{Definition, Effect, Words},
    toolsets::Toolset,
};

pub(crate) use self::given::whole;

pub(crate) fn tools() -> Vec<Definition> {
    let mut tools = checking();
    tools.extend(changing());
    tools.extend(comparing());
    tools
}

const SET: Toolset = Toolset::Workflow;

fn checking() -> Vec<Definition> {
    let validate = Words {
        name: "validate_workflow",
        title: "Validate a workflow",
        description: "Whether the server would take a workflow: every error as ComfyUI names it \
                      with what would work, and warnings. An invalid one is an answer, no \
                      failure.",
    };
    let fix = Words {
        name: "validate_and_fix_workflow",
        title: "Correct a workflow",
        description: "Corrections {path, from, to, reason} of what the server would object to, \
                      the workflow with them, and the verdicts before and after. Nothing is run.",
    };
    let inspect = Words {
        name: "inspect_workflow",
        title: "Inspect a workflow",
        description: "What a workflow is made of: its outputs, the inputs that matter by role \
                      (prompt, seed, steps, size, …), its models, and the nodes and models that \
                      the server lacks.",
    };
    let estimate = Words {
        name: "estimate_vram",
        title: "Estimate the memory of a workflow",
        description: "Whether a workflow fits into the memory of the server or of a given card, \
                      stage by stage, and what would make it fit. Computed as ComfyUI does, not \
                      measured.",
    };
    vec![
        Definition::new(SET, Effect::ReadsServer, validate, checking::validate_workflow),
        Definition::new(SET, Effect::ReadsServer, fix, checking::validate_and_fix_workflow),
        Definition::new(SET, Effect::ReadsServer, inspect, checking::inspect_workflow),
        Definition::new(SET, Effect::ReadsServer, estimate, checking::estimate_vram),
    ]
}

fn changing() -> Vec<Definition> {
    let edit = Words {
        name: "edit_workflow",
        title: "Edit a workflow",
        description: "A workflow with operations applied, all or none, and the operations that \
                      take them back.",
    };
    let convert = Words {
        name: "convert_workflow",
        title: "Convert a workflow",
        description: "What a saved workflow (UI format) becomes when ComfyUI's front end sends \
                      it, subgraphs and muted nodes included; or the other way, laid out to be \
                      opened there. What cannot be known is a finding, never a guess.",
    };
    let lora = Words {
        name: "apply_lora",
        title: "Put LoRAs into a workflow",
        description: "A workflow with LoRAs behind every model that samples, in the given order.",
    };
    let import = Words {
        name: "import_workflow",
        title: "Import a workflow",
        description: "The workflow in a JSON file, in the metadata of a picture or film, or of an \
                      asset. \
                      Give one of `path`, `asset_id` and `data`; addresses on the web are not \
                      read.",
    };
    vec![
        Definition::new(SET, Effect::ReadsServer, edit, changing::edit_workflow),
        Definition::new(SET, Effect::ReadsServer, convert, changing::convert_workflow),
        Definition::new(SET, Effect::ReadsServer, lora, changing::apply_lora),
        Definition::new(SET, Effect::ReadsHere, import, changing::import_workflow),
    ]
}

fn comparing() -> Vec<Definition> {
    let diff = Words {
        name: "diff_workflows",
        title: "Compare two workflows",
        description: "What is different: nodes, values and links, as text, as data, and as \
                      operations for edit_workflow. A renumbered graph is not all different.",
    };
    let merge = Words {
        name: "merge_workflows",
        title: "Merge two workflows",
        description: "Two workflows that were made from one brought together, input by input, \
                      with the conflicts.",
    };
    let visualize = Words {
        name: "visualize_workflow",
        title: "Draw a workflow",
        description: "A drawing of a workflow, or of what is different from another one.",
    };
    vec![
        Definition::new(SET, Effect::ReadsServer, diff, comparing::diff_workflows),
        Definition::new(SET, Effect::ReadsServer, merge, comparing::merge_workflows),
        Definition::new(SET, Effect::ReadsServer, visualize, comparing::visualize_workflow),
    ]
}
