//! The server's walk from one output upstream, with a stack of its own: the path may be longer
//! than a thread's stack.

use super::{
    ErrorKind, Finding, Profile, advise,
    context::Context,
    custom::{self, Validator},
    expand::{Declared, Plan},
    input::{self, Outcome},
    python::{self, Raised},
    suggest::Suggest,
};
use crate::{
    catalog::Category,
    json::{Json, Object},
};

/// How many nodes one path may have: the server recurses, and Python's own limit of 1,000 frames
/// ends it. Measured on 0.33.0 with classes of the newer kind; the older ones get 6 nodes further.
const PATH_NODES_MAX: usize = 976;

/// At which node of a too long path the server is again able to note the error.
const PATH_FAULT_NOTED_AT: usize = 973;

/// What is known of a node once the server has looked at it.
#[derive(Clone, Debug, Default)]
pub(super) struct Looked {
    pub(super) valid: bool,
    pub(super) errors: Vec<Finding>,
}

/// How many bytes the errors of circles may have together: one as long as a path can be is told in
/// full. A prompt may have thousands of such circles, and each tells as much as its square.
const CYCLE_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(super) struct Walk<'a> {
    context: Context<'a>,
    pub(super) suggest: Suggest<'a>,
    looked: Vec<Option<Looked>>,
    /// The place of a node on the path that is being walked.
    on_path: Vec<Option<usize>>,
    path: Vec<Frame<'a>>,
    /// The nodes that have errors, in the order they were found.
    with_errors: Vec<usize>,
    /// How many more bytes the errors of circles may have together.
    cycle_bytes_left: usize,
    /// The nodes that advice has nothing to say of; a second look at each would cost as much
    /// again, as a large prompt does not fit a processor's cache.
    plain: Vec<bool>,
}

struct Frame<'a> {
    node: usize,
    inputs: Option<&'a Json>,
    plan: Plan<'a>,
    validator: Option<&'static Validator>,
    has_validator: bool,
    next: usize,
    /// How many inputs are set that advice has nothing to say of.
    plain_inputs: usize,
    /// The input whose link is being followed.
    asked_by: Option<Declared<'a>>,
    errors: Vec<Finding>,
    failed: bool,
}

enum Step {
    Follow(usize),
    Done,
    Broke(Raised, Option<String>),
}

impl<'a> Walk<'a> {
    pub(super) fn new(context: Context<'a>) -> Self {
        Self {
            context,
            suggest: Suggest::new(context),
            looked: vec![None; context.nodes.len()],
            on_path: vec![None; context.nodes.len()],
            path: Vec::new(),
            with_errors: Vec::new(),
            cycle_bytes_left: CYCLE_BYTES_MAX,
            plain: vec![false; context.nodes.len()],
        }
    }

    /// Looks at everything an output needs and says whether it would run.
    pub(super) fn output(&mut self, node: usize) -> bool {
        self.enter(node);
        while let Some(frame) = self.path.last_mut() {
            let step = step(self.context, frame, &self.suggest);
            match step {
                Step::Follow(source) => self.enter(source),
                Step::Done => self.leave(),
                Step::Broke(raised, culprit) => self.break_off(&raised, culprit),
            }
        }
        self.looked(node).is_some_and(|looked| looked.valid)
    }

    /// Hands over what was found of a node, once the walk is done.
    pub(super) fn take_errors(&mut self, node: usize) -> Vec<Finding> {
        let looked = self.looked.get_mut(node).and_then(Option::as_mut);
        looked.map(|looked| std::mem::take(&mut looked.errors)).unwrap_or_default()
    }

    pub(super) fn looked(&self, node: usize) -> Option<&Looked> {
        self.looked.get(node)?.as_ref()
    }

    /// Whether all inputs of a node are declared and set as their types want them.
    pub(super) fn is_plain(&self, node: usize) -> bool {
        self.plain.get(node).copied().unwrap_or(false)
    }

    /// Whether there was an output to look at.
    pub(super) fn has_begun(&self) -> bool {
        self.looked.iter().any(Option::is_some)
    }

    /// The nodes with errors of their own, in the order they were found.
    pub(super) fn with_errors(&self) -> &[usize] {
        &self.with_errors
    }

    /// Begins with a node, unless it is known already or the path is a circle.
    fn enter(&mut self, node: usize) {
        if let Some(looked) = self.looked(node) {
            let valid = looked.valid;
            self.answer(valid);
            return;
        }
        if let Some(place) = self.on_path.get(node).copied().flatten() {
            if self.context.profile == Profile::V0_33 {
                self.note_cycle(place);
            }
            // An older server recurses until Python stops it, and then forgets why.
            self.answer(false);
            return;
        }
        if self.path.len() >= PATH_NODES_MAX {
            self.path_too_long();
            return;
        }
        if let Some(on_path) = self.on_path.get_mut(node) {
            *on_path = Some(self.path.len());
        }
        let inputs = self.context.inputs(node);
        let class = self.context.class(node);
        let plan =
            class.map_or(Plan::Plain(&[]), |class| Plan::of(class, inputs, self.context.profile));
        let validator = class.and_then(|class| custom::of(class, self.context.profile));
        self.path.push(Frame {
            node,
            inputs,
            plan,
            validator,
            has_validator: validator.is_some(),
            next: 0,
            plain_inputs: 0,
            asked_by: None,
            errors: Vec::new(),
            failed: false,
        });
        if inputs.is_none() {
            self.break_off(&Raised::key_error(&Json::from("inputs")), None);
        }
    }

    /// Tells the node that asked whether what it is linked to is valid.
    fn answer(&mut self, valid: bool) {
        if let Some(frame) = self.path.last_mut() {
            frame.failed |= !valid;
        }
    }

    fn leave(&mut self) {
        let Some(frame) = self.pop() else { return };
        let set = frame.inputs.and_then(Json::as_object).map(Object::len);
        if let (Some(plain), Plan::Plain(_)) = (self.plain.get_mut(frame.node), &frame.plan) {
            *plain = !frame.has_validator && set == Some(frame.plain_inputs);
        }
        let before = self.looked.get_mut(frame.node).and_then(Option::take).unwrap_or_default();
        let noted = !before.errors.is_empty();
        let mut errors = before.errors;
        let own: Vec<Finding> =
            frame.errors.into_iter().filter(|error| !errors.contains(error)).collect();
        errors.extend(own);
        let valid = !frame.failed && errors.is_empty();
        if noted {
            self.put(frame.node, Looked { valid, errors });
        } else {
            self.note(frame.node, Looked { valid, errors });
        }
        self.answer(valid);
    }

    /// The check of the node on top has raised an exception: the node that asked for it notes it.
    fn break_off(&mut self, raised: &Raised, culprit: Option<String>) {
        let Some(frame) = self.pop() else { return };
        let choices = match &culprit {
            Some(input) => self.choices_for(&frame, input),
            None => Vec::new(),
        };
        let asked = self.path.last_mut().map(|parent| {
            parent.failed = true;
            (parent.node, parent.asked_by.clone())
        });
        let finding = match asked {
            Some((parent, Some(asked_by))) => {
                let link = self.context.inputs(parent).and_then(|inputs| inputs.get(&asked_by.key));
                inner_exception(&asked_by, link.cloned().unwrap_or_default(), raised)
            }
            _ => outer_exception(raised),
        };
        let finding = Finding { choices, culprit, ..finding };
        // What was noted of the node before is overwritten, as on the server.
        let known = self.looked(frame.node).is_some_and(|looked| !looked.errors.is_empty());
        let looked = Looked { valid: false, errors: vec![finding] };
        if known { self.put(frame.node, looked) } else { self.note(frame.node, looked) }
    }

    fn choices_for(&self, frame: &Frame<'a>, input: &str) -> Vec<Json> {
        let Some(declared) = frame.plan.find(input) else { return Vec::new() };
        match frame.inputs.and_then(|inputs| inputs.get(input)) {
            Some(Json::Array(items)) => self.suggest.for_link(frame.node, declared.spec, items),
            _ => self.suggest.for_missing(frame.node, declared.spec),
        }
    }

    fn path_too_long(&mut self) {
        while self.path.len() > PATH_FAULT_NOTED_AT {
            self.pop();
        }
        let message = "maximum recursion depth exceeded while calling a Python object";
        self.break_off(&Raised::new("RecursionError", message), None);
    }

    fn note_cycle(&mut self, place: usize) {
        let nodes: Vec<usize> = self.path.iter().skip(place).map(|frame| frame.node).collect();
        let name = |node: usize| {
            let class = self.context.class(node).map_or("", |class| &class.name);
            format!("{} ({class})", self.context.id(node))
        };
        let mut names: Vec<String> = nodes.iter().map(|node| name(*node)).collect();
        names.extend(names.first().cloned());
        let mut details = names.join(" -> ");
        let mut ids: Vec<Json> =
            nodes.iter().map(|node| Json::from(self.context.id(*node))).collect();
        // Every node of a circle names all of them, in its details and among its facts.
        let bytes = details.len().saturating_mul(2).saturating_mul(nodes.len());
        match self.cycle_bytes_left.checked_sub(bytes) {
            Some(left) => self.cycle_bytes_left = left,
            None => {
                details = format!("a circle of {} nodes", nodes.len());
                ids.clear();
            }
        }
        for node in nodes {
            let finding = Finding {
                kind: ErrorKind::DependencyCycle,
                input: None,
                message: "Dependency cycle detected".to_owned(),
                details: details.clone(),
                extra_info: Json::object([
                    ("node_id", Json::from(self.context.id(node))),
                    ("cycle_nodes", Json::from(ids.clone())),
                ]),
                choices: Vec::new(),
                culprit: None,
                alternatives: Vec::new(),
            };
            self.note(node, Looked { valid: false, errors: vec![finding] });
        }
    }

    fn pop(&mut self) -> Option<Frame<'a>> {
        let frame = self.path.pop()?;
        if let Some(on_path) = self.on_path.get_mut(frame.node) {
            *on_path = None;
        }
        Some(frame)
    }

    fn note(&mut self, node: usize, looked: Looked) {
        let listed = self.looked(node).is_some_and(|looked| !looked.errors.is_empty());
        if !looked.errors.is_empty() && !listed {
            self.with_errors.push(node);
        }
        self.put(node, looked);
    }

    fn put(&mut self, node: usize, looked: Looked) {
        if let Some(place) = self.looked.get_mut(node) {
            *place = Some(looked);
        }
    }
}

/// Goes on with a node until a link must be followed or all is checked.
fn step<'a>(context: Context<'a>, frame: &mut Frame<'a>, suggest: &Suggest<'a>) -> Step {
    while let Some(declared) = frame.plan.get(frame.next) {
        frame.next += 1;
        let value = match set_value(frame.inputs, &declared.key) {
            Ok(value) => value,
            Err(raised) => return Step::Broke(raised, Some(declared.key.into_owned())),
        };
        let Some(value) = value else {
            if declared.category == Category::Required {
                let last_part_only = frame.plan.is_nested();
                let finding = input::missing(&declared, last_part_only, suggest, frame.node);
                frame.errors.push(finding);
            }
            continue;
        };
        frame.plain_inputs += usize::from(advise::is_plain(declared.spec, value));
        let validator = frame.validator;
        let outcome = if let Json::Array(items) = value {
            let checks_types = validator.is_none_or(|validator| !validator.takes_types());
            input::link(suggest, frame.node, &declared, items, checks_types)
        } else {
            let own_check = validator.is_some_and(|validator| validator.checks(&declared.key));
            input::value(context.profile, &declared, value, own_check, suggest)
        };
        match outcome {
            Outcome::Fine => {}
            Outcome::Wrong(finding) => frame.errors.push(finding),
            Outcome::Breaks(raised) => {
                return Step::Broke(raised, Some(declared.key.into_owned()));
            }
            Outcome::Follow(source) => {
                frame.asked_by = Some(declared);
                return Step::Follow(source);
            }
        }
    }
    let Some(validator) = frame.validator.take() else { return Step::Done };
    match validator.run(context, frame.inputs, &frame.plan, suggest) {
        Ok(findings) => {
            frame.errors.extend(findings);
            Step::Done
        }
        Err(raised) => Step::Broke(raised, None),
    }
}

/// `inputs[key] if key in inputs`, for an `inputs` that need not be an object.
fn set_value<'a>(inputs: Option<&'a Json>, key: &str) -> Result<Option<&'a Json>, Raised> {
    let Some(inputs) = inputs else { return Ok(None) };
    let no_index = |kind: &str, message: &str| {
        Err(Raised::new("TypeError", format!("{kind} indices must be integers{message}")))
    };
    match inputs {
        Json::Object(members) => Ok(members.get(key)),
        Json::Array(items) if items.iter().any(|item| item.as_str() == Some(key)) => {
            no_index("list", " or slices, not str")
        }
        Json::String(text) if text.contains(key) => no_index("string", ", not 'str'"),
        Json::Array(_) | Json::String(_) => Ok(None),
        Json::Null | Json::Bool(_) | Json::Number(_) => {
            let message =
                format!("argument of type '{}' is not iterable", python::type_name(inputs));
            Err(Raised::new("TypeError", message))
        }
    }
}

fn inner_exception(asked_by: &Declared<'_>, link: Json, raised: &Raised) -> Finding {
    let facts = [
        ("exception_message", Json::from(raised.message.as_str())),
        ("exception_type", Json::from(raised.exception)),
        ("linked_node", link),
    ];
    Finding {
        kind: ErrorKind::ExceptionDuringInnerValidation,
        input: Some(asked_by.key.to_string()),
        message: "Exception when validating inner node".to_owned(),
        details: raised.message.clone(),
        extra_info: input::about(asked_by, facts),
        choices: Vec::new(),
        culprit: None,
        alternatives: Vec::new(),
    }
}

fn outer_exception(raised: &Raised) -> Finding {
    Finding {
        kind: ErrorKind::ExceptionDuringValidation,
        input: None,
        message: "Exception when validating node".to_owned(),
        details: raised.message.clone(),
        extra_info: Json::object([("exception_type", Json::from(raised.exception))]),
        choices: Vec::new(),
        culprit: None,
        alternatives: Vec::new(),
    }
}
