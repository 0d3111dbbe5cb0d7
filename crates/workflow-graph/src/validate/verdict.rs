//! What a server says of a prompt, and what we say beside it.

use indexmap::IndexMap;

use crate::json::Json;

/// The server's answer to a prompt, foreseen.
///
/// ```
/// use workflow_graph::{Json, catalog::NodeCatalog, validate::{Profile, Targets, validate}};
/// let catalog = NodeCatalog::from_bytes(br#"{
///     "Empty": {"input": {"required": {"width": ["INT", {"min": 16}]}}, "output": ["IMAGE"]},
///     "Save": {"input": {"required": {"images": ["IMAGE"]}}, "output": [], "output_node": true}}"#)?;
/// let prompt = Json::parse(br#"{
///     "1": {"class_type": "Empty", "inputs": {"width": 8}},
///     "2": {"class_type": "Save", "inputs": {"images": ["1", 0]}}}"#)?;
/// let verdict = validate(&prompt, &catalog, Targets::All, Profile::V0_33);
/// assert!(!verdict.is_accepted());
/// let error = verdict.errors().next().unwrap();
/// assert_eq!((error.node, error.finding.message.as_str()), ("1", "Value 8 smaller than min of 16"));
/// assert_eq!(error.finding.choices, [Json::from(16_u64)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    pub(super) refusal: Option<Refusal>,
    pub(super) outputs: Vec<String>,
    pub(super) node_errors: IndexMap<String, NodeErrors>,
    pub(super) failed_outputs: Vec<String>,
    pub(super) warnings: Vec<Warning>,
}

/// Why the whole prompt is refused.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Refusal {
    /// What kind of refusal it is.
    pub kind: RefusalKind,
    /// The server's words.
    pub message: String,
    /// The server's details: the place, or the errors of the outputs line by line.
    pub details: String,
    /// The server's further facts.
    pub extra_info: Json,
    /// What would have worked: node classes near the unknown one, or the output nodes there are.
    pub choices: Vec<String>,
}

/// The kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// A node without a class, or of a class that the server does not have (since 0.33).
    MissingNodeType,
    /// The same in the words of 0.8.
    InvalidPrompt,
    /// No output node, or no target that is one.
    NoOutputs,
    /// Every output has an error.
    OutputsFailed,
    /// The server breaks on it and answers status 500 without JSON.
    ServerFault,
}

/// The errors of one node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeErrors {
    /// The class of the node.
    pub class_type: String,
    /// The errors, as the server names them.
    pub errors: Vec<Finding>,
    /// From which failed output on the server lists this node; see [`Verdict::dependents`].
    pub(super) listed_from: usize,
}

/// One error of a node.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// What kind of error it is.
    pub kind: ErrorKind,
    /// The input, when the error is about one: its full dotted name.
    pub input: Option<String>,
    /// The server's words.
    pub message: String,
    /// The server's details.
    pub details: String,
    /// The server's further facts, but no traceback.
    pub extra_info: Json,
    /// What would have worked, nearest first: values, or links such as `["4", 0]`.
    pub choices: Vec<Json>,
    /// The input of this node on which the server's check broke, where `input` is that of the
    /// node that asked for it or there is none.
    pub culprit: Option<String>,
    /// What the server may name instead, depending on the order of a hash set: when its check of
    /// a node breaks, it names one of the inputs that are linked to it.
    pub alternatives: Vec<Alternative>,
}

/// Another way in which a server may name the same error of the same node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// The kind of error.
    pub kind: ErrorKind,
    /// The input it names.
    pub input: Option<String>,
}

/// The kinds of errors of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A required input is not there.
    RequiredInputMissing,
    /// A list that is not a link.
    BadLinkedInput,
    /// A link between types that do not agree.
    ReturnTypeMismatch,
    /// A value that does not convert.
    InvalidInputType,
    /// A number below the least.
    ValueSmallerThanMin,
    /// A number above the greatest.
    ValueBiggerThanMax,
    /// A value that is not one of the choices.
    ValueNotInList,
    /// The node's own check says no.
    CustomValidationFailed,
    /// The server's check of the node broke; the input is that of the node that asked for it.
    ExceptionDuringInnerValidation,
    /// The server's check of an output node broke.
    ExceptionDuringValidation,
    /// The node waits for itself.
    DependencyCycle,
}

/// An error with its node.
#[derive(Clone, Copy, Debug)]
pub struct Located<'a> {
    /// The id of the node.
    pub node: &'a str,
    /// The error.
    pub finding: &'a Finding,
}

/// Something the server accepts and that yet is probably not meant. It never changes the verdict.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Warning {
    /// What kind of warning it is.
    pub kind: WarningKind,
    /// The node.
    pub node: String,
    /// The input, when it is about one.
    pub input: Option<String>,
    /// What happens, in a sentence fragment.
    pub message: String,
    /// What would work, nearest first.
    pub choices: Vec<Json>,
}

/// The kinds of warnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WarningKind {
    /// A dynamic combo has no value; the node fails when it runs.
    MissingDynamicChoice,
    /// A dynamic combo has a value that selects nothing; the node fails when it runs.
    UnknownDynamicChoice,
    /// An input that the class does not declare; the server ignores it.
    UndeclaredInput,
    /// A node without `inputs`, on which the server's worker dies when it gets there.
    MissingInputs,
    /// Linked types that a match template cannot bring together.
    MatchTypeConflict,
    /// A value that the server turns into another: `"false"` into true, 64.9 into 64.
    ValueChanged,
    /// A text or a number where only another node can give what is wanted.
    LiteralForLink,
    /// A class that is kept for old workflows only.
    DeprecatedNode,
    /// A node that no output needs.
    UnusedNode,
    /// A file that only the server can know.
    UncheckedFile,
    /// A class that the server replaces by another before it validates.
    ReplacedNode,
}

impl Verdict {
    /// Whether the server queues the prompt; some of its outputs may still not run.
    pub fn is_accepted(&self) -> bool {
        self.refusal.is_none()
    }

    /// Whether the server queues the prompt and has no objection at all.
    pub fn is_clean(&self) -> bool {
        self.refusal.is_none() && self.node_errors.is_empty()
    }

    /// Why the prompt is refused, when it is.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// The output nodes that would run, in the order of the prompt.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// The errors by node, in the order they are found.
    pub fn node_errors(&self) -> &IndexMap<String, NodeErrors> {
        &self.node_errors
    }

    /// All errors with their nodes.
    pub fn errors(&self) -> impl Iterator<Item = Located<'_>> {
        self.node_errors.iter().flat_map(|(node, found)| {
            found.errors.iter().map(move |finding| Located { node, finding })
        })
    }

    /// What the server lists as `dependent_outputs` of a node with errors: the failed outputs
    /// from the one on that found them, whether they depend on the node or not.
    pub fn dependents(&self, node: &str) -> &[String] {
        let listed = |errors: &NodeErrors| self.failed_outputs.get(errors.listed_from..);
        self.node_errors.get(node).and_then(listed).unwrap_or_default()
    }

    /// Advice beside the verdict.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The body the server answers with, without a prompt id and tracebacks: `error` when the
    /// prompt is refused, and `node_errors`. Of `dependent_outputs`, of which a server writes as
    /// many as there are errors times outputs, no more than [`DEPENDENTS_WRITTEN_MAX`] are
    /// written in all.
    pub fn to_json(&self) -> Json {
        let mut dependents_left = DEPENDENTS_WRITTEN_MAX;
        let node_errors = self.node_errors.iter().map(|(node, found)| {
            let dependents = self.dependents(node).iter().take(dependents_left);
            dependents_left -= dependents.len();
            let dependents = dependents.map(|id| Json::from(id.as_str()));
            let errors = found.errors.iter().map(Finding::to_json).collect::<Vec<_>>();
            let value = Json::object([
                ("errors", Json::from(errors)),
                ("dependent_outputs", Json::from(dependents.collect::<Vec<_>>())),
                ("class_type", Json::from(found.class_type.as_str())),
            ]);
            (node.as_str(), value)
        });
        let node_errors = ("node_errors", Json::object(node_errors));
        match &self.refusal {
            Some(refusal) => Json::object([("error", refusal.to_json()), node_errors]),
            None => Json::object([node_errors]),
        }
    }
}

/// How many ids of dependent outputs [`Verdict::to_json`] writes in all: more than a prompt has
/// that anyone made, and few enough to be held.
pub const DEPENDENTS_WRITTEN_MAX: usize = 1_000_000;

impl Warning {
    /// A warning of a node; who adds it to the others puts the node in.
    pub(super) fn new(kind: WarningKind, message: String) -> Self {
        Self { kind, node: String::new(), input: None, message, choices: Vec::new() }
    }

    pub(super) fn about(self, input: &str) -> Self {
        Self { input: Some(input.to_owned()), ..self }
    }

    pub(super) fn offering(self, choices: Vec<Json>) -> Self {
        Self { choices, ..self }
    }
}

impl Refusal {
    fn to_json(&self) -> Json {
        described(self.kind.as_str(), &self.message, &self.details, &self.extra_info)
    }
}

impl Finding {
    /// The error as the server writes it.
    pub fn to_json(&self) -> Json {
        described(self.kind.as_str(), &self.message, &self.details, &self.extra_info)
    }
}

fn described(kind: &str, message: &str, details: &str, extra_info: &Json) -> Json {
    Json::object([
        ("type", Json::from(kind)),
        ("message", Json::from(message)),
        ("details", Json::from(details)),
        ("extra_info", extra_info.clone()),
    ])
}

impl RefusalKind {
    /// The server's name for it; of [`Self::ServerFault`], for which the server has none, ours.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingNodeType => "missing_node_type",
            Self::InvalidPrompt => "invalid_prompt",
            Self::NoOutputs => "prompt_no_outputs",
            Self::OutputsFailed => "prompt_outputs_failed_validation",
            Self::ServerFault => "server_fault",
        }
    }
}

impl ErrorKind {
    /// The server's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RequiredInputMissing => "required_input_missing",
            Self::BadLinkedInput => "bad_linked_input",
            Self::ReturnTypeMismatch => "return_type_mismatch",
            Self::InvalidInputType => "invalid_input_type",
            Self::ValueSmallerThanMin => "value_smaller_than_min",
            Self::ValueBiggerThanMax => "value_bigger_than_max",
            Self::ValueNotInList => "value_not_in_list",
            Self::CustomValidationFailed => "custom_validation_failed",
            Self::ExceptionDuringInnerValidation => "exception_during_inner_validation",
            Self::ExceptionDuringValidation => "exception_during_validation",
            Self::DependencyCycle => "dependency_cycle",
        }
    }
}

impl WarningKind {
    /// A stable name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingDynamicChoice => "missing_dynamic_choice",
            Self::UnknownDynamicChoice => "unknown_dynamic_choice",
            Self::UndeclaredInput => "undeclared_input",
            Self::MissingInputs => "missing_inputs",
            Self::MatchTypeConflict => "match_type_conflict",
            Self::ValueChanged => "value_changed",
            Self::LiteralForLink => "literal_for_link",
            Self::DeprecatedNode => "deprecated_node",
            Self::UnusedNode => "unused_node",
            Self::UncheckedFile => "unchecked_file",
            Self::ReplacedNode => "replaced_node",
        }
    }
}
