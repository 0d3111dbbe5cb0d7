//! Reading node definitions. A server is not to be trusted to be tidy: custom nodes put
//! anything in their definitions, and one odd class must not cost the others.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::{
    Autogrow, CatalogError, Category, Combo, DynamicOption, Generation, InputKind, InputSpec,
    MatchType, Name, NodeClass, OutputSpec,
};
use crate::json::{self, Json, Object};

/// Slots of one growing group; the server itself allows 100.
const AUTOGROW_SLOTS_MAX: usize = 100;

/// How many names the error lists when nothing is a class.
const NAMES_LISTED_MAX: usize = 5;

pub(super) fn classes(json: Json) -> Result<(IndexMap<Name, NodeClass>, Vec<Name>), CatalogError> {
    let Json::Object(members) = json else {
        return Err(CatalogError::NotAnObject { found: json.kind() });
    };
    let is_class = |value: &Json| value.get("input").is_some() || value.get("output").is_some();
    if !members.is_empty() && !members.values().any(is_class) {
        let have = members.keys().take(NAMES_LISTED_MAX).map(ToString::to_string).collect();
        return Err(CatalogError::NoClasses { have });
    }
    let mut names = Interner::default();
    let mut classes = IndexMap::with_capacity(members.len());
    let mut unreadable = Vec::new();
    for (name, value) in members {
        let name = names.intern(&name);
        match value {
            Json::Object(members) => {
                let class = Reader { names: &mut names }.class(name.clone(), members);
                classes.insert(name, class);
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                unreadable.push(name);
            }
        }
    }
    Ok((classes, unreadable))
}

#[derive(Default)]
struct Interner(HashSet<Name>);

impl Interner {
    fn intern(&mut self, text: &str) -> Name {
        if let Some(name) = self.0.get(text) {
            return name.clone();
        }
        let name = Name::from(text);
        self.0.insert(name.clone());
        name
    }
}

struct Reader<'a> {
    names: &'a mut Interner,
}

impl Reader<'_> {
    fn class(&mut self, name: Name, members: Object) -> NodeClass {
        let mut class = NodeClass {
            name,
            display_name: None,
            description: String::new(),
            category: self.names.intern(""),
            python_module: self.names.intern(""),
            generation: Generation::V1,
            inputs: Vec::new(),
            outputs: Vec::new(),
            output_node: false,
            deprecated: false,
            experimental: false,
            dev_only: false,
            api_node: false,
            is_input_list: false,
            price_badge: None,
        };
        let mut sockets = Sockets::default();
        for (name, value) in members {
            let flag = value.as_bool().unwrap_or(false);
            match name.as_str() {
                "input" => sockets.inputs = value,
                "input_order" => sockets.input_order = value,
                "output" => sockets.outputs = value,
                "output_name" => sockets.output_names = value,
                "output_is_list" => sockets.outputs_are_lists = value,
                // Only the newer classes name the match templates of their outputs, be it as null.
                "output_matchtypes" => {
                    class.generation = Generation::V3;
                    sockets.output_templates = value;
                }
                "display_name" => class.display_name = text(value).filter(|name| !name.is_empty()),
                "description" => class.description = text(value).unwrap_or_default(),
                "category" => {
                    class.category = self.names.intern(value.as_str().unwrap_or_default());
                }
                "python_module" => {
                    class.python_module = self.names.intern(value.as_str().unwrap_or_default());
                }
                "output_node" => class.output_node = flag,
                "deprecated" => class.deprecated = flag,
                "experimental" => class.experimental = flag,
                "dev_only" => class.dev_only = flag,
                "api_node" => class.api_node = flag,
                "is_input_list" => class.is_input_list = flag,
                "price_badge" => class.price_badge = Some(value).filter(|badge| !badge.is_null()),
                _ => {}
            }
        }
        class.outputs = self.outputs(&sockets);
        class.inputs = self.inputs(Some(sockets.inputs), Some(&sockets.input_order));
        class
    }

    fn inputs(&mut self, groups: Option<Json>, order: Option<&Json>) -> Vec<InputSpec> {
        let Some(Json::Object(mut groups)) = groups else { return Vec::new() };
        let mut inputs: Vec<InputSpec> = Vec::new();
        let mut required: HashSet<Name> = HashSet::new();
        for category in [Category::Required, Category::Optional, Category::Hidden] {
            let group_name = match category {
                Category::Required => "required",
                Category::Optional => "optional",
                Category::Hidden => "hidden",
            };
            let Some(Json::Object(group)) = groups.get_mut(group_name).map(std::mem::take) else {
                continue;
            };
            let order = order.and_then(|order| order.get(group_name)).and_then(Json::as_array);
            for (name, spec) in in_order(group, order) {
                // The server looks a name up in the required inputs first.
                if category == Category::Optional && required.contains(name.as_str()) {
                    continue;
                }
                let input = self.input(&name, category, spec);
                if category == Category::Required {
                    required.insert(input.name.clone());
                }
                inputs.push(input);
            }
        }
        inputs
    }

    fn input(&mut self, name: &str, category: Category, spec: Json) -> InputSpec {
        let (type_json, options) = match spec {
            Json::Array(items) => {
                let mut items = items.into_iter();
                (items.next().unwrap_or_default(), items.next().unwrap_or_default())
            }
            // Hidden inputs of older classes are bare texts.
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
                (spec, Json::Null)
            }
        };
        let mut options = if let Json::Object(options) = options { options } else { Object::new() };
        let kind = self.kind(&type_json, &mut options);
        InputSpec { name: self.names.intern(name), category, type_json, kind, options }
    }

    fn kind(&mut self, type_json: &Json, options: &mut Object) -> InputKind {
        let multiselect =
            |options: &Object| options.get("multiselect").and_then(Json::as_bool).unwrap_or(false);
        let type_name = match type_json {
            Json::Array(_) => {
                return InputKind::Combo(Combo {
                    listed_as_type: true,
                    multiselect: multiselect(options),
                });
            }
            Json::String(name) => name,
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => "",
        };
        match type_name {
            "INT" => InputKind::Int,
            "FLOAT" => InputKind::Float,
            "STRING" => InputKind::Text,
            "BOOLEAN" => InputKind::Boolean,
            "COMBO" => {
                InputKind::Combo(Combo { listed_as_type: false, multiselect: multiselect(options) })
            }
            "COMFY_DYNAMICCOMBO_V3" => InputKind::DynamicCombo(self.dynamic_options(options)),
            "COMFY_AUTOGROW_V3" => {
                self.autogrow(options).map_or(InputKind::Socket, InputKind::Autogrow)
            }
            "COMFY_DYNAMICSLOT_V3" => {
                let inputs = options.shift_remove("inputs");
                InputKind::DynamicSlot(self.inputs(inputs, None))
            }
            "COMFY_MATCHTYPE_V3" => InputKind::MatchType(self.match_type(options)),
            _ => InputKind::Socket,
        }
    }

    fn dynamic_options(&mut self, options: &mut Object) -> Vec<DynamicOption> {
        let Some(Json::Array(items)) = options.shift_remove("options") else { return Vec::new() };
        let option = |item| {
            let Json::Object(mut members) = item else { return None };
            let key = members.get_mut("key").map(std::mem::take)?;
            let inputs = members.get_mut("inputs").map(std::mem::take);
            Some(DynamicOption { key, inputs: self.inputs(inputs, None) })
        };
        items.into_iter().filter_map(option).collect()
    }

    fn autogrow(&mut self, options: &Object) -> Option<Autogrow> {
        let template = options.get("template")?;
        let count = |name| {
            template.get(name).and_then(Json::as_u64).and_then(|count| usize::try_from(count).ok())
        };
        let slots: Vec<Name> = if let Some(names) = template.get("names").and_then(Json::as_array) {
            let names = names.iter().filter_map(Json::as_str).take(AUTOGROW_SLOTS_MAX);
            names.map(|name| self.names.intern(name)).collect()
        } else {
            let prefix = template.get("prefix")?.as_str()?;
            let slots = 0..count("max").unwrap_or(0).min(AUTOGROW_SLOTS_MAX);
            slots.map(|slot| self.names.intern(&format!("{prefix}{slot}"))).collect()
        };
        // The server takes the first input of the first group that has one.
        let (group, name, spec) =
            template.get("input")?.as_object()?.iter().find_map(|(group, inputs)| {
                let (name, spec) = inputs.as_object()?.iter().next()?;
                Some((group, name, spec.clone()))
            })?;
        let category = if group == "required" { Category::Required } else { Category::Optional };
        let template = Box::new(self.input(name, category, spec));
        let min = count("min").unwrap_or(0).min(AUTOGROW_SLOTS_MAX);
        Some(Autogrow { slots, min, template })
    }

    fn match_type(&mut self, options: &Object) -> MatchType {
        let part = |name| {
            options.get("template").and_then(|template| template.get(name)).and_then(Json::as_str)
        };
        MatchType {
            template: self.names.intern(part("template_id").unwrap_or_default()),
            allowed: self.names.intern(part("allowed_types").unwrap_or("*")),
        }
    }

    fn outputs(&mut self, sockets: &Sockets) -> Vec<OutputSpec> {
        let item =
            |list: &'_ Json, slot: usize| list.as_array().and_then(|list| list.get(slot)).cloned();
        let output = |(slot, type_json): (usize, &Json)| OutputSpec {
            name: item(&sockets.output_names, slot)
                .and_then(text)
                .or_else(|| type_json.as_str().map(str::to_owned))
                .unwrap_or_default(),
            is_list: item(&sockets.outputs_are_lists, slot) == Some(Json::Bool(true)),
            match_template: item(&sockets.output_templates, slot)
                .as_ref()
                .and_then(Json::as_str)
                .map(|template| self.names.intern(template)),
            type_json: type_json.clone(),
        };
        sockets.outputs.as_array().unwrap_or_default().iter().enumerate().map(output).collect()
    }
}

/// What a class says of its inputs and outputs in several members that belong together.
#[derive(Default)]
struct Sockets {
    inputs: Json,
    input_order: Json,
    outputs: Json,
    output_names: Json,
    outputs_are_lists: Json,
    output_templates: Json,
}

fn text(json: Json) -> Option<String> {
    if let Json::String(text) = json { Some(text.into()) } else { None }
}

/// The members of a group in the order the server names, which is theirs unless a proxy
/// between has sorted them.
fn in_order(mut group: Object, order: Option<&[Json]>) -> Vec<(json::Name, Json)> {
    let Some(order) = order else { return group.into_iter().collect() };
    if group.keys().map(json::Name::as_str).eq(order.iter().filter_map(Json::as_str)) {
        return group.into_iter().collect();
    }
    let mut sorted = Vec::with_capacity(group.len());
    let mut named: HashSet<&str> = HashSet::new();
    for name in order.iter().filter_map(Json::as_str).filter(|name| named.insert(name)) {
        sorted.extend(group.get_mut(name).map(|spec| (name.into(), std::mem::take(spec))));
    }
    sorted.extend(group.into_iter().filter(|(name, _)| !named.contains(name.as_str())));
    sorted
}
