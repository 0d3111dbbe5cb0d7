//! Whether a number is one that a parameter takes, and which is the nearest that it takes.

use workflow_graph::Json;

use super::Parameter;

pub(super) fn integer(parameter: &Parameter, value: &Json) -> Result<Json, String> {
    let name = &parameter.name;
    let whole = value
        .as_i64()
        .or_else(|| value.as_str()?.parse().ok())
        .ok_or_else(|| format!("`{name}` must be a whole number, but is {value}"))?;
    in_range(parameter, Json::from(whole).as_f64(), value)?;
    let Some(rule) = Rule::of(parameter) else { return Ok(Json::from(whole)) };
    if rule.allows(whole) {
        return Ok(Json::from(whole));
    }
    let near: Vec<String> = rule
        .neighbours(whole)
        .into_iter()
        .filter(|near| in_range(parameter, Json::from(*near).as_f64(), value).is_ok())
        .map(|near| near.to_string())
        .collect();
    let near = match near.as_slice() {
        [] => String::new(),
        [only] => format!("; the nearest is {only}"),
        all => format!("; the nearest are {}", all.join(" and ")),
    };
    Err(format!("`{name}` must be {rule}, but is {whole}{near}"))
}

pub(super) fn number(parameter: &Parameter, value: &Json) -> Result<Json, String> {
    let name = &parameter.name;
    let number = value
        .as_f64()
        .or_else(|| value.as_str()?.parse().ok())
        .filter(|number| number.is_finite())
        .ok_or_else(|| format!("`{name}` must be a number, but is {value}"))?;
    in_range(parameter, Some(number), value)?;
    Ok(Json::from(number))
}

pub(super) fn seed(parameter: &Parameter, value: &Json) -> Result<Json, String> {
    let whole = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    whole.map(Json::from).ok_or_else(|| {
        let name = &parameter.name;
        format!("`{name}` must be a whole number from 0 to {}, but is {value}", u64::MAX)
    })
}

fn in_range(parameter: &Parameter, number: Option<f64>, value: &Json) -> Result<(), String> {
    let Some(number) = number else { return Ok(()) };
    let is_below = parameter.minimum.is_some_and(|minimum| number < minimum);
    let is_above = parameter.maximum.is_some_and(|maximum| number > maximum);
    if !is_below && !is_above {
        return Ok(());
    }
    let wanted = match (parameter.minimum, parameter.maximum) {
        (Some(minimum), Some(maximum)) => format!("from {minimum} to {maximum}"),
        (Some(minimum), None) => format!("at least {minimum}"),
        (None, Some(maximum)) => format!("at most {maximum}"),
        (None, None) => return Ok(()),
    };
    Err(format!("`{}` must be {wanted}, but is {value}", parameter.name))
}

/// Which whole numbers are possible: multiples of a unit, plus something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    unit: i64,
    offset: i64,
}

impl Rule {
    /// None where every whole number is possible.
    pub(super) fn of(parameter: &Parameter) -> Option<Self> {
        let unit = i64::try_from(parameter.multiple_of?).ok().filter(|unit| *unit > 0)?;
        Some(Self { unit, offset: i64::try_from(parameter.offset).ok()? })
    }

    /// How far a number lies above the possible one below it.
    fn rest(self, whole: i64) -> i64 {
        (whole.rem_euclid(self.unit) - self.offset.rem_euclid(self.unit)).rem_euclid(self.unit)
    }

    fn allows(self, whole: i64) -> bool {
        self.rest(whole) == 0
    }

    /// The possible numbers below and above, where they can be written down.
    fn neighbours(self, whole: i64) -> Vec<i64> {
        let below = whole.checked_sub(self.rest(whole));
        let above = below.and_then(|below| below.checked_add(self.unit));
        below.into_iter().chain(above).collect()
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.offset {
            0 => write!(f, "a multiple of {}", self.unit),
            offset => write!(f, "a multiple of {} plus {offset}", self.unit),
        }
    }
}
