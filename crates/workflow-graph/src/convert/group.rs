//! The group nodes of older files: several nodes shown as one. The front end makes a class of
//! each group to load its instances with, and so do we; `ungroup` then opens the instances.

use super::widget::is_widget_type;
use crate::{
    catalog::{
        Category, Generation, InputKind, InputSpec, Name, NodeCatalog, NodeClass, OutputSpec,
    },
    hash::HashMap,
    json::{Json, Object},
    ui::{UiNode, UiWorkflow},
};

/// The groups that a file defines and whose nodes the server has.
pub(super) struct Groups<'a> {
    by_name: HashMap<&'a str, Group<'a>>,
}

/// One group.
pub(super) struct Group<'a> {
    /// The class that its instances load as.
    pub(super) class: NodeClass,
    pub(super) nodes: Vec<UiNode<'a>>,
    /// Links between its nodes, by their places: from, output, to, input.
    pub(super) links: Vec<[usize; 4]>,
    /// For each node: which widget of the class stands for which of its own.
    pub(super) widgets: Vec<Vec<(String, String)>>,
    /// For each node: which input of the class leads to which of its own.
    pub(super) inputs: Vec<Vec<(String, usize)>>,
    /// For each output of the class: the node and its output.
    pub(super) outputs: Vec<(usize, usize)>,
}

impl<'a> Groups<'a> {
    pub(super) fn read(workflow: &'a UiWorkflow, catalog: &NodeCatalog) -> Self {
        let groups = workflow.group_nodes();
        let read = |(name, json): (&'a str, &'a Json)| {
            Some((name, Builder::new(catalog, json)?.build(name)))
        };
        Self { by_name: groups.filter_map(read).collect() }
    }

    /// Whether the workflow has none.
    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The group that a class of a node in the file stands for.
    pub(super) fn of_class(&self, class: &str) -> Option<&Group<'a>> {
        let name = class.strip_prefix("workflow")?.strip_prefix(['>', '/'])?;
        self.by_name.get(name)
    }
}

/// A converted widget, which comes after all other inputs of the group.
struct Later {
    node: usize,
    spec: InputSpec,
    /// Its input slot in the node, where the group links to it.
    slot: usize,
}

struct Builder<'a, 'c> {
    catalog: &'c NodeCatalog,
    config: Option<&'a Json>,
    external: Vec<(usize, usize)>,
    group: Group<'a>,
    seen: HashMap<String, usize>,
    later: Vec<Later>,
    slots: usize,
}

impl<'a, 'c> Builder<'a, 'c> {
    fn new(catalog: &'c NodeCatalog, json: &'a Json) -> Option<Self> {
        let nodes = json.get("nodes")?.as_array()?;
        let nodes: Vec<UiNode<'a>> = nodes.iter().map(UiNode::read).collect::<Option<_>>()?;
        let is_known = |node: &UiNode<'a>| {
            super::virtual_nodes::of_front_end(node.class()).is_some()
                || catalog.class(node.class()).is_some()
        };
        if !nodes.iter().all(is_known) {
            return None;
        }
        let pairs = json.get("external").and_then(Json::as_array).unwrap_or_default();
        let external = pairs.iter().filter_map(|pair| {
            let [node, slot, kind, ..] = pair.as_array()? else { return None };
            (!kind.is_null()).then_some((place(node)?, place(slot)?))
        });
        let links = json.get("links").and_then(Json::as_array).unwrap_or_default();
        let links = links.iter().filter_map(|link| {
            let [from, output, to, input, ..] = link.as_array()? else { return None };
            Some([place(from)?, place(output)?, place(to)?, place(input)?])
        });
        let class = NodeClass {
            name: Name::from(""),
            display_name: None,
            description: String::new(),
            category: Name::from("group nodes"),
            python_module: Name::from(""),
            generation: Generation::V1,
            inputs: Vec::new(),
            outputs: Vec::new(),
            output_node: false,
            deprecated: true,
            experimental: false,
            dev_only: false,
            api_node: false,
            is_input_list: false,
            price_badge: None,
        };
        let count = nodes.len();
        let group = Group {
            class,
            links: links.collect(),
            widgets: vec![Vec::new(); count],
            inputs: vec![Vec::new(); count],
            outputs: Vec::new(),
            nodes,
        };
        Some(Self {
            catalog,
            config: json.get("config"),
            external: external.collect(),
            group,
            seen: HashMap::default(),
            later: Vec::new(),
            slots: 0,
        })
    }

    fn build(mut self, name: &str) -> Group<'a> {
        self.group.class.name = Name::from(name);
        for at in 0..self.group.nodes.len() {
            if let Some((inputs, outputs)) = self.definition(at) {
                self.add_inputs(at, &inputs);
                self.add_outputs(at, outputs);
            }
        }
        for later in std::mem::take(&mut self.later) {
            self.add_later(later);
        }
        self.group
    }

    fn node(&self, at: usize) -> Option<UiNode<'a>> {
        self.group.nodes.get(at).copied()
    }

    /// The inputs and outputs of a node of the group. Primitive nodes and reroutes have those of
    /// what they are linked to; a reroute within the group has none of its own.
    fn definition(&self, at: usize) -> Option<(Vec<InputSpec>, Vec<OutputSpec>)> {
        let node = self.node(at)?;
        if let Some(class) = self.catalog.class(node.class()) {
            return Some((class.declared_inputs().cloned().collect(), class.outputs.clone()));
        }
        let from_here = self.group.links.iter().filter(|[from, ..]| *from == at);
        let to_here = self.group.links.iter().filter(|[_, _, to, _]| *to == at);
        let mut targets = from_here.filter_map(|[_, _, to, input]| {
            self.node(*to)?.inputs().nth(*input).map(|slot| (*to, slot))
        });
        match node.class() {
            "PrimitiveNode" => {
                let (to, slot) = targets.next()?;
                let name = slot.widget.unwrap_or(slot.name);
                let class = self.catalog.class(self.node(to)?.class());
                let spec = class.and_then(|class| class.input(name)).cloned();
                let spec = spec.unwrap_or_else(|| socket("value", &slot.type_name));
                let output = output(spec.type_name().unwrap_or("COMBO"));
                Some((vec![InputSpec { name: Name::from("value"), ..spec }], vec![output]))
            }
            "Reroute" => {
                let typed = |name: &str| (name != "*").then(|| name.to_owned());
                let mut sources = to_here
                    .filter_map(|[from, output, ..]| self.node(*from)?.outputs().nth(*output));
                let of_target = targets.find_map(|(_, slot)| typed(&slot.type_name));
                let of_source = sources.find_map(|slot| typed(&slot.type_name));
                if self.is_within(at) {
                    return None;
                }
                let type_name = of_target.or(of_source).unwrap_or_else(|| "*".to_owned());
                let mut spec = socket(&type_name, &type_name);
                spec.options.insert("forceInput", Json::from(true));
                Some((vec![spec], vec![output(&type_name)]))
            }
            _ => None,
        }
    }

    fn is_within(&self, at: usize) -> bool {
        let links = &self.group.links;
        links.iter().any(|[from, ..]| *from == at)
            && links.iter().any(|[_, _, to, _]| *to == at)
            && !self.external.contains(&(at, 0))
    }

    fn add_inputs(&mut self, at: usize, specs: &[InputSpec]) {
        let Some(node) = self.node(at) else { return };
        let mut sockets = Vec::new();
        let mut converted: Vec<(usize, &InputSpec)> = Vec::new();
        for spec in specs {
            if !spec.type_name().is_some_and(is_widget_type) {
                sockets.push(spec);
                continue;
            }
            let is_own = |slot: &crate::ui::UiInput<'_>| {
                spec.name == slot.name && slot.widget.is_some_and(|name| spec.name == name)
            };
            match node.inputs().position(|slot| is_own(&slot)) {
                Some(slot) => converted.push((slot, spec)),
                None => {
                    let name = self.add_input(at, spec);
                    self.note_widget(at, spec, name);
                }
            }
        }
        let linked = |slot: usize, links: &[[usize; 4]]| {
            links.iter().any(|[_, _, to, input]| *to == at && *input == slot)
        };
        for (slot, spec) in sockets.iter().enumerate() {
            if linked(slot, &self.group.links) {
                continue;
            }
            let hidden = self.setting(at, "input", &spec.name).and_then(|set| set.get("visible"));
            let hidden = hidden.and_then(Json::as_bool) == Some(false);
            if hidden {
                self.new_name(at, spec);
            } else {
                self.add_input(at, spec);
                self.note_slot(at, spec);
            }
        }
        // The front end sorts the numbers as texts.
        converted.sort_by_key(|(slot, _)| slot.to_string());
        let first = sockets.len();
        self.later.extend(converted.into_iter().enumerate().map(|(place, (_, spec))| Later {
            node: at,
            spec: spec.clone(),
            slot: first + place,
        }));
    }

    fn add_later(&mut self, Later { node, spec, slot }: Later) {
        if self.group.links.iter().any(|[_, _, to, input]| *to == node && *input == slot) {
            return;
        }
        let name = self.add_input(node, &spec);
        self.note_widget(node, &spec, name);
        self.note_slot(node, &spec);
    }

    fn note_widget(&mut self, at: usize, spec: &InputSpec, name: String) {
        if let Some(widgets) = self.group.widgets.get_mut(at) {
            widgets.push((spec.name.to_string(), name));
        }
    }

    fn note_slot(&mut self, at: usize, spec: &InputSpec) {
        if let Some(inputs) = self.group.inputs.get_mut(at) {
            inputs.push((spec.name.to_string(), self.slots));
        }
        self.slots += 1;
    }

    /// Adds an input to the class under a name that is free, and gives the name.
    fn add_input(&mut self, at: usize, spec: &InputSpec) -> String {
        let (name, prefix) = self.new_name(at, spec);
        let mut spec = InputSpec {
            name: Name::from(name.as_str()),
            category: Category::Required,
            ..spec.clone()
        };
        let is_primitive = self.node(at).is_some_and(|node| node.class() == "PrimitiveNode");
        if matches!(&*prefix.1, "seed" | "noise_seed") {
            let control = Json::from(format!("{}control_after_generate", prefix.0));
            spec.options.insert("control_after_generate", control);
        } else if is_primitive {
            spec.options.insert("control_after_generate", Json::from(true));
        }
        let inputs = &mut self.group.class.inputs;
        match inputs.iter_mut().find(|input| input.name == name.as_str()) {
            Some(taken) => *taken = spec,
            None => inputs.push(spec),
        }
        name
    }

    /// The name of an input in the group: its label, or with the node in front where another
    /// input has it. Also that front, and the name in the node.
    fn new_name(&mut self, at: usize, spec: &InputSpec) -> (String, (String, String)) {
        let own = spec.name.to_string();
        let Some(node) = self.node(at) else { return (own.clone(), (String::new(), own)) };
        let set =
            self.setting(at, "input", &own).and_then(|set| set.get("name")).and_then(Json::as_str);
        let label = || node.inputs().find(|slot| slot.name == own).and_then(|slot| slot.label);
        let mut name = set.or_else(label).unwrap_or(&own).to_owned();
        let mut key = name.clone();
        let mut prefix = String::new();
        let titled = node.class() == "PrimitiveNode" && node.title().is_some();
        if titled || self.seen.contains_key(&name) {
            prefix = format!("{} ", node.title().unwrap_or(node.class()));
            name = format!("{prefix}{own}");
            key.clone_from(&name);
            if let Some(count) = self.seen.get(&name) {
                name = format!("{prefix}{count} {own}");
            }
        }
        *self.seen.entry(key).or_insert(1) += 1;
        (name, (prefix, own))
    }

    fn add_outputs(&mut self, at: usize, outputs: Vec<OutputSpec>) {
        for (slot, output) in outputs.into_iter().enumerate() {
            let inside = self.group.links.iter().any(|[from, own, ..]| (*from, *own) == (at, slot));
            let set = self.setting(at, "output", &slot.to_string());
            let visible = set.and_then(|set| set.get("visible")).and_then(Json::as_bool);
            if visible.unwrap_or(!inside || self.external.contains(&(at, slot))) {
                self.group.outputs.push((at, slot));
                self.group.class.outputs.push(output);
            }
        }
    }

    /// What the person who made the group set for one slot.
    fn setting(&self, at: usize, side: &str, slot: &str) -> Option<&'a Json> {
        self.config?.get(&at.to_string())?.get(side)?.get(slot)
    }
}

fn place(json: &Json) -> Option<usize> {
    usize::try_from(json.as_u64()?).ok()
}

fn socket(name: &str, type_name: &str) -> InputSpec {
    let kind = match type_name {
        "INT" => InputKind::Int,
        "FLOAT" => InputKind::Float,
        "STRING" => InputKind::Text,
        "BOOLEAN" => InputKind::Boolean,
        _ => InputKind::Socket,
    };
    InputSpec {
        name: Name::from(name),
        category: Category::Required,
        type_json: Json::from(type_name),
        kind,
        options: Object::new(),
    }
}

fn output(type_name: &str) -> OutputSpec {
    OutputSpec {
        type_json: Json::from(type_name),
        name: type_name.to_owned(),
        is_list: false,
        match_template: None,
    }
}
