//! Numbers that remember how they were spelled.

use std::fmt;

/// A JSON number, kept as its text: `1`, `1.0` and `1e0` are different spellings, and no digit
/// of a large integer is lost. Also Python's `NaN`, `Infinity` and `-Infinity`.
///
/// Two numbers are equal when they are spelled alike.
///
/// ```
/// use workflow_graph::json::Number;
/// assert_eq!(Number::from(18446744073709551615_u64).as_u64(), Some(u64::MAX));
/// assert_eq!(Number::from(1.0).as_str(), "1.0");
/// assert_eq!(Number::from(1.0).as_u64(), Some(1));
/// assert!(!Number::from(f64::NAN).is_finite());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(Spelling);

/// Nearly all numbers are short, and a catalog has tens of thousands: those are not worth an
/// allocation each. A text is always in the first variant that holds it.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Spelling {
    Short(Digits<SHORT_BYTES_MAX>),
    Long(Box<Digits<LONG_BYTES_MAX>>),
    Endless(Box<(Box<str>,)>),
}

/// As much as leaves a value the size of its largest other kind.
const SHORT_BYTES_MAX: usize = 14;

/// Enough for every number that a computer made of 64 bits.
const LONG_BYTES_MAX: usize = 31;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Digits<const MAX: usize> {
    bytes: [u8; MAX],
    length: u8,
}

impl<const MAX: usize> Digits<MAX> {
    fn read(text: &str) -> Option<Self> {
        let mut bytes = [0; MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self { bytes, length: u8::try_from(text.len()).ok()? })
    }

    fn as_str(&self) -> &str {
        let text = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

impl Number {
    /// Only the parser calls this, with text that follows the grammar.
    pub(super) fn from_spelling(text: &str) -> Self {
        let long = || Digits::read(text).map(|digits| Spelling::Long(Box::new(digits)));
        let short = Digits::read(text).map(Spelling::Short);
        Self(short.or_else(long).unwrap_or_else(|| Spelling::Endless(Box::new((text.into(),)))))
    }

    /// The text of the number.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Spelling::Short(digits) => digits.as_str(),
            Spelling::Long(digits) => digits.as_str(),
            Spelling::Endless(text) => &text.0,
        }
    }

    /// Whether Python would read it as an `int`: no fraction, no exponent, finite.
    pub fn is_integer(&self) -> bool {
        self.as_str().bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    }

    /// Whether it is a finite number.
    pub fn is_finite(&self) -> bool {
        !self.as_str().ends_with(['N', 'y'])
    }

    /// The value as a `u64`, when it is whole and in range, in whatever spelling: `2.0`, `1e3`
    /// and `-0` are whole.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_str().parse().ok().or_else(|| self.whole()?.try_into().ok())
    }

    /// The value as an `i64`, when it is whole and in range, in whatever spelling.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_str().parse().ok().or_else(|| self.whole()?.try_into().ok())
    }

    /// The nearest `f64`.
    pub fn as_f64(&self) -> f64 {
        match self.as_str() {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            // The grammar of JSON numbers is part of what `f64` reads.
            text => text.parse().unwrap_or(f64::NAN),
        }
    }

    pub(super) fn to_serde(&self) -> serde_json::Value {
        if self.is_integer() {
            if let Ok(value) = self.as_str().parse::<u64>() {
                return value.into();
            }
            if let Ok(value) = self.as_str().parse::<i64>() {
                return value.into();
            }
        }
        serde_json::Number::from_f64(self.as_f64())
            .map_or_else(|| serde_json::Value::from(self.as_str()), serde_json::Value::Number)
    }

    pub(super) fn from_serde(number: &serde_json::Number) -> Self {
        Self::from_spelling(&number.to_string())
    }

    /// The value of a spelling such as `-12.000` or `1.2e3`, when it is whole.
    fn whole(&self) -> Option<i128> {
        let text = self.as_str();
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_end_matches('0');
        if matches!(significant, "" | "-") {
            return Some(0);
        }
        // How many zeros stand between the last digit that counts and the point.
        let zeros = i32::try_from(digits.len() - significant.len()).ok()?
            - i32::try_from(fraction.len()).ok()?;
        let zeros = exponent.parse::<i32>().ok()?.checked_add(zeros)?.try_into().ok()?;
        significant.parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(zeros)?)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Number").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::from_spelling(&value.to_string())
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::from_spelling(&value.to_string())
    }
}

impl From<f64> for Number {
    /// Spelled as Python does: a whole number keeps its `.0`, and what is so large or small that
    /// it has an exponent is spelled like `1e+16` and `1e-05`.
    fn from(value: f64) -> Self {
        if value.is_nan() {
            return Self::from_spelling("NaN");
        }
        if value.is_infinite() {
            return Self::from_spelling(if value > 0.0 { "Infinity" } else { "-Infinity" });
        }
        // Rust turns to exponents where Python does, but writes `1e16` and `1e-5`.
        let text = format!("{value:?}");
        let Some((mantissa, exponent)) = text.split_once('e') else {
            return Self::from_spelling(&text);
        };
        let (sign, digits) =
            exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        Self::from_spelling(&format!("{mantissa}e{sign}{digits:0>2}"))
    }
}
