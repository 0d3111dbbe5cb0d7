//! Cutting long lists of choices: a server with two thousand model files names them all in
//! every loader, and an agent pays for each.

use serde_json::Value;

/// So many choices of one input are shown.
const CHOICES_MAX: usize = 40;

/// Cuts every list of more than so many texts, and says where and how many there were.
pub(crate) fn shorten_choices(definition: &mut Value) -> Vec<String> {
    let mut cut = Vec::new();
    walk(definition, &mut Vec::new(), &mut cut);
    cut
}

fn walk(value: &mut Value, path: &mut Vec<String>, cut: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            if items.len() > CHOICES_MAX && items.iter().all(Value::is_string) {
                cut.push(format!("{} ({CHOICES_MAX} of {} shown)", path.join("."), items.len()));
                items.truncate(CHOICES_MAX);
                return;
            }
            for item in items {
                walk(item, path, cut);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                path.push(name.clone());
                walk(member, path, cut);
                path.pop();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_long_lists_of_choices_are_cut_and_each_is_named() {
        let many: Vec<String> = (0..100).map(|number| format!("{number}.safetensors")).collect();
        let mut definition = json!({
            "input": {"required": {"lora_name": [many, {"tooltip": "x"}], "mode": [["a", "b"]]}},
            "numbers": (0..100).collect::<Vec<u32>>()
        });
        assert_eq!(
            shorten_choices(&mut definition),
            ["input.required.lora_name (40 of 100 shown)"]
        );
        assert_eq!(
            definition["input"]["required"]["lora_name"][0].as_array().map(Vec::len),
            Some(40)
        );
        assert_eq!(definition["numbers"].as_array().map(Vec::len), Some(100));
    }
}
