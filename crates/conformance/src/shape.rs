//! The shape of replies whose values belong to a machine and to what happened on it before.

use serde_json::Value;

use crate::compare::PROSE;
use crate::error::Difference;

/// Members whose inside depends on which prompts ran before.
const OPAQUE: &[&str] = &["prompt", "outputs", "meta", "messages"];

/// Members that only some jobs have.
const OPTIONAL: &[&str] = &["preview_output", "execution_error", "workflow_id"];

/// Replies whose members are data, not names.
const MAPS: &[&str] = &["/settings", "/global_subgraphs", "/history?max_items=1"];

/// Replies of which only the shape is compared.
const MACHINES_OWN: &[&str] = &[
    "/system_stats",
    "/users",
    "/models/checkpoints",
    "/experiment/models/checkpoints",
    "/embeddings",
    "/object_info/LoadImage",
    "/api/jobs?limit=2",
];

pub(crate) fn is_all_that_counts(path: &str) -> bool {
    MAPS.contains(&path) || MACHINES_OWN.contains(&path)
}

/// Compares the shapes of two replies to `GET path`.
pub(crate) fn compare_shape(
    path: &str,
    recorded: &Value,
    received: &Value,
) -> Result<(), Difference> {
    let (Some(theirs), Some(ours), true) =
        (recorded.as_object(), received.as_object(), MAPS.contains(&path))
    else {
        return shape("$", recorded, received);
    };
    ours.iter().try_for_each(|(name, ours)| any_of(&format!("$.{name}"), theirs.values(), ours))
}

fn shape(place: &str, recorded: &Value, received: &Value) -> Result<(), Difference> {
    match (recorded, received) {
        // A version of something that is not installed, the index of a device that has none.
        (Value::Null, _) | (_, Value::Null) => Ok(()),
        (Value::Object(theirs), Value::Object(ours)) => {
            let is_fixed = |name: &&String| {
                !OPTIONAL.contains(&name.as_str()) && !PROSE.contains(&name.as_str())
            };
            if let Some(name) =
                theirs.keys().filter(is_fixed).find(|name| !ours.contains_key(*name))
            {
                return Err(Difference::new(place, format!("a member `{name}`"), received));
            }
            if let Some(name) =
                ours.keys().filter(is_fixed).find(|name| !theirs.contains_key(*name))
            {
                return Err(Difference::new(place, recorded, format!("also a member `{name}`")));
            }
            for (name, theirs) in theirs {
                let Some(ours) = ours.get(name) else { continue };
                if !OPAQUE.contains(&name.as_str()) && !OPTIONAL.contains(&name.as_str()) {
                    shape(&format!("{place}.{name}"), theirs, ours)?;
                }
            }
            Ok(())
        }
        (Value::Array(theirs), Value::Array(ours)) if !theirs.is_empty() => ours
            .iter()
            .enumerate()
            .try_for_each(|(index, ours)| any_of(&format!("{place}.{index}"), theirs.iter(), ours)),
        (Value::Number(theirs), Value::Number(ours)) if theirs.is_f64() == ours.is_f64() => Ok(()),
        (Value::Number(_), Value::Number(_)) => Err(Difference::new(place, recorded, received)),
        _ if std::mem::discriminant(recorded) == std::mem::discriminant(received) => Ok(()),
        _ => Err(Difference::new(place, recorded, received)),
    }
}

/// Holds one received value against the recorded ones of its kind. The refusal is that of the last one.
fn any_of<'a>(
    place: &str,
    recorded: impl Iterator<Item = &'a Value>,
    received: &Value,
) -> Result<(), Difference> {
    let mut result = Ok(());
    for recorded in recorded {
        result = shape(place, recorded, received);
        if result.is_ok() {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_may_differ_and_types_may_not() {
        let recorded = json!({"system": {"ram": 5, "version": "a"}, "devices": [{"index": null}]});
        let ours = json!({"system": {"ram": 7, "version": "b"}, "devices": [{"index": 0}]});
        assert_eq!(compare_shape("/system_stats", &recorded, &ours), Ok(()));
        let torn = json!({"system": {"ram": 7.5, "version": "b"}, "devices": []});
        let difference = compare_shape("/system_stats", &recorded, &torn).unwrap_err();
        assert_eq!(difference.place, "$.system.ram");
    }

    #[test]
    fn the_members_of_a_map_are_data() {
        let recorded = json!({"x": {"name": "a"}});
        assert_eq!(compare_shape("/global_subgraphs", &recorded, &json!({})), Ok(()));
        let other = json!({"y": {"title": "a"}});
        assert!(compare_shape("/global_subgraphs", &recorded, &other).is_err());
    }
}
