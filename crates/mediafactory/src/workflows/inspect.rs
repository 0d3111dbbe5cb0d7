//! What a workflow is made of, and what of it a server lacks.

use workflow_graph::{
    Json, Node, NodeId, Workflow, check,
    roles::{self, Found as Role},
};

use super::{ConversionNote, Rulebook, api, recognize};
use crate::{error::Error, nearest};

/// What a workflow holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// `api` or `ui`: what was given.
    pub format: &'static str,
    /// How many nodes a server gets.
    pub nodes: usize,
    /// The identity of what it computes; titles and positions do not count.
    pub digest: String,
    /// The nodes that write results, with their classes.
    pub outputs: Vec<(String, String)>,
    /// The nodes that call a paid service, with their classes.
    pub services: Vec<(String, String)>,
    /// The inputs whose role is known: by role, places with `node`, `input` and `value`.
    pub inputs: Json,
    /// The model files it loads.
    pub models: Vec<ModelUse>,
    /// Nodes of classes that the server does not have.
    pub missing_nodes: Vec<MissingNode>,
    /// What is wrong with its links, in sentences.
    pub problems: Vec<String>,
    /// What the conversion from UI format could not carry over.
    pub findings: Vec<ConversionNote>,
}

/// A model file that a node loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelUse {
    /// The node.
    pub node: String,
    /// The input that names the file.
    pub input: String,
    /// What the model is for, such as `checkpoint` or `lora`.
    pub kind: &'static str,
    /// The file.
    pub file: String,
    /// Whether the server lists it; none when the server has no list for that input.
    pub installed: Option<bool>,
    /// The nearest files that the server has, when it lacks this one.
    pub nearest: Vec<String>,
}

/// A node of a class that the server does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingNode {
    /// The node.
    pub node: String,
    /// Its class.
    pub class_type: String,
    /// The pack of custom nodes it comes from, when a workflow in UI format says so.
    pub pack: Option<String>,
    /// The nearest classes that the server has.
    pub nearest: Vec<String>,
}

/// How many near names are given for one that is missing.
const NEAREST_MAX: usize = 3;

/// How many missing things get near names: each is held against every name of the server.
const NEAREST_FOR_MAX: usize = 50;

impl Rulebook {
    /// Looks at a workflow of either format; one in UI format is converted first.
    pub fn inspect(&self, workflow: &Json) -> Result<Inspection, Error> {
        let found = recognize(workflow.clone())?;
        let (format, json, findings) = match (found.api, found.ui) {
            (Some(api), _) => ("api", api, Vec::new()),
            (None, Some(ui)) => {
                let converted = self.convert(ui)?;
                ("ui", converted.workflow, converted.findings)
            }
            (None, None) => ("api", workflow.clone(), Vec::new()),
        };
        let workflow = api(&json)?;
        let roles = roles::of(&workflow);
        let dangling = check::dangling_links(&workflow);
        let problems = dangling.iter().map(ToString::to_string);
        Ok(Inspection {
            format,
            nodes: workflow.nodes().len(),
            digest: workflow.digest().to_string(),
            outputs: self.nodes_whose(&workflow, |class| class.output_node),
            services: self.nodes_whose(&workflow, |class| class.api_node),
            inputs: roles.to_json(),
            models: self.models(&workflow, roles.models()),
            missing_nodes: self.missing_nodes(&workflow, &findings),
            problems: problems
                .chain(check::cycle(&workflow).map(|cycle| cycle.to_string()))
                .collect(),
            findings,
        })
    }

    fn nodes_whose(
        &self,
        workflow: &Workflow,
        is_meant: impl Fn(&workflow_graph::catalog::NodeClass) -> bool,
    ) -> Vec<(String, String)> {
        let named = |(id, node): (&NodeId, &Node)| {
            let class = self.catalog.class(node.class_type().as_str())?;
            is_meant(class).then(|| (id.to_string(), class.name.to_string()))
        };
        workflow.nodes().filter_map(named).collect()
    }

    fn models<'a>(
        &self,
        workflow: &Workflow,
        found: impl Iterator<Item = &'a Role>,
    ) -> Vec<ModelUse> {
        let mut near_left = NEAREST_FOR_MAX;
        let used = |role: &Role| {
            let file = role.value.as_str()?;
            let class = self.catalog.class(workflow.node(&role.node)?.class_type().as_str());
            let files = class.and_then(|class| class.input(&role.input)?.choices());
            let files = files.map(|files| files.iter().filter_map(Json::as_str));
            let installed = files.clone().map(|mut files| files.any(|known| known == file));
            let near = match files {
                Some(files) if installed == Some(false) && near_left > 0 => {
                    near_left -= 1;
                    owned(nearest::names(file, files, NEAREST_MAX))
                }
                _ => Vec::new(),
            };
            Some(ModelUse {
                node: role.node.to_string(),
                input: role.input.clone(),
                kind: role.role.as_str(),
                file: file.to_owned(),
                installed,
                nearest: near,
            })
        };
        found.filter_map(used).collect()
    }

    fn missing_nodes(&self, workflow: &Workflow, notes: &[ConversionNote]) -> Vec<MissingNode> {
        let pack_of = |class: &str| {
            let missing = notes.iter().filter_map(|note| note.missing_class.as_ref());
            missing.filter(|(name, _)| name == class).find_map(|(_, pack)| pack.clone())
        };
        let missing = workflow.nodes().filter(|(_, node)| {
            let class = node.class_type().as_str();
            self.catalog.class(class).is_none() && self.catalog.replacements(class).is_empty()
        });
        missing
            .enumerate()
            .map(|(index, (id, node))| {
                let class = node.class_type().as_str();
                let near = if index < NEAREST_FOR_MAX {
                    let known = self.catalog.classes().map(|class| class.name.as_str());
                    owned(nearest::names(class, known, NEAREST_MAX))
                } else {
                    Vec::new()
                };
                MissingNode {
                    node: id.to_string(),
                    class_type: class.to_owned(),
                    pack: pack_of(class),
                    nearest: near,
                }
            })
            .collect()
    }
}

impl Inspection {
    /// `{format, nodes, digest, outputs, services, inputs, models, missing_models,
    /// missing_nodes, problems, findings}`.
    pub fn to_json(&self) -> Json {
        let nodes = |nodes: &[(String, String)]| {
            let node = |(node, class): &(String, String)| {
                let class = ("class_type", Json::from(class.as_str()));
                Json::object([("node", Json::from(node.as_str())), class])
            };
            Json::Array(nodes.iter().map(node).collect())
        };
        let missing = self.models.iter().filter(|model| model.installed == Some(false));
        let missing = missing.map(|model| Json::from(model.file.as_str())).collect();
        let count = u64::try_from(self.nodes).unwrap_or(u64::MAX);
        let list = |items: Vec<Json>| Json::Array(items);
        Json::object([
            ("format", Json::from(self.format)),
            ("nodes", Json::from(count)),
            ("digest", Json::from(self.digest.as_str())),
            ("outputs", nodes(&self.outputs)),
            ("services", nodes(&self.services)),
            ("inputs", self.inputs.clone()),
            ("models", list(self.models.iter().map(ModelUse::to_json).collect())),
            ("missing_models", Json::Array(missing)),
            ("missing_nodes", list(self.missing_nodes.iter().map(MissingNode::to_json).collect())),
            ("problems", texts(&self.problems)),
            ("findings", list(self.findings.iter().map(ConversionNote::to_json).collect())),
        ])
    }
}

impl ModelUse {
    /// `{node, input, kind, file, installed, nearest?}`.
    pub fn to_json(&self) -> Json {
        let used = [
            ("node", Json::from(self.node.as_str())),
            ("input", Json::from(self.input.as_str())),
            ("kind", Json::from(self.kind)),
            ("file", Json::from(self.file.as_str())),
            ("installed", self.installed.map_or(Json::Null, Json::from)),
        ];
        let near = (!self.nearest.is_empty()).then(|| ("nearest", texts(&self.nearest)));
        Json::object(used.into_iter().chain(near))
    }
}

impl MissingNode {
    /// `{node, class_type, pack?, nearest?}`.
    pub fn to_json(&self) -> Json {
        let said = [
            ("node", Json::from(self.node.as_str())),
            ("class_type", Json::from(self.class_type.as_str())),
        ];
        let pack = self.pack.as_deref().map(|pack| ("pack", Json::from(pack)));
        let near = (!self.nearest.is_empty()).then(|| ("nearest", texts(&self.nearest)));
        Json::object(said.into_iter().chain(pack).chain(near))
    }
}

fn texts(texts: &[String]) -> Json {
    Json::Array(texts.iter().map(|text| Json::from(text.as_str())).collect())
}

fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}
