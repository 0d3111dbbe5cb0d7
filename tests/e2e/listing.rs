//! What is offered.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio::task::JoinSet;

use crate::{cell::Cell, place::Place, requests::closed_port};

/// How long a list of tools an agent may have to read, in bytes.
const LIST_BYTES_MAX: usize = 24_000;

/// The tools that everything else leans on; a server may offer more.
const TOOLS: [&str; 21] = [
    "cancel_job",
    "comfyui_health_check",
    "create_workflow_from_template",
    "execute_workflow",
    "free_memory",
    "generate",
    "get_asset_metadata",
    "get_job_result",
    "get_node_info",
    "get_queue_status",
    "get_template",
    "get_workflow_status",
    "interrupt_execution",
    "list_assets",
    "list_backends",
    "list_jobs",
    "list_models",
    "list_workflow_templates",
    "search_nodes",
    "view_output",
    "wait_for_completion",
];

async fn tools(cell: Cell) -> Vec<Value> {
    // Nothing of this needs a ComfyUI.
    let place = Place::new(&closed_port());
    cell.open(&place).await.list_tools().await
}

/// The introduction of the server is held to its form while a session is opened.
#[tokio::test]
async fn every_cell_is_offered_the_same_tools() {
    let mut lists = JoinSet::new();
    for cell in Cell::all() {
        lists.spawn(async move { (cell, tools(cell).await) });
    }
    let lists = lists.join_all().await;
    let (_, first) = &lists[0];
    let names: BTreeSet<&str> = first.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let missing: Vec<_> = TOOLS.iter().filter(|name| !names.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?} are not among {names:?}");
    let size = serde_json::to_string(first).unwrap().len();
    assert!(size <= LIST_BYTES_MAX, "{size} bytes");
    for (cell, list) in &lists {
        assert_eq!(list, first, "{cell:?}");
    }
}
