//! Mutation that keeps JSON JSON: bytes flipped at random rarely get past the parser.

use workflow_graph::{Json, json::Object};

use crate::SEPARATOR;

/// Values on which readers differ.
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "2",
    "4",
    "0.0",
    "-0.0",
    "1.0",
    "0.5",
    "1e0",
    "1e400",
    "NaN",
    "Infinity",
    "-Infinity",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890",
    r#""""#,
    r#""0""#,
    r#""1""#,
    r#""-1""#,
    r#""1:2""#,
    r#""a/b~c""#,
    r#""\u0000""#,
    r#""\ud83d\ude00""#,
    r#""{{X}}""#,
    r#""{{X:int=5}} {{Y}}""#,
    r#""PARAM_INT_SEED""#,
    r#""*""#,
    r#""INT""#,
    r#""FLOAT""#,
    r#""STRING""#,
    r#""COMBO""#,
    r#""IMAGE""#,
    r#""INT,FLOAT""#,
    r#""COMFY_DYNAMICCOMBO_V3""#,
    r#""COMFY_AUTOGROW_V3""#,
    r#""COMFY_MATCHTYPE_V3""#,
    r#""Reroute""#,
    r#""PrimitiveNode""#,
    r#""randomize""#,
    "[]",
    "{}",
    "[[]]",
    r#"["1",0]"#,
    r#"["1",-0]"#,
    r#"["1",1.0]"#,
    r#"["2",0]"#,
    r#"[1,0]"#,
    r#"["",0]"#,
    r#"{"__value__":["1",0]}"#,
    r#"{"__value__":1}"#,
    r#"[1,1,0,2,0,"*"]"#,
];

/// Names that mean something to a reader.
const NAMES: &[&str] = &[
    "",
    "1",
    "2",
    "0",
    "class_type",
    "inputs",
    "_meta",
    "title",
    "nodes",
    "links",
    "id",
    "type",
    "mode",
    "widgets_values",
    "widgets_values_named",
    "properties",
    "proxyWidgets",
    "definitions",
    "subgraphs",
    "extra",
    "groupNodes",
    "outputs",
    "link",
    "slot",
    "widget",
    "name",
    "origin_id",
    "target_id",
    "required",
    "optional",
    "hidden",
    "input",
    "output",
    "output_node",
    "default",
    "min",
    "max",
    "step",
    "options",
    "key",
    "template",
    "prefix",
    "names",
    "multiselect",
    "op",
    "node",
    "value",
    "from",
    "to",
    "__value__",
    "prompt",
    "inputNode",
    "outputNode",
    "parentId",
    "linkIds",
    "floatingLinks",
    "input_order",
];

/// A small xorshift: the same seed makes the same mutation, which libFuzzer asks for.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or(0) % end.max(1)
    }

    fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len())]
    }
}

/// Mutates an input of documents in place and returns its new length.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut chance = Chance((u64::from(seed) << 17) | 0x9E37_79B9_0000_0001);
    chance.below(2);
    if chance.below(4) > 0
        && let Some(text) = mutated(&data[..size], &mut chance)
        && text.len() <= max_size
    {
        data[..text.len()].copy_from_slice(&text);
        return text.len();
    }
    libfuzzer_sys::fuzzer_mutate(data, size, max_size)
}

fn mutated(input: &[u8], chance: &mut Chance) -> Option<Vec<u8>> {
    let parts: Vec<&[u8]> = input.split(|byte| *byte == SEPARATOR).collect();
    let chosen = chance.below(parts.len());
    let mut json = Json::parse(parts[chosen]).ok()?;
    let other = Json::parse(parts[chance.below(parts.len())]).ok()?;
    for _ in 0..=chance.below(3) {
        let at = chance.below(count(&json));
        change(nth(&mut json, &mut { at })?, &other, chance);
    }
    let text = json.to_string();
    let mut out = Vec::with_capacity(input.len() + 64);
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            out.push(SEPARATOR);
        }
        out.extend_from_slice(if index == chosen { text.as_bytes() } else { part });
    }
    Some(out)
}

fn change(place: &mut Json, other: &Json, chance: &mut Chance) {
    match (place, chance.below(5)) {
        (Json::Array(items), 1..) => change_list(items, other, chance),
        (Json::Object(members), 1..) => change_object(members, other, chance),
        (Json::String(text), 2..) => *text = changed_text(text, chance),
        (Json::Number(number), 3..) => {
            let near = number.as_f64() + [1.0, -1.0, 0.5, 1e9][chance.below(4)];
            let text = if number.is_integer() { format!("{near:.0}") } else { format!("{near:?}") };
            *number = Json::parse(text.as_bytes())
                .ok()
                .and_then(|json| json.as_number().cloned())
                .unwrap_or(number.clone());
        }
        (place, _) => *place = value(other, chance),
    }
}

fn change_list(items: &mut Vec<Json>, other: &Json, chance: &mut Chance) {
    let at = chance.below(items.len());
    match chance.below(4) {
        0 if !items.is_empty() => drop(items.remove(at)),
        1 if !items.is_empty() => items.insert(at, items[at].clone()),
        2 if items.len() > 1 => {
            let to = chance.below(items.len());
            items.swap(at, to);
        }
        _ => items.insert(at, value(other, chance)),
    }
}

fn change_object(members: &mut Object, other: &Json, chance: &mut Chance) {
    let at = chance.below(members.len());
    let name = name(other, chance);
    match chance.below(4) {
        0 => drop(members.shift_remove_index(at)),
        1 => {
            if let Some((_, value)) = members.shift_remove_index(at) {
                members.insert(name, value);
            }
        }
        2 => {
            if let Some((_, value)) = members.get_index(at) {
                members.insert(name, value.clone());
            }
        }
        _ => drop(members.insert(name, value(other, chance))),
    }
}

fn changed_text(text: &str, chance: &mut Chance) -> String {
    let cut: String = text.chars().take(chance.below(text.chars().count() + 1)).collect();
    match chance.below(4) {
        0 => cut,
        1 => format!(
            "{cut}{}",
            chance.one_of(&[
                "{{",
                "}}",
                "{{X:int=5}}",
                ".",
                ":",
                "/",
                "~",
                "\u{0}",
                "é",
                "0",
                "%",
                "\""
            ])
        ),
        2 => chance.one_of(NAMES).to_owned(),
        _ => format!("{text}{text}"),
    }
}

/// A value from the list above or from somewhere in a document.
fn value(other: &Json, chance: &mut Chance) -> Json {
    if chance.below(2) == 0 {
        return Json::parse(chance.one_of(VALUES).as_bytes()).unwrap_or_default();
    }
    let at = chance.below(count(other));
    nth(&mut other.clone(), &mut { at }).cloned().unwrap_or_default()
}

/// A name from the list above or from an object of a document.
fn name(other: &Json, chance: &mut Chance) -> String {
    let at = chance.below(count(other));
    if chance.below(2) == 0
        && let Some(Json::Object(members)) = nth(&mut other.clone(), &mut { at })
        && let Some((name, _)) = members.get_index(chance.below(members.len()))
    {
        return name.clone();
    }
    chance.one_of(NAMES).to_owned()
}

fn count(json: &Json) -> usize {
    1 + match json {
        Json::Array(items) => items.iter().map(count).sum(),
        Json::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

fn nth<'j>(json: &'j mut Json, at: &mut usize) -> Option<&'j mut Json> {
    if *at == 0 {
        return Some(json);
    }
    *at -= 1;
    match json {
        Json::Array(items) => items.iter_mut().find_map(|item| nth(item, at)),
        Json::Object(members) => members.values_mut().find_map(|value| nth(value, at)),
        _ => None,
    }
}
