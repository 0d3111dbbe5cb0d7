//! What a server lacks to run a workflow.

use std::collections::{BTreeSet, HashSet};

use workflow_graph::{
    Json, Workflow,
    roles::{Role, Roles},
    ui::UiWorkflow,
};

use super::parameters::{text_of, usual_folder};
use crate::{
    error::{Error, FailureCode},
    templates::{Parameter, Target},
    workflows::{ConversionNote, Inspection, MissingNode, Objection, Rulebook},
};

/// What a server lacks to run a workflow as it stands, the caller's own files aside.
///
/// ```
/// assert!(mediafactory::Needs::default().is_runnable());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Nodes of classes that it does not have.
    pub nodes: Vec<MissingNode>,
    /// Model files that it does not list.
    pub models: Vec<MissingModel>,
    /// What else it would refuse, in sentences.
    pub problems: Vec<String>,
    /// The classes of nodes that call a paid service. It needs an account there; whether the
    /// server has one is not known.
    pub services: Vec<String>,
}

/// A model file that a server does not list.
///
/// ```
/// use mediafactory::{MissingModel, Needs};
/// let vae = MissingModel { file: "vae.safetensors".to_owned(), ..MissingModel::default() };
/// assert!(!Needs { models: vec![vae], ..Needs::default() }.is_runnable());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissingModel {
    /// The file, as the node names it.
    pub file: String,
    /// The folder under the server's `models`, where that is known.
    pub folder: Option<String>,
    /// Where it is published, where that is known.
    pub url: Option<String>,
    /// Its size in bytes, where that is known.
    pub size_bytes: Option<u64>,
    /// The nearest files that the server has.
    pub nearest: Vec<String>,
}

impl MissingModel {
    fn path(&self) -> String {
        let folder = self.folder.as_ref().map(|folder| format!("{folder}/")).unwrap_or_default();
        format!("{folder}{}", self.file)
    }

    fn to_json(&self) -> Json {
        let text = |text: &Option<String>| text.as_deref().map(Json::from);
        let members = [
            ("folder", text(&self.folder)),
            ("file", Some(Json::from(self.file.as_str()))),
            ("url", text(&self.url)),
            ("size_bytes", self.size_bytes.map(Json::from)),
        ];
        Json::object(members.into_iter().filter_map(|(name, value)| Some((name, value?))))
    }
}

/// What is known of a model file besides what the workflow says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownModel {
    pub(crate) folder: String,
    pub(crate) url: Option<String>,
    pub(crate) size_bytes: Option<u64>,
}

/// A model file that a saved workflow says where to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    name: String,
    folder: Option<String>,
    pub(super) url: Option<String>,
}

impl Declared {
    /// Whether this is the file that a node names, which may lie in folders of its own.
    pub(super) fn is(&self, file: &str) -> bool {
        let name = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        self.name == file || name(&self.name) == name(file)
    }

    pub(super) fn folder(&self) -> Option<&str> {
        self.folder.as_deref()
    }

    /// All that the nodes of a saved workflow declare, those in subgraphs included.
    pub(super) fn of(ui: &UiWorkflow) -> Vec<Self> {
        let mut declared: Vec<Self> = Vec::new();
        let mut seen = HashSet::new();
        for graph in std::iter::once(ui.root()).chain(ui.subgraphs()) {
            let models = graph.nodes().filter_map(|node| node.property("models")?.as_array());
            for model in models.flatten() {
                let text = |name| model.get(name).and_then(Json::as_str).map(str::to_owned);
                let Some(name) = text("name") else { continue };
                let model = Self { name, folder: text("directory"), url: text("url") };
                if seen.insert((model.name.clone(), model.folder.clone())) {
                    declared.push(model);
                }
            }
        }
        declared
    }
}

/// Everything that is asked for what a server lacks.
pub(super) struct Asked<'a> {
    pub(super) rulebook: &'a Rulebook,
    pub(super) workflow: &'a Workflow,
    pub(super) roles: &'a Roles,
    pub(super) findings: &'a [ConversionNote],
    pub(super) parameters: &'a [Parameter],
    pub(super) declared: &'a [Declared],
    /// The size of all its model files, as the server's index has it.
    pub(super) size_bytes: Option<u64>,
    /// What is known of a model file beyond the workflow.
    pub(super) known: &'a (dyn Fn(&str) -> Option<KnownModel> + Sync),
}

impl Asked<'_> {
    /// The size of a file that is the only one of its workflow: that of all.
    fn size_of_only(&self, file: &str) -> Option<u64> {
        match self.declared {
            [only] if only.is(file) => self.size_bytes.filter(|bytes| *bytes > 0),
            _ => None,
        }
    }
}

impl Needs {
    /// Whether the server would run it.
    pub fn is_runnable(&self) -> bool {
        self.nodes.is_empty() && self.models.is_empty() && self.problems.is_empty()
    }

    /// Refuses a workflow that was made of this template where the server lacks nodes for it, or
    /// model files that it still names.
    pub(crate) fn require(&self, id: &str, workflow: &Workflow) -> Result<(), Error> {
        let lacks = |what: &[String]| {
            format!("the server lacks what template `{id}` needs: {}", what.join(", "))
        };
        if !self.nodes.is_empty() {
            let names: BTreeSet<&str> =
                self.nodes.iter().map(|node| node.class_type.as_str()).collect();
            let names: Vec<String> = names.into_iter().map(|name| format!("node {name}")).collect();
            return Err(Error::new(FailureCode::NodesMissing, lacks(&names))
                .with_hint("install the packs of these nodes, or update the server"));
        }
        let still_loads = |model: &&MissingModel| {
            let mut inputs = workflow.nodes().flat_map(|(_, node)| node.inputs());
            inputs.any(|(_, input)| input.to_json().as_str() == Some(&*model.file))
        };
        let models: Vec<&MissingModel> = self.models.iter().filter(still_loads).collect();
        if models.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = models.iter().map(|model| model.path()).collect();
        let details = models.iter().map(|model| model.to_json()).collect();
        Err(Error::new(FailureCode::ModelsMissing, lacks(&names))
            .with_details(Json::object([("missing", Json::Array(details))]))
            .with_hint("put the files into the server's `models` folder, or name others"))
    }

    pub(super) fn of(asked: &Asked<'_>, inspection: Inspection) -> Self {
        let mut needs = Self::default();
        let mut lacking = HashSet::new();
        let missing = inspection.models.iter().filter(|model| model.installed == Some(false));
        for model in missing.filter(|model| model.kind != SERVICE) {
            lacking.insert((model.node.clone(), model.input.clone()));
            needs.add_model(asked, &model.file, &model.nearest);
        }
        let packs: Vec<_> =
            asked.findings.iter().filter_map(|finding| finding.missing_class.as_ref()).collect();
        needs.nodes = inspection.missing_nodes;
        for node in &mut needs.nodes {
            let said = packs.iter().find(|(class, _)| *class == node.class_type);
            node.pack = node.pack.take().or_else(|| said.and_then(|(_, pack)| pack.clone()));
        }
        let mut services: Vec<String> =
            inspection.services.into_iter().map(|(_, class)| class).collect();
        services.sort();
        services.dedup();
        needs.services = services;
        let blocking =
            asked.findings.iter().filter(|note| note.blocks && note.missing_class.is_none());
        needs.problems = blocking.map(|finding| finding.message.clone()).collect();
        needs.add_verdict(asked, &lacking);
        needs
    }

    /// What the server would refuse beyond what is named already.
    fn add_verdict(&mut self, asked: &Asked<'_>, lacking: &HashSet<(String, String)>) {
        let verdict = asked.rulebook.validate(&asked.workflow.to_json());
        for error in verdict.errors.iter().filter(|error| !error.alternative) {
            let place = error.input.clone().map(|input| (error.node.clone(), input));
            if place.is_some_and(|place| lacking.contains(&place)) || is_callers(asked, error) {
                continue;
            }
            match declared_file(asked, error) {
                Some(file) => self.add_model(asked, &file, &[]),
                None => self.problems.push(error.sentence()),
            }
        }
        match verdict.error {
            Some(error) if error.kind == "prompt_no_outputs" => {
                self.problems.push(NO_OUTPUT.to_owned());
            }
            Some(error) if !is_told_elsewhere(error.kind) => self.problems.push(error.sentence()),
            Some(_) | None => {}
        }
    }

    fn add_model(&mut self, asked: &Asked<'_>, file: &str, nearest: &[String]) {
        if self.models.iter().any(|model| model.file == file) {
            return;
        }
        let declared = asked.declared.iter().find(|model| model.is(file));
        let known = (asked.known)(file);
        let folder = declared
            .and_then(|model| model.folder.clone())
            .or_else(|| known.as_ref().map(|known| known.folder.clone()))
            .or_else(|| usual(asked, file));
        let url = declared.and_then(|model| model.url.clone());
        self.models.push(MissingModel {
            file: file.to_owned(),
            folder,
            url: url.or_else(|| known.as_ref().and_then(|known| known.url.clone())),
            size_bytes: known
                .and_then(|known| known.size_bytes)
                .or_else(|| asked.size_of_only(file)),
            nearest: nearest.to_vec(),
        });
    }
}

/// What is said of blueprints above all.
const NO_OUTPUT: &str = "it has no output node: it is a part to be linked into another workflow";

/// The name of the role of a model that runs elsewhere.
const SERVICE: &str = "service_model";

/// Missing classes and the errors of the nodes have their own places.
fn is_told_elsewhere(kind: &str) -> bool {
    matches!(kind, "missing_node_type" | "prompt_outputs_failed_validation")
}

/// Whether an error is about a file that the caller brings.
fn is_callers(asked: &Asked<'_>, error: &Objection) -> bool {
    let files = asked.parameters.iter().filter(|parameter| parameter.kind.is_file());
    let mut targets = files.flat_map(|parameter| &parameter.targets);
    targets.any(|target| is_at(error, target))
}

pub(super) fn is_at(error: &Objection, target: &Target) -> bool {
    error.node == target.node.as_str() && error.input.as_deref() == Some(&*target.input)
}

/// The model file that an error is about: one that the workflow declares.
fn declared_file(asked: &Asked<'_>, error: &Objection) -> Option<String> {
    let target = Target { node: error.node.parse().ok()?, input: error.input.clone()? };
    let file = text_of(asked.workflow, &target)?;
    asked.declared.iter().any(|model| model.is(file)).then(|| file.to_owned())
}

/// The folder where such models usually lie.
fn usual(asked: &Asked<'_>, file: &str) -> Option<String> {
    let found = asked.roles.models().find(|found| found.value.as_str() == Some(file))?;
    let Role::Model(kind) = found.role else { return None };
    usual_folder(kind, asked.workflow.node(&found.node)?).map(str::to_owned)
}
