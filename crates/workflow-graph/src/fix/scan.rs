//! One look at every input of every node, also of nodes that no output needs.

use std::{borrow::Cow, cell::OnceCell, collections::HashSet};

use super::{Proposal, link::Links, near::Near, value};
use crate::{
    catalog::{Category, InputKind, InputSpec, NodeCatalog, NodeClass},
    json::{Json, Name, Object},
    validate::{
        Profile,
        context::{Context, Part},
        custom,
        expand::{Declared, Plan},
        files,
        input::{self, Outcome},
        python,
        suggest::Suggest,
    },
};

pub(super) fn proposals(prompt: &Json, catalog: &NodeCatalog, profile: Profile) -> Vec<Proposal> {
    let Json::Object(nodes) = prompt else { return Vec::new() };
    let parts = Part::all(nodes, catalog);
    let context = Context { nodes, parts: &parts, catalog, profile };
    let mut scan = Scan {
        context,
        suggest: Suggest::new(context),
        links: Links::new(context),
        near: Near::new(),
        class_names: OnceCell::new(),
        files: OnceCell::new(),
        changed: HashSet::new(),
        proposals: Vec::new(),
    };
    for node in 0..nodes.len() {
        scan.node(node);
    }
    scan.proposals
}

struct Scan<'a> {
    context: Context<'a>,
    suggest: Suggest<'a>,
    links: Links<'a>,
    near: Near,
    class_names: OnceCell<Vec<&'a str>>,
    files: OnceCell<Vec<Json>>,
    /// The inputs of the node that a correction has been proposed for: a second one in the same
    /// look would not find what it was made for.
    changed: HashSet<String>,
    proposals: Vec<Proposal>,
}

impl<'a> Scan<'a> {
    fn node(&mut self, node: usize) {
        self.changed.clear();
        let (id, json) = (self.context.id(node), self.context.json(node));
        if json.as_object().is_none() {
            return;
        }
        let Some(class) = self.context.class(node) else {
            self.class(id, json);
            return;
        };
        let Some(inputs) = self.context.inputs(node) else {
            let empty = Some(Json::Object(Object::new()));
            self.proposals.push(Proposal::new(
                &[id, "inputs"],
                None,
                empty,
                "a node needs `inputs`",
            ));
            return;
        };
        let Json::Object(inputs) = inputs else { return };
        let plan = Plan::of(class, self.context.inputs(node), self.context.profile);
        self.dynamic_choices(node, (inputs, &plan), &class.inputs, "");
        let validator = custom::of(class, self.context.profile);
        for declared in plan.iter() {
            if self.changed.contains(&*declared.key) {
                continue;
            }
            match inputs.get(&declared.key) {
                None if declared.category == Category::Required => {
                    self.missing(node, &declared, inputs, &plan);
                }
                None => {}
                Some(Json::Array(items)) => {
                    let any_type = validator.is_some_and(custom::Validator::takes_types);
                    self.link(node, &declared, items, any_type);
                }
                Some(value) => {
                    let own_check =
                        validator.is_some_and(|validator| validator.checks(&declared.key));
                    self.value(node, &declared, value, own_check);
                }
            }
        }
        self.file(node, class, inputs);
    }

    fn class(&mut self, id: &str, json: &Json) {
        let Some(wrong) = json.get("class_type") else { return };
        let Some(name) = wrong.as_str() else { return };
        let names = self.class_names.get_or_init(|| {
            self.context.catalog.classes().map(|class| class.name.as_str()).collect()
        });
        let found = self.near.name(name, names).copied();
        if let Some(class) = found {
            let to = Json::from(class);
            let reason = "the server has no such class; this is the nearest";
            self.proposals.push(Proposal::new(&[id, "class_type"], Some(wrong), Some(to), reason));
        }
    }

    /// Keys of dynamic combos, on which the other inputs depend.
    fn dynamic_choices(
        &mut self,
        node: usize,
        (inputs, plan): (&'a Object, &Plan<'_>),
        specs: &'a [InputSpec],
        prefix: &str,
    ) {
        for spec in specs {
            let InputKind::DynamicCombo(options) = &spec.kind else { continue };
            let key = if prefix.is_empty() {
                spec.name.to_string()
            } else {
                format!("{prefix}.{}", spec.name)
            };
            let set = inputs.get(&key);
            let selected = set
                .and_then(|value| options.iter().find(|option| python::equal(&option.key, value)));
            if let Some(option) = selected {
                self.dynamic_choices(node, (inputs, plan), &option.inputs, &key);
                continue;
            }
            let is_missing = set.is_none() && spec.category == Category::Required;
            let declared = Declared { key: Cow::Borrowed(&key), category: spec.category, spec };
            if is_missing && self.renamed(node, &declared, inputs, plan) {
                continue;
            }
            let keys: Vec<Json> = options.iter().map(|option| option.key.clone()).collect();
            let (to, reason) = match set {
                Some(value) => (
                    self.near.choice(value, &keys),
                    "not one of the choices, which the server does not notice; this is the nearest",
                ),
                None if is_missing => (
                    keys.first().cloned(),
                    "not set, which the server does not notice; this is the first choice, the front end's default",
                ),
                None => continue,
            };
            if let Some(to) = to
                && !self.changed.contains(&key)
            {
                self.propose(node, &key, Change { from: set, to, reason });
            }
        }
    }

    fn missing(&mut self, node: usize, declared: &Declared<'_>, inputs: &Object, plan: &Plan<'_>) {
        if self.renamed(node, declared, inputs, plan) {
            return;
        }
        let Some(default) = declared.spec.default_value() else { return };
        if !declared.spec.flag("forceInput") && self.passes(declared, default, false) {
            let to = value::as_value(default.clone());
            self.propose(
                node,
                &declared.key,
                Change { from: None, to, reason: "required; this is its default" },
            );
        }
    }

    /// A required input that is set under a name which differs in case or a letter.
    fn renamed(
        &mut self,
        node: usize,
        declared: &Declared<'_>,
        inputs: &Object,
        plan: &Plan<'_>,
    ) -> bool {
        let is_free =
            |key: &&Name| plan.find(key).is_none() && !self.changed.contains(key.as_str());
        let undeclared: Vec<&Name> = inputs.keys().filter(is_free).collect();
        let Some(wrong) = self.near.name(&declared.key, &undeclared).copied() else {
            return false;
        };
        let Some(value) = inputs.get(wrong) else { return false };
        let fits = if let Json::Array(items) = value {
            let outcome = input::link(&self.suggest, node, declared, items, true);
            matches!(outcome, Outcome::Follow(_))
        } else {
            self.passes(declared, value, false)
        };
        if fits {
            self.changed.insert(wrong.to_string());
            let reason = format!("required; it is set as `{wrong}`");
            self.propose(
                node,
                &declared.key,
                Change { from: None, to: value.clone(), reason: &reason },
            );
            let path = [self.context.id(node), "inputs", wrong];
            let reason = format!("moved to `{}`", declared.key);
            self.proposals.push(Proposal::new(&path, Some(value), None, &reason));
        }
        fits
    }

    fn link(&mut self, node: usize, declared: &Declared<'_>, items: &[Json], any_type: bool) {
        let outcome = input::link(&self.suggest, node, declared, items, !any_type);
        if matches!(outcome, Outcome::Follow(_) | Outcome::Fine) {
            return;
        }
        if let Some((to, reason)) = self.links.corrected(node, declared, items) {
            let from = Json::from(items.to_vec());
            self.propose(node, &declared.key, Change { from: Some(&from), to, reason });
        }
    }

    fn value(&mut self, node: usize, declared: &Declared<'_>, value: &Json, own_check: bool) {
        let misread = value::is_misread(declared.spec, input::unwrapped(value));
        if !misread && self.passes(declared, value, own_check) {
            return;
        }
        let corrected = value::corrected(declared.spec, input::unwrapped(value), &self.near);
        let Some((to, reason)) = corrected else {
            return;
        };
        if to != *value && self.passes(declared, &to, own_check) {
            self.propose(node, &declared.key, Change { from: Some(value), to, reason });
        }
    }

    fn file(&mut self, node: usize, class: &NodeClass, inputs: &Object) {
        let spec = custom::file_input(class, self.context.profile);
        let Some(spec) = spec else { return };
        let Some(value) = inputs.get(spec.name.as_str()) else { return };
        let is_missing = files::look_up(self.context, value) == Ok(files::Found::No);
        if !is_missing || self.changed.contains(spec.name.as_str()) {
            return;
        }
        let files = self.files.get_or_init(|| files::known(self.context));
        if let Some(to) = self.near.choice(value, files) {
            let reason = "the server has no such file; this is the nearest name";
            self.propose(node, &spec.name, Change { from: Some(value), to, reason });
        }
    }

    fn passes(&self, declared: &Declared<'_>, value: &Json, own_check: bool) -> bool {
        let outcome = input::value(self.context.profile, declared, value, own_check, &self.suggest);
        matches!(outcome, Outcome::Fine)
    }

    fn propose(&mut self, node: usize, key: &str, change: Change<'_>) {
        self.changed.insert(key.to_owned());
        let path = [self.context.id(node), "inputs", key];
        let Change { from, to, reason } = change;
        self.proposals.push(Proposal::new(&path, from, Some(to), reason));
    }
}

/// What becomes of one input.
struct Change<'c> {
    from: Option<&'c Json>,
    to: Json,
    reason: &'c str,
}
