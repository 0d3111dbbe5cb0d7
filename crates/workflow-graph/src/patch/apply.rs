//! What each operation means, in steps of the editor.

use indexmap::IndexSet;

use super::{
    Exact, Operation, Patch, PatchError, Place, Reroute, Through,
    editor::{Editor, Socket},
};
use crate::{
    ids::{ClassType, NodeId},
    json::Json,
    workflow::{EditError, Input, Node, Workflow},
};

/// A link that an operation made and that must lead to a node in the end.
struct Promise {
    operation: usize,
    socket: Socket,
}

pub(super) fn apply(workflow: &Workflow, patch: &Patch) -> Result<(Workflow, Patch), PatchError> {
    let mut editor = Editor::new(workflow);
    let mut promises = Vec::new();
    let refused = |index: usize, reason: EditError| PatchError {
        index,
        of: patch.operations.len(),
        name: patch.operations.get(index).map_or("", Operation::name),
        reason,
    };
    for (index, operation) in patch.operations.iter().enumerate() {
        let made = step(&mut editor, operation).map_err(|reason| refused(index, reason))?;
        promises.extend(made.into_iter().map(|socket| Promise { operation: index, socket }));
    }
    for Promise { operation, socket: (node, input) } in promises {
        // A later operation may have taken the input away again.
        let Ok(Input::Link { from, .. }) = editor.input(&node, &input) else { continue };
        editor.node(from).map_err(|reason| refused(operation, reason))?;
    }
    Ok(editor.finish())
}

/// Makes one operation and returns the inputs that it linked.
fn step(editor: &mut Editor, operation: &Operation) -> Result<Vec<Socket>, EditError> {
    match operation {
        Operation::Set { node, input, value } => {
            refuse_link(node, input, editor.input(node, input)?)?;
            refuse_link_value(node, input, value)?;
            editor.put_input(node, input, Input::Literal(value.clone()), None)?;
        }
        Operation::AddInput { node, input, value } => {
            if editor.node(node)?.input(input).is_some() {
                return Err(EditError::InputExists { node: node.clone(), input: input.clone() });
            }
            refuse_link_value(node, input, value)?;
            editor.put_input(node, input, Input::Literal(value.clone()), None)?;
        }
        Operation::Unset { node, input } => {
            refuse_link(node, input, editor.input(node, input)?)?;
            editor.take_input(node, input)?;
        }
        Operation::Link { node, input, from, slot } => {
            let link = Input::Link { from: from.clone(), slot: *slot };
            editor.put_input(node, input, link, None)?;
            return Ok(vec![(node.clone(), input.clone())]);
        }
        Operation::Unlink { node, input } => unlink(editor, node, input)?,
        Operation::AddNode { id, node, place } => {
            editor.put_node(id, node.clone(), place)?;
            return Ok(linked_inputs(id, node));
        }
        Operation::RemoveNode { node } => remove_node(editor, node)?,
        Operation::ReplaceClass { node, class_type, rename } => {
            replace_class(editor, node, class_type, rename)?;
        }
        Operation::RenameId { node, to } => rename_id(editor, node, to)?,
        Operation::Splice { id, node, through } => {
            splice(editor, id, node, through)?;
            return Ok(linked_inputs(id, node));
        }
        Operation::SetTitle { node, title } => set_title(editor, node, title.as_deref())?,
        Operation::Exact(exact) => exact_step(editor, exact)?,
    }
    Ok(Vec::new())
}

fn exact_step(editor: &mut Editor, exact: &Exact) -> Result<(), EditError> {
    match exact {
        Exact::WriteInput { node, input, value, at } => {
            editor.put_input(node, input, value.clone(), *at)
        }
        Exact::EraseInput { node, input } => editor.take_input(node, input).map(drop),
        Exact::WriteMember { node, member, value, at } => {
            editor.put_member(node, member, value.clone(), *at)
        }
        Exact::EraseMember { node, member } => editor.take_member(node, member),
        Exact::WriteClass { node, class_type } => editor.put_class(node, class_type.clone()),
        Exact::WriteNode { id, node, place } => editor.put_node(id, node.clone(), place),
        Exact::EraseNode { node } => editor.take_node(node).map(drop),
    }
}

fn refuse_link(node: &NodeId, name: &str, input: &Input) -> Result<(), EditError> {
    match input {
        Input::Literal(_) => Ok(()),
        Input::Link { from, .. } => Err(EditError::WouldCutLink {
            node: node.clone(),
            input: name.to_owned(),
            from: from.clone(),
        }),
    }
}

fn refuse_link_value(node: &NodeId, input: &str, value: &Json) -> Result<(), EditError> {
    if Input::is_link(value) {
        return Err(EditError::LooksLikeLink { node: node.clone(), input: input.to_owned() });
    }
    Ok(())
}

/// A new node must not be linked by links that were left over from another one.
fn refuse_waiting_links(editor: &mut Editor, id: &NodeId) -> Result<(), EditError> {
    if editor.contains(id) {
        return Err(EditError::NodeExists { node: id.clone(), free: editor.free_id() });
    }
    let mut waiting: Vec<NodeId> =
        editor.consumers(id).into_iter().map(|(consumer, _)| consumer).collect();
    waiting.dedup();
    if waiting.is_empty() {
        return Ok(());
    }
    let free = editor.free_id();
    Err(EditError::LinksWaiting { node: id.clone(), consumers: waiting, free })
}

fn linked_inputs(id: &NodeId, node: &Node) -> Vec<Socket> {
    let linked = node.inputs().filter(|(_, input)| input.as_link().is_some());
    linked.map(|(name, _)| (id.clone(), name.to_owned())).collect()
}

fn unlink(editor: &mut Editor, node: &NodeId, input: &str) -> Result<(), EditError> {
    if editor.input(node, input)?.as_link().is_none() {
        let linked: Vec<&str> = editor
            .node(node)?
            .inputs()
            .filter_map(|(name, input)| input.as_link().map(|_| name))
            .collect();
        let hint = if linked.is_empty() {
            "no input of the node is; unset it instead".to_owned()
        } else {
            format!("unset it instead, or unlink {}", linked.join(" or "))
        };
        return Err(EditError::NotLinked { node: node.clone(), input: input.to_owned(), hint });
    }
    editor.take_input(node, input).map(drop)
}

fn remove_node(editor: &mut Editor, node: &NodeId) -> Result<(), EditError> {
    editor.node(node)?;
    for (consumer, input) in editor.consumers(node) {
        editor.take_input(&consumer, &input)?;
    }
    editor.take_node(node).map(drop)
}

fn rename_id(editor: &mut Editor, node: &NodeId, to: &NodeId) -> Result<(), EditError> {
    editor.node(node)?;
    if node == to {
        return Ok(());
    }
    refuse_waiting_links(editor, to)?;
    for (consumer, input) in editor.consumers(node) {
        let Some((_, slot)) = editor.input(&consumer, &input)?.as_link() else { continue };
        editor.put_input(&consumer, &input, Input::Link { from: to.clone(), slot }, None)?;
    }
    let (moved, place) = editor.take_node(node)?;
    editor.put_node(to, moved, &place)
}

/// All renamed inputs leave before any comes back, so that two can swap names.
fn replace_class(
    editor: &mut Editor,
    node: &NodeId,
    class_type: &ClassType,
    rename: &[(String, String)],
) -> Result<(), EditError> {
    editor.put_class(node, class_type.clone())?;
    let mut renamed = Vec::new();
    for (old, new) in rename {
        let (at, input) = editor.take_input(node, old)?;
        renamed.push((new, at, input));
    }
    for (new, at, input) in renamed.into_iter().rev() {
        if editor.node(node)?.input(new).is_some() {
            return Err(EditError::InputsCollide { node: node.clone(), input: new.clone() });
        }
        editor.put_input(node, new, input, Some(at))?;
    }
    Ok(())
}

fn splice(
    editor: &mut Editor,
    id: &NodeId,
    node: &Node,
    through: &[Through],
) -> Result<(), EditError> {
    refuse_waiting_links(editor, id)?;
    let place = match through.first() {
        Some(first) if editor.contains(&first.from) => Place::After(first.from.clone()),
        _ => Place::Last,
    };
    editor.put_node(id, node.clone(), &place)?;
    for way in through {
        editor.node(&way.from)?;
        for (consumer, input) in rerouted(editor, id, way)? {
            let link = Input::Link { from: id.clone(), slot: way.output };
            editor.put_input(&consumer, &input, link, None)?;
        }
        let link = Input::Link { from: way.from.clone(), slot: way.slot };
        editor.put_input(id, &way.input, link, None)?;
    }
    Ok(())
}

/// The inputs that a way of a splice takes over.
fn rerouted(editor: &mut Editor, id: &NodeId, way: &Through) -> Result<Vec<Socket>, EditError> {
    let mut linked = Vec::new();
    let mut found = IndexSet::new();
    for (consumer, input) in editor.consumers(&way.from) {
        let Some((_, slot)) = editor.input(&consumer, &input)?.as_link() else { continue };
        if slot == way.slot && consumer != *id {
            found.insert((consumer, input));
        } else if !linked.contains(&slot) && consumer != *id {
            linked.push(slot);
        }
    }
    match &way.reroute {
        Reroute::All if found.is_empty() => {
            linked.sort_unstable();
            Err(EditError::NothingLinked { from: way.from.clone(), slot: way.slot, linked })
        }
        Reroute::All => Ok(found.into_iter().collect()),
        Reroute::Only(wanted) => match wanted.iter().find(|socket| !found.contains(*socket)) {
            None => Ok(wanted.clone()),
            Some((node, input)) => Err(EditError::NotAConsumer {
                node: node.clone(),
                input: input.clone(),
                from: way.from.clone(),
                slot: way.slot,
                consumers: found.iter().map(|(node, input)| format!("{node}.{input}")).collect(),
            }),
        },
    }
}

fn set_title(editor: &mut Editor, id: &NodeId, title: Option<&str>) -> Result<(), EditError> {
    let node = editor.node(id)?;
    if node.title() == title {
        return Ok(());
    }
    match node.meta_with_title(title) {
        Some(meta) => editor.put_member(id, "_meta", meta, None),
        None => editor.take_member(id, "_meta"),
    }
}
