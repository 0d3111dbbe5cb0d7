//! Reading node definitions. A server is not to be trusted to be tidy: custom nodes put
//! anything in their definitions, and one odd class must not cost the others.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::{
    Autogrow, CatalogError, Category, Combo, DynamicOption, Generation, InputKind, InputSpec,
    MatchType, Name, NodeClass, OutputSpec,
};
use crate::json::{Json, Object};

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
        let have = members.keys().take(NAMES_LISTED_MAX).cloned().collect();
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
            _ => unreadable.push(name),
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
    fn class(&mut self, name: Name, mut members: Object) -> NodeClass {
        let flag = |name: &str| members.get(name).and_then(Json::as_bool).unwrap_or(false);
        let [output_node, deprecated, experimental, dev_only, api_node, is_input_list] =
            ["output_node", "deprecated", "experimental", "dev_only", "api_node", "is_input_list"]
                .map(flag);
        // Only the newer classes name the match templates of their outputs, be it as null.
        let generation =
            if members.contains_key("output_matchtypes") { Generation::V3 } else { Generation::V1 };
        let mut taken = |name: &str| members.get_mut(name).map(std::mem::take);
        let inputs = self.inputs(taken("input"), taken("input_order").as_ref());
        let mut outputs = taken("output");
        let outputs = self.outputs(outputs.take(), &members);
        let mut taken = |name: &str| members.get_mut(name).map(std::mem::take);
        let text = |json: Option<Json>| {
            if let Some(Json::String(text)) = json { Some(text) } else { None }
        };
        NodeClass {
            name,
            display_name: text(taken("display_name")).filter(|name| !name.is_empty()),
            description: text(taken("description")).unwrap_or_default(),
            category: self.names.intern(&text(taken("category")).unwrap_or_default()),
            python_module: self.names.intern(&text(taken("python_module")).unwrap_or_default()),
            generation,
            inputs,
            outputs,
            output_node,
            deprecated,
            experimental,
            dev_only,
            api_node,
            is_input_list,
            price_badge: taken("price_badge").filter(|badge| !badge.is_null()),
        }
    }

    fn inputs(&mut self, groups: Option<Json>, order: Option<&Json>) -> Vec<InputSpec> {
        let Some(Json::Object(mut groups)) = groups else { return Vec::new() };
        let mut inputs: Vec<InputSpec> = Vec::new();
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
                let declared_before = category == Category::Optional
                    && inputs.iter().any(|input| input.name == name.as_str());
                if !declared_before {
                    inputs.push(self.input(&name, category, spec));
                }
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
            other => (other, Json::Null),
        };
        let mut options = if let Json::Object(options) = options { options } else { Object::new() };
        let kind = self.kind(&type_json, &mut options);
        InputSpec { name: self.names.intern(name), category, type_json, kind, options }
    }

    fn kind(&mut self, type_json: &Json, options: &mut Object) -> InputKind {
        let multiselect = options.get("multiselect").and_then(Json::as_bool).unwrap_or(false);
        let type_name = match type_json {
            Json::Array(_) => {
                return InputKind::Combo(Combo { listed_as_type: true, multiselect });
            }
            Json::String(name) => name.as_str(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => "",
        };
        match type_name {
            "INT" => InputKind::Int,
            "FLOAT" => InputKind::Float,
            "STRING" => InputKind::Text,
            "BOOLEAN" => InputKind::Boolean,
            "COMBO" => InputKind::Combo(Combo { listed_as_type: false, multiselect }),
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
                let (name, spec) = inputs.as_object()?.first()?;
                Some((group, name, spec.clone()))
            })?;
        let category = if group == "required" { Category::Required } else { Category::Optional };
        let template = Box::new(self.input(name, category, spec));
        Some(Autogrow { slots, min: count("min").unwrap_or(0), template })
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

    fn outputs(&mut self, types: Option<Json>, members: &Object) -> Vec<OutputSpec> {
        let Some(Json::Array(types)) = types else { return Vec::new() };
        let item = |list: &str, slot: usize| members.get(list)?.as_array()?.get(slot);
        let output = |(slot, type_json): (usize, Json)| OutputSpec {
            name: item("output_name", slot)
                .and_then(Json::as_str)
                .or(type_json.as_str())
                .unwrap_or_default()
                .to_owned(),
            is_list: item("output_is_list", slot).and_then(Json::as_bool).unwrap_or(false),
            match_template: item("output_matchtypes", slot)
                .and_then(Json::as_str)
                .map(|template| self.names.intern(template)),
            type_json,
        };
        types.into_iter().enumerate().map(output).collect()
    }
}

/// The members of a group in the order the server names, which is theirs unless a proxy
/// between has sorted them.
fn in_order(mut group: Object, order: Option<&[Json]>) -> Vec<(String, Json)> {
    let Some(order) = order else { return group.into_iter().collect() };
    if group.keys().map(String::as_str).eq(order.iter().filter_map(Json::as_str)) {
        return group.into_iter().collect();
    }
    let mut sorted = Vec::with_capacity(group.len());
    for name in order.iter().filter_map(Json::as_str) {
        sorted.extend(group.get_mut(name).map(|spec| (name.to_owned(), std::mem::take(spec))));
    }
    let named: HashSet<&str> = order.iter().filter_map(Json::as_str).collect();
    sorted.extend(group.into_iter().filter(|(name, _)| !named.contains(name.as_str())));
    sorted
}
