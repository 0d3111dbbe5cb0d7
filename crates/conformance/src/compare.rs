//! One received value against the recorded one.

use serde_json::{Map, Value};

use crate::error::Difference;
use crate::names::{Names, are_counted_alike, is_prompt_id, without_directories};

/// Members that are prose, or say where a front end lists a node. A server may have another edition of it, or none.
pub(crate) const PROSE: &[&str] =
    &["tooltip", "description", "search_aliases", "output_tooltips", "essentials_category"];

/// Members that are times or counts of the server's own.
const OWN_NUMBERS: &[&str] = &[
    "timestamp",
    "create_time",
    "execution_start_time",
    "execution_end_time",
    "number",
    "priority",
];

/// Members that Python fills from a set.
const SETS: &[&str] = &["executed", "dependent_outputs", "current_outputs"];

/// Compares two values, and binds the names in them to each other.
pub(crate) fn compare(
    names: &mut Names,
    recorded: &Value,
    received: &Value,
) -> Result<(), Difference> {
    Comparison { names, place: Vec::new() }.value(recorded, received)
}

struct Comparison<'a> {
    names: &'a mut Names,
    place: Vec<String>,
}

impl Comparison<'_> {
    fn value(&mut self, recorded: &Value, received: &Value) -> Result<(), Difference> {
        match (recorded, received) {
            (Value::Object(recorded), Value::Object(received)) => {
                match (as_unknown_model(recorded), as_unknown_model(received)) {
                    (Some(recorded), Some(received)) => self.object(&recorded, &received),
                    _ => self.object(recorded, received),
                }
            }
            (Value::Array(recorded), Value::Array(received)) => self.array(recorded, received),
            (Value::String(recorded), Value::String(received)) => self.text(recorded, received),
            _ if recorded == received => Ok(()),
            _ => Err(self.differs(recorded, received)),
        }
    }

    fn object(
        &mut self,
        recorded: &Map<String, Value>,
        received: &Map<String, Value>,
    ) -> Result<(), Difference> {
        let is_compared = |name: &&String| !PROSE.contains(&name.as_str());
        let theirs: Vec<&String> = recorded.keys().filter(is_compared).collect();
        let ours: Vec<&String> = received.keys().filter(is_compared).collect();
        // Only here does the order of members mean something: it is that of completion.
        if theirs.iter().any(|name| is_prompt_id(name)) {
            for (theirs, ours) in theirs.iter().zip(&ours) {
                self.within(theirs, |this| this.text(theirs, ours))?;
            }
        }
        for name in &theirs {
            let Some(member) = received.get(&self.names.translated(name)) else {
                return Err(self.differs(format!("a member `{name}`"), listed(&ours)));
            };
            let recorded = recorded.get(*name).unwrap_or(&Value::Null);
            self.within(name, |this| this.member(name, recorded, member))?;
        }
        let known: Vec<String> = theirs.iter().map(|name| self.names.translated(name)).collect();
        match ours.iter().find(|name| !known.contains(name)) {
            Some(name) => Err(self.differs(listed(&theirs), format!("also a member `{name}`"))),
            None => Ok(()),
        }
    }

    fn member(&mut self, name: &str, recorded: &Value, received: &Value) -> Result<(), Difference> {
        let is_cached = name == "nodes" && recorded.is_array();
        match name {
            _ if OWN_NUMBERS.contains(&name) => self.own_number(recorded, received),
            _ if SETS.contains(&name) || is_cached => {
                self.value(&sorted(recorded), &sorted(received))
            }
            "prompt" if recorded.is_array() => self.item_of_queue(recorded, received),
            "queue_running" | "queue_pending" => self.each(recorded, received, Self::item_of_queue),
            "traceback" => self.traceback(recorded, received),
            "jobs" => self.jobs(recorded, received),
            // The recorded server remembered more jobs than its scenario made.
            "total" | "has_more" => self.type_of(recorded, received),
            _ => self.value(recorded, received),
        }
    }

    fn array(&mut self, recorded: &[Value], received: &[Value]) -> Result<(), Difference> {
        if recorded.len() != received.len() {
            return Err(self.differs(Value::from(recorded), Value::from(received)));
        }
        for (index, (recorded, received)) in recorded.iter().zip(received).enumerate() {
            self.within(&index.to_string(), |this| this.value(recorded, received))?;
        }
        Ok(())
    }

    fn each(
        &mut self,
        recorded: &Value,
        received: &Value,
        compare: impl Fn(&mut Self, &Value, &Value) -> Result<(), Difference>,
    ) -> Result<(), Difference> {
        let (Some(theirs), Some(ours)) = (recorded.as_array(), received.as_array()) else {
            return self.value(recorded, received);
        };
        if theirs.len() != ours.len() {
            return Err(self.differs(recorded, received));
        }
        for (index, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
            self.within(&index.to_string(), |this| compare(this, theirs, ours))?;
        }
        Ok(())
    }

    /// `[number, prompt_id, prompt, extra_data, outputs]`, with a number of the server's own and a set of outputs.
    fn item_of_queue(&mut self, recorded: &Value, received: &Value) -> Result<(), Difference> {
        let (
            Some([number, id, prompt, extra, outputs]),
            Some([our_number, our_id, our_prompt, our_extra, our_outputs]),
        ) = (members_of(recorded), members_of(received))
        else {
            return self.value(recorded, received);
        };
        self.within("0", |this| this.own_number(number, our_number))?;
        self.within("1", |this| this.value(id, our_id))?;
        self.within("2", |this| this.value(prompt, our_prompt))?;
        self.within("3", |this| this.value(extra, our_extra))?;
        self.within("4", |this| this.value(&sorted(outputs), &sorted(our_outputs)))
    }

    /// Jobs of this scenario; the server may remember others.
    fn jobs(&mut self, recorded: &Value, received: &Value) -> Result<(), Difference> {
        let of = |jobs: &Value, is_ours: &dyn Fn(&str) -> bool| {
            let is_known =
                |job: &&Value| job.get("id").and_then(Value::as_str).is_some_and(is_ours);
            jobs.as_array().into_iter().flatten().filter(is_known).cloned().collect::<Value>()
        };
        let recorded = of(recorded, &|id| self.names.is_recorded(id));
        let received = of(received, &|id| self.names.is_received(id));
        self.value(&recorded, &received)
    }

    fn traceback(&mut self, recorded: &Value, received: &Value) -> Result<(), Difference> {
        let lines = received.as_array();
        if lines.is_some_and(|lines| !lines.is_empty() && lines.iter().all(Value::is_string)) {
            return Ok(());
        }
        Err(self.differs(recorded, received))
    }

    fn own_number(&mut self, recorded: &Value, received: &Value) -> Result<(), Difference> {
        if number_kind(recorded) == number_kind(received) {
            return Ok(());
        }
        Err(self.differs(recorded, received))
    }

    fn type_of(&mut self, recorded: &Value, received: &Value) -> Result<(), Difference> {
        if std::mem::discriminant(recorded) == std::mem::discriminant(received) {
            return Ok(());
        }
        Err(self.differs(recorded, received))
    }

    fn text(&mut self, recorded: &str, received: &str) -> Result<(), Difference> {
        let are_names = is_prompt_id(recorded) && is_prompt_id(received)
            || are_counted_alike(recorded, received);
        let is_same = if are_names {
            self.names.bind(recorded, received)
        } else {
            let expected = without_directories(&self.names.translated(recorded));
            expected == without_directories(received)
        };
        if is_same { Ok(()) } else { Err(self.differs(recorded, received)) }
    }

    fn within(
        &mut self,
        name: &str,
        compare: impl FnOnce(&mut Self) -> Result<(), Difference>,
    ) -> Result<(), Difference> {
        self.place.push(name.to_owned());
        let result = compare(self);
        self.place.pop();
        result
    }

    fn differs(
        &self,
        recorded: impl std::fmt::Display,
        received: impl std::fmt::Display,
    ) -> Difference {
        let place = self.place.iter().fold("$".to_owned(), |place, name| place + "." + name);
        Difference::new(place, self.names.translated(&recorded.to_string()), received)
    }
}

/// The refusal of a model file without the list of those that the server has.
fn as_unknown_model(error: &Map<String, Value>) -> Option<Map<String, Value>> {
    let is_of_model = error.get("type")? == "value_not_in_list"
        && error.get("extra_info")?.get("input_name")? == "ckpt_name";
    let details = error.get("details")?.as_str()?;
    let (refused, _) = details.split_once(" not in ").filter(|_| is_of_model)?;
    let mut error = error.clone();
    error.insert("details".to_owned(), Value::from(refused));
    let extra_info = error.get_mut("extra_info")?.as_object_mut()?;
    extra_info.insert("input_config".to_owned(), Value::Null);
    Some(error)
}

fn members_of(item: &Value) -> Option<&[Value; 5]> {
    item.as_array()?.as_slice().try_into().ok()
}

fn listed(names: &[&String]) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    format!("members {}", names.join(", "))
}

fn sorted(set: &Value) -> Value {
    let Some(items) = set.as_array() else { return set.clone() };
    let mut items = items.clone();
    items.sort_by_key(ToString::to_string);
    Value::Array(items)
}

/// What stays the same of a number that each server counts for itself.
fn number_kind(value: &Value) -> Option<(bool, bool)> {
    let number = value.as_number()?;
    Some((number.is_f64(), number.as_f64().is_some_and(|number| number < 0.0)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(recorded: &Value, received: &Value, expected: Option<&str>) {
        let place = compare(&mut Names::default(), recorded, received).err();
        assert_eq!(place.as_ref().map(|difference| difference.place.as_str()), expected);
    }

    #[test]
    fn ids_times_and_files_may_differ_but_have_to_agree_among_themselves() {
        let event = |id: &str, time: i64, file: &str| json!({"prompt_id": id, "timestamp": time, "files": [file, file]});
        let one = event("7b6bda54-b1a4-4e21-9f50-1a2b3c4d5e6f", 1, "a_00001_.png");
        let other = event("0f3c5a7e-1111-4222-8333-444455556666", 2, "a_00009_.png");
        check(&one, &other, None);
        let mut torn = other;
        torn["files"][1] = json!("a_00010_.png");
        check(&one, &torn, Some("$.files.1"));
    }

    #[test]
    fn types_count_where_values_do_not() {
        check(&json!({"number": -3.0}), &json!({"number": -7.0}), None);
        check(&json!({"number": -3.0}), &json!({"number": -3}), Some("$.number"));
        check(&json!({"value": 1}), &json!({"value": 1.0}), Some("$.value"));
    }

    #[test]
    fn a_missing_and_an_unexpected_member_are_told() {
        check(&json!({"a": {"b": 1}}), &json!({"a": {}}), Some("$.a"));
        check(&json!({"a": {}}), &json!({"a": {"b": 1}}), Some("$.a"));
        check(&json!({"tooltip": "x"}), &json!({}), None);
    }

    #[test]
    fn sets_have_no_order_and_lists_have() {
        check(&json!({"executed": ["1", "2"]}), &json!({"executed": ["2", "1"]}), None);
        check(&json!({"text": ["1", "2"]}), &json!({"text": ["2", "1"]}), Some("$.text.0"));
    }
}
