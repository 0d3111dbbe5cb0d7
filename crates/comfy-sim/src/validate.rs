//! What `POST /prompt` checks before it accepts a workflow, with the errors of the real server.
//!
//! Nodes are walked from the output nodes upstream. Links and values are judged as Python judges them there,
//! including the exceptions that a dangling link or a slot out of range raises.

mod declared;
mod errors;
mod own_checks;
#[cfg(test)]
mod tests;
mod validated;
mod values;

use serde_json::{Map, Value, json};

use self::declared::{Declared, declared_inputs};
pub(crate) use self::errors::top_level;
use self::errors::{
    exception, inner_exception, missing_node_type, not_convertible, required_input_missing,
};
use self::own_checks::{OwnCheck, own_check};
use self::validated::Validated;
use self::values::{check_choice, compare, output_type, types_meet};
use crate::catalog::{Catalog, NodeClass};
use crate::folders::Folders;
use crate::python::{self, Raised};

/// How many nodes may stand in one chain. Validation recurses once per node on a thread's stack of 2 MiB; the
/// deepest official workflow has fewer than 80.
const CHAIN_NODES_MAX: usize = 200;

/// What validation says of a prompt.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// Why the whole prompt is refused; nothing when at least one output is good.
    pub(crate) error: Option<Value>,
    /// The output nodes that would run, in the order of the prompt.
    pub(crate) outputs: Vec<String>,
    /// The errors of each node that has any.
    pub(crate) node_errors: Map<String, Value>,
}

/// The prompt is of a shape on which the real server's handler itself fails: it answers 500.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandlerFailed;

/// Checks a prompt and stores converted values back into it, as the real server does.
pub(crate) fn validate(
    catalog: &Catalog,
    folders: &Folders,
    prompt: &mut Map<String, Value>,
    targets: Option<&[Value]>,
) -> Result<Verdict, HandlerFailed> {
    let outputs = match output_nodes(catalog, prompt, targets)? {
        Ok(outputs) => outputs,
        Err(error) => {
            return Ok(Verdict {
                error: Some(error),
                outputs: Vec::new(),
                node_errors: Map::new(),
            });
        }
    };
    let mut validation = Validation {
        catalog,
        folders,
        prompt,
        validated: Validated::default(),
        visiting: Vec::new(),
    };
    Ok(validation.judge(outputs))
}

/// The first pass: every node has a known class, and some node is an output.
fn output_nodes(
    catalog: &Catalog,
    prompt: &Map<String, Value>,
    targets: Option<&[Value]>,
) -> Result<Result<Vec<String>, Value>, HandlerFailed> {
    let mut outputs = Vec::new();
    for (id, node) in prompt {
        let node = node.as_object().ok_or(HandlerFailed)?;
        let title = match node.get("_meta") {
            None => None,
            Some(meta) => meta.as_object().ok_or(HandlerFailed)?.get("title").cloned(),
        };
        let Some(class_type) = node.get("class_type") else {
            let shown = title
                .as_ref()
                .filter(|title| python::truthy(title))
                .map_or_else(|| format!("ID #{id}"), python::str);
            let message = format!(
                "Node '{shown}' has no class_type. The workflow may be corrupted or a custom node is missing."
            );
            return Ok(Err(missing_node_type(
                id,
                &message,
                &Value::Null,
                &title.unwrap_or_default(),
            )));
        };
        let Some(class) = class_type.as_str().and_then(|name| catalog.class(name)) else {
            let title = title.unwrap_or_else(|| class_type.clone());
            let message = format!(
                "Node '{}' not found. The custom node may not be installed.",
                python::str(&title)
            );
            return Ok(Err(missing_node_type(id, &message, class_type, &title)));
        };
        let targeted =
            targets.is_none_or(|targets| targets.iter().any(|target| target.as_str() == Some(id)));
        if class.is_output() && targeted {
            outputs.push(id.clone());
        }
    }
    if outputs.is_empty() {
        return Ok(Err(top_level("prompt_no_outputs", "Prompt has no outputs", "", &json!({}))));
    }
    Ok(Ok(outputs))
}

struct Validation<'a> {
    catalog: &'a Catalog,
    folders: &'a Folders,
    prompt: &'a mut Map<String, Value>,
    validated: Validated,
    visiting: Vec<String>,
}

impl Validation<'_> {
    fn judge(&mut self, outputs: Vec<String>) -> Verdict {
        let mut good = Vec::new();
        let mut output_errors = Vec::new();
        let mut node_errors = Map::new();
        for output in outputs {
            match self.node(&output) {
                Ok(true) => {
                    good.push(output);
                    continue;
                }
                Ok(false) => {}
                Err(raised) => self.validated.set(&output, false, vec![exception(&raised)]),
            }
            output_errors.extend(self.validated.errors(&output).iter().map(|error| {
                let text = |member: &str| error.get(member).map(python::str).unwrap_or_default();
                format!("{}: {}", text("message"), text("details"))
            }));
            self.report(&output, &mut node_errors);
        }
        let error = good.is_empty().then(|| {
            let (kind, message) =
                ("prompt_outputs_failed_validation", "Prompt outputs failed validation");
            top_level(kind, message, &output_errors.join("\n"), &json!({}))
        });
        Verdict { error, outputs: good, node_errors }
    }

    /// Adds every node known to be wrong by now to the report, as something that `output` depends on.
    fn report(&self, output: &str, node_errors: &mut Map<String, Value>) {
        for (id, errors) in self.validated.failures() {
            let class_type = self.prompt.get(id).and_then(|node| node.get("class_type"));
            let entry = node_errors.entry(id).or_insert_with(
                || json!({"errors": errors, "dependent_outputs": [], "class_type": class_type}),
            );
            if let Some(dependents) =
                entry.get_mut("dependent_outputs").and_then(Value::as_array_mut)
            {
                dependents.push(json!(output));
            }
        }
    }

    /// Whether a node and all that it needs are good. An exception escapes to whoever asked, as in Python.
    fn node(&mut self, id: &str) -> Result<bool, Raised> {
        if let Some(known) = self.validated.verdict(id) {
            return Ok(known);
        }
        if let Some(start) = self.visiting.iter().position(|visited| visited == id) {
            self.report_cycle(start, id);
            return Ok(false);
        }
        if self.visiting.len() >= CHAIN_NODES_MAX {
            return Err(Raised::new("RecursionError", "maximum recursion depth exceeded"));
        }
        let (class_type, class) = self.class_of(id)?;
        let inputs = self
            .prompt
            .get(id)
            .and_then(|node| node.get("inputs"))
            .ok_or_else(|| Raised::key_error(&json!("inputs")))?;
        let inputs = inputs
            .as_object()
            .ok_or_else(|| Raised::new("TypeError", "argument of this type is not iterable"))?;
        let declared = declared_inputs(class, inputs);
        let own = own_check(&class_type);
        let mut errors = Vec::new();
        let mut good = true;
        for input in &declared.inputs {
            let Some(value) = self.value_of(id, &input.name) else {
                if input.required {
                    errors.push(required_input_missing(&input.name, declared.has_dynamic_paths));
                }
                continue;
            };
            if let Some(link) = value.as_array() {
                match self.link(id, input, link, own.as_ref())? {
                    LinkVerdict::Good => {}
                    LinkVerdict::BadSource => good = false,
                    LinkVerdict::Wrong(error) => errors.push(error),
                }
            } else if let Err(error) = self.literal(id, input, value, own.as_ref())? {
                errors.push(error);
            }
        }
        if let Some(own) = own {
            let inputs =
                self.prompt.get(id).and_then(|node| node.get("inputs")).and_then(Value::as_object);
            errors.extend(own.run(inputs.unwrap_or(&Map::new()), &declared, self.folders)?);
        }
        Ok(self.validated.join(id, good, errors))
    }

    fn class_of(&self, id: &str) -> Result<(String, NodeClass<'_>), Raised> {
        let node = self.prompt.get(id).ok_or_else(|| Raised::key_error(&json!(id)))?;
        let class_type = node.get("class_type").and_then(Value::as_str).unwrap_or_default();
        let class =
            self.catalog.class(class_type).ok_or_else(|| Raised::key_error(&json!(class_type)))?;
        Ok((class_type.to_owned(), class))
    }

    fn value_of(&self, id: &str, input: &str) -> Option<Value> {
        self.prompt.get(id)?.get("inputs")?.get(input).cloned()
    }

    fn store(&mut self, id: &str, input: &str, value: &Value) {
        if let Some(slot) = self
            .prompt
            .get_mut(id)
            .and_then(|node| node.get_mut("inputs"))
            .and_then(|all| all.get_mut(input))
        {
            *slot = value.clone();
        }
    }

    fn link(
        &mut self,
        id: &str,
        input: &Declared,
        link: &[Value],
        own: Option<&OwnCheck>,
    ) -> Result<LinkVerdict, Raised> {
        let [from, slot] = link else {
            let message = "Bad linked input, must be a length-2 list of [node_id, slot_index]";
            let extra = json!({"input_name": input.name, "input_config": input.spec, "received_value": link});
            return Ok(LinkVerdict::Wrong(top_level(
                "bad_linked_input",
                message,
                &input.name,
                &extra,
            )));
        };
        let from_id = match from {
            Value::String(from) => from,
            Value::Array(_) | Value::Object(_) => {
                return Err(Raised::new(
                    "TypeError",
                    format!("unhashable type: '{}'", python::type_name(from)),
                ));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => return Err(Raised::key_error(from)),
        };
        let (_, source) = self.class_of(from_id)?;
        let received = output_type(source, slot)?.clone();
        if !own.is_some_and(OwnCheck::judges_types) && !types_meet(&received, input.kind()) {
            let details = format!(
                "{}, received_type({}) mismatch input_type({})",
                input.name,
                python::str(&received),
                python::str(input.kind())
            );
            let extra = json!({"input_name": input.name, "input_config": input.spec, "received_type": received, "linked_node": link});
            let message = "Return type mismatch between linked nodes";
            return Ok(LinkVerdict::Wrong(top_level(
                "return_type_mismatch",
                message,
                &details,
                &extra,
            )));
        }
        self.visiting.push(id.to_owned());
        let source_verdict = self.node(from_id);
        self.visiting.pop();
        match source_verdict {
            Ok(true) => Ok(LinkVerdict::Good),
            Ok(false) => Ok(LinkVerdict::BadSource),
            Err(raised) => {
                self.validated.set(from_id, false, vec![inner_exception(input, link, &raised)]);
                Ok(LinkVerdict::BadSource)
            }
        }
    }

    /// Converts a value to the declared type and checks its range or its choice.
    fn literal(
        &mut self,
        id: &str,
        input: &Declared,
        value: Value,
        own: Option<&OwnCheck>,
    ) -> Result<Result<(), Value>, Raised> {
        let wrapped = value.get("__value__").cloned();
        if let Some(wrapped) = &wrapped {
            self.store(id, &input.name, wrapped);
        }
        let value = wrapped.unwrap_or(value);
        let converted = match input.kind().as_str() {
            Some("INT") => python::int(&value),
            Some("FLOAT") => python::float(&value),
            Some("STRING") => Ok(Value::String(python::str(&value))),
            Some("BOOLEAN") => Ok(Value::Bool(python::truthy(&value))),
            _ => Ok(value.clone()),
        };
        let value = match converted {
            Ok(value) => value,
            Err(raised) => return Ok(Err(not_convertible(input, &value, &raised))),
        };
        self.store(id, &input.name, &value);
        if own.is_some_and(|own| own.judges(&input.name)) {
            return Ok(Ok(()));
        }
        for (limit, is_outside, kind, words) in [
            ("min", std::cmp::Ordering::Less, "value_smaller_than_min", "smaller than min"),
            ("max", std::cmp::Ordering::Greater, "value_bigger_than_max", "bigger than max"),
        ] {
            let Some(bound) = input.option(limit) else { continue };
            if compare(&value, bound, is_outside)? == is_outside {
                let message =
                    format!("Value {} {words} of {}", python::str(&value), python::str(bound));
                let extra = json!({"input_name": input.name, "input_config": input.spec, "received_value": value});
                return Ok(Err(top_level(kind, &message, &input.name, &extra)));
            }
        }
        Ok(check_choice(input, &value))
    }

    fn report_cycle(&mut self, start: usize, id: &str) {
        let mut path: Vec<String> = self.visiting.iter().skip(start).cloned().collect();
        let mut nodes: Vec<String> = Vec::new();
        for node in &path {
            if !nodes.contains(node) {
                nodes.push(node.clone());
            }
        }
        path.push(id.to_owned());
        let class = |id: &String| {
            self.prompt
                .get(id)
                .and_then(|node| node.get("class_type"))
                .map(python::str)
                .unwrap_or_default()
        };
        let details =
            path.iter().map(|id| format!("{id} ({})", class(id))).collect::<Vec<_>>().join(" -> ");
        for node in &nodes {
            let extra = json!({"node_id": node, "cycle_nodes": nodes});
            let error =
                top_level("dependency_cycle", "Dependency cycle detected", &details, &extra);
            self.validated.set(node, false, vec![error]);
        }
    }
}

enum LinkVerdict {
    Good,
    /// The node behind the link is wrong; its errors are with that node.
    BadSource,
    Wrong(Value),
}
