//! Values of a data file as Rust values.

use toml::de::{DeFloat, DeInteger, DeValue};

use crate::figure::Day;

/// What can be read from one value.
pub(crate) trait Value: Sized {
    /// What the value must be, for messages.
    const EXPECTED: &'static str;

    fn read(value: &DeValue<'_>) -> Option<Self>;
}

/// A word from a closed list.
pub(crate) trait Word: Sized + 'static {
    const WORDS: &'static [&'static str];

    fn from_word(word: &str) -> Option<Self>;
}

impl Value for String {
    const EXPECTED: &'static str = "a text";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "true or false";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_bool()
    }
}

impl Value for u32 {
    const EXPECTED: &'static str = "a whole number from 0 to 4294967295";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value
            .as_integer()
            .and_then(|whole| Self::from_str_radix(whole.as_str(), whole.radix()).ok())
    }
}

impl Value for u64 {
    const EXPECTED: &'static str = "a whole number from 0 to 18446744073709551615";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value
            .as_integer()
            .and_then(|whole| Self::from_str_radix(whole.as_str(), whole.radix()).ok())
    }
}

impl Value for f64 {
    const EXPECTED: &'static str = "a finite number";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let whole = value.as_integer().filter(|whole| whole.radix() == 10);
        let text = value.as_float().map(DeFloat::as_str).or(whole.map(DeInteger::as_str))?;
        text.parse().ok().filter(|number: &Self| number.is_finite())
    }
}

impl Value for Day {
    const EXPECTED: &'static str = "a day such as 2026-10-15";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let moment = value.as_datetime()?;
        let date = moment.date?;
        moment.time.is_none().then_some(Self { year: date.year, month: date.month, day: date.day })
    }
}

/// What a value is, for messages: as it is written, where that is short.
pub(super) fn written(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{text}\""),
        DeValue::Integer(whole) => format!("`{whole}`"),
        DeValue::Float(float) => format!("`{float}`"),
        DeValue::Boolean(truth) => format!("`{truth}`"),
        DeValue::Datetime(moment) => format!("`{moment}`"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
