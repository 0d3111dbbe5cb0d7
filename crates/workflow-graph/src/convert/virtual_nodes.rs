//! Nodes that only the front end knows: its own, and those of well-known packs.

use super::scene::Virtual;

/// The front end's own; a server's class of the same name is not asked.
pub(super) fn of_front_end(class: &str) -> Option<Virtual> {
    match class {
        "Reroute" => Some(Virtual::Reroute),
        "PrimitiveNode" => Some(Virtual::Primitive),
        "Note" | "MarkdownNote" => Some(Virtual::Inert),
        _ => None,
    }
}

/// Those of packs, where the server has no class of that name.
pub(super) fn of_pack(class: &str) -> Option<Virtual> {
    match class {
        "Reroute (rgthree)" | "ReroutePrimitive|pysssss" => Some(Virtual::Reroute),
        "SetNode" | "easy setNode" => Some(Virtual::Setter),
        "GetNode" | "easy getNode" => Some(Virtual::Getter),
        "Bookmark (rgthree)"
        | "Fast Actions Button (rgthree)"
        | "Fast Bypasser (rgthree)"
        | "Fast Groups Bypasser (rgthree)"
        | "Fast Groups Muter (rgthree)"
        | "Fast Muter (rgthree)"
        | "Label (rgthree)"
        | "Mute / Bypass Relay (rgthree)"
        | "Mute / Bypass Repeater (rgthree)"
        | "Node Collector (rgthree)"
        | "Note Plus (mtb)"
        | "Random Unmuter (rgthree)"
        | "workflowNote" => Some(Virtual::Inert),
        _ => None,
    }
}
