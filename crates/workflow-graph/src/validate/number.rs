//! Numbers as Python computes with them: integers of any size, compared exactly with floats.

use std::cmp::Ordering;

use super::python::Raised;
use crate::json::Json;

/// A number: `bool` counts as one.
#[derive(Clone, Debug)]
pub(crate) enum PyNumber {
    Int(i128),
    /// An integer of more than 128 bits: its sign and its digits without leading zeros.
    Big {
        negative: bool,
        digits: String,
    },
    Float(f64),
}

impl PyNumber {
    pub(crate) fn of(value: &Json) -> Option<Self> {
        match value {
            Json::Bool(value) => Some(Self::Int((*value).into())),
            Json::Number(number) if number.is_integer() => Some(Self::from_digits(number.as_str())),
            Json::Number(number) => Some(Self::Float(number.as_f64())),
            Json::Null | Json::String(_) | Json::Array(_) | Json::Object(_) => None,
        }
    }

    /// Reads digits with an optional minus sign.
    fn from_digits(text: &str) -> Self {
        if let Ok(value) = text.parse() {
            return Self::Int(value);
        }
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        Self::Big { negative, digits: digits.trim_start_matches('0').to_owned() }
    }

    /// What `int()` makes of a text: space around, a sign, digits with single `_` between.
    pub(crate) fn from_int_text(text: &str) -> Option<Self> {
        let text = text.trim_matches(char::is_whitespace);
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text.strip_prefix('+').unwrap_or(text)),
        };
        let digits = without_underscores(digits)?;
        let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        all_digits.then(|| Self::from_digits(&format!("{sign}{digits}")))
    }

    /// `int(float)`: towards zero.
    pub(crate) fn truncated(float: f64) -> Result<Self, Raised> {
        if float.is_nan() {
            return Err(Raised::new("ValueError", "cannot convert float NaN to integer"));
        }
        if float.is_infinite() {
            return Err(Raised::new("OverflowError", "cannot convert float infinity to integer"));
        }
        Ok(Self::whole(float.trunc()))
    }

    /// A finite float without a fraction, digit by digit.
    fn whole(float: f64) -> Self {
        Self::from_digits(&format!("{float:.0}"))
    }

    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Self::Int(value) => *value == 0,
            Self::Big { .. } => false,
            Self::Float(value) => *value == 0.0,
        }
    }

    /// None when one is NaN.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Float(one), Self::Float(other)) => one.partial_cmp(other),
            (Self::Float(one), _) => other.compare_to_float(*one).map(Ordering::reverse),
            (_, Self::Float(other)) => self.compare_to_float(*other),
            _ => Some(self.compare_whole(other)),
        }
    }

    fn compare_to_float(&self, float: f64) -> Option<Ordering> {
        if float.is_nan() {
            return None;
        }
        if let Self::Int(value) = self
            && let Ok(value) = i32::try_from(*value)
        {
            return f64::from(value).partial_cmp(&float);
        }
        if float.is_infinite() {
            return Some(if float > 0.0 { Ordering::Less } else { Ordering::Greater });
        }
        let whole = self.compare_whole(&Self::whole(float.trunc()));
        // What the fraction adds counts only where the whole parts agree.
        Some(whole.then(0.0_f64.partial_cmp(&float.fract())?))
    }

    fn compare_whole(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(one), Self::Int(other)) => one.cmp(other),
            (Self::Big { negative, .. }, Self::Int(_)) => beyond(*negative),
            (Self::Int(_), Self::Big { negative, .. }) => beyond(*negative).reverse(),
            (
                Self::Big { negative, digits },
                Self::Big { negative: other_negative, digits: other_digits },
            ) => match (negative, other_negative) {
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => compare_digits(digits, other_digits),
                (true, true) => compare_digits(other_digits, digits),
            },
            (Self::Float(_), _) | (_, Self::Float(_)) => Ordering::Equal,
        }
    }

    pub(crate) fn to_json(&self) -> Json {
        let spelling = match self {
            Self::Int(value) => value.to_string(),
            Self::Big { negative: true, digits } => format!("-{digits}"),
            Self::Big { negative: false, digits } => digits.clone(),
            Self::Float(value) => return Json::from(*value),
        };
        Json::parse(spelling.as_bytes()).unwrap_or_default()
    }
}

fn beyond(negative: bool) -> Ordering {
    if negative { Ordering::Less } else { Ordering::Greater }
}

fn compare_digits(one: &str, other: &str) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// What `float()` makes of a text.
pub(crate) fn float_from_text(text: &str) -> Option<f64> {
    let text = without_underscores(text.trim_matches(char::is_whitespace))?;
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(&text);
    // Both languages read digits, a point, an exponent, `inf`, `infinity` and `nan`.
    let starts_well = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        || ["inf", "infinity", "nan"].iter().any(|word| unsigned.eq_ignore_ascii_case(word));
    if starts_well { text.parse().ok() } else { None }
}

/// The text without the `_` that may stand between two digits; none when one stands elsewhere.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_digit =
        |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let misplaced = bytes.iter().enumerate().any(|(at, byte)| {
        *byte == b'_' && !(is_digit(at.checked_sub(1)) && is_digit(at.checked_add(1)))
    });
    if misplaced { None } else { Some(text.replace('_', "")) }
}

/// `repr(float)`: the shortest digits, with an exponent below 1e-4 and from 1e16.
pub(crate) fn float_repr(value: f64) -> String {
    if !value.is_finite() {
        return match value {
            _ if value.is_nan() => "nan",
            _ if value > 0.0 => "inf",
            _ => "-inf",
        }
        .to_owned();
    }
    let spelling = format!("{value:e}");
    let (mantissa, exponent) = spelling.split_once('e').unwrap_or((&spelling, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{value}");
        return if plain.contains('.') { plain } else { format!("{plain}.0") };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}
