//! What the front end's number widgets make of a number that a primitive node gives them.

use super::{
    scene::{Held, Kind},
    widget::WidgetKind,
};
use crate::{
    catalog::InputSpec,
    json::{Json, Number},
    ui::UiNode,
};

/// The range and step of a number widget.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    min: f64,
    max: f64,
    step: f64,
    /// What a float is a multiple of, when it is rounded at all.
    round: Option<f64>,
    /// The digits that a float keeps behind the point.
    digits: f64,
}

impl Range {
    pub(super) fn of(spec: &InputSpec) -> Self {
        Self {
            min: number(spec, "min").unwrap_or(f64::NEG_INFINITY),
            max: number(spec, "max").unwrap_or(f64::INFINITY),
            step: number(spec, "step").unwrap_or(1.0),
            round: float_step(spec),
            digits: digits(spec),
        }
    }

    /// The range that both share, or this one where they share none.
    pub(super) fn joined(self, spec: &InputSpec) -> Self {
        let other = Self::of(spec);
        if self.min > other.max || self.max < other.min {
            return self;
        }
        let (min, max) = (self.min.max(other.min), self.max.min(other.max));
        Self { min, max, step: common_step(self.step, other.step), ..self }
    }

    /// A value clamped and rounded.
    pub(super) fn brought_into<'a>(self, kind: WidgetKind<'a>, value: Held<'a>) -> Held<'a> {
        let Some(number) = value.as_f64() else { return value };
        let clamped = if number < self.min {
            Held::from(plain(self.min))
        } else if number > self.max {
            Held::from(plain(self.max))
        } else {
            value
        };
        if let WidgetKind::Int(_) = kind {
            whole_steps(self.step, self.min, clamped)
        } else {
            in_steps(self, clamped)
        }
    }
}

/// A value as the widget that receives it rounds it.
pub(super) fn rounded<'a>(
    node: Kind<'a>,
    saved: UiNode<'a>,
    widget: WidgetKind<'a>,
    value: Held<'a>,
) -> Held<'a> {
    let is_class = |name: &str| matches!(node, Kind::Class(class) if class.name == name);
    let property = |name: &str| saved.property(name).and_then(Json::as_f64);
    if let WidgetKind::Int(spec) = widget {
        if is_class("PrimitiveInt") {
            return whole_steps(property("step").unwrap_or(1.0), 0.0, value);
        }
        let min = number(spec, "min").unwrap_or(0.0);
        return whole_steps(number(spec, "step").unwrap_or(1.0), min, value);
    }
    let WidgetKind::Float(spec) = widget else { return value };
    let range = if is_class("PrimitiveFloat") {
        let fine = property("precision").map(|digits| 10_f64.powf(-digits));
        Range {
            min: property("min").unwrap_or(f64::NEG_INFINITY),
            max: property("max").unwrap_or(f64::INFINITY),
            step: 1.0,
            round: property("round").or(fine).or(Some(0.1)),
            digits: property("precision").unwrap_or(1.0),
        }
    } else {
        let min = number(spec, "min").unwrap_or(0.0);
        let max = number(spec, "max").unwrap_or(2048.0);
        Range { min, max, ..Range::of(spec) }
    };
    in_steps(range, value)
}

fn number(spec: &InputSpec, option: &str) -> Option<f64> {
    spec.options.get(option)?.as_f64()
}

fn digits(spec: &InputSpec) -> f64 {
    (-number(spec, "step").unwrap_or(0.5).log10().floor()).max(0.0)
}

/// What a float is rounded to: its `round`, else the last digit of its step.
fn float_step(spec: &InputSpec) -> Option<f64> {
    let digits = digits(spec);
    let of_step = || (digits > 0.0).then(|| 10_f64.powf(-digits));
    number(spec, "round").filter(|round| *round != 0.0).or_else(of_step)
}

/// Whole numbers in steps of one keep their spelling, so that no digit of a seed is lost.
fn whole_steps(step: f64, min: f64, value: Held<'_>) -> Held<'_> {
    let Json::Number(number) = &*value else { return value };
    let step = if step == 0.0 { 1.0 } else { step };
    let at = number.as_f64();
    let offset = if min.is_finite() { min % step } else { 0.0 };
    let rounded = (((at - offset) / step) + 0.5).floor() * step + offset;
    if number.is_integer() && is_same(step, 1.0) || is_same(rounded, at) || !rounded.is_finite() {
        return value;
    }
    Held::from(plain(rounded))
}

fn in_steps(range: Range, value: Held<'_>) -> Held<'_> {
    let Some(at) = value.as_f64() else { return value };
    let Some(round) = range.round.filter(|round| *round != 0.0) else { return value };
    let scale = 10_f64.powf(range.digits);
    let steps = ((at / round + 0.5).floor() * round * scale).round() / scale;
    let kept = steps.max(range.min).min(range.max);
    if is_same(kept, at) || !kept.is_finite() { value } else { Held::from(plain(kept)) }
}

/// Whether rounding changed nothing, to the last bit.
fn is_same(one: f64, other: f64) -> bool {
    one.to_bits() == other.to_bits()
}

/// A number as JavaScript spells it: whole ones without a fraction.
fn plain(value: f64) -> Json {
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= WHOLE_MAX {
        let text = format!("{value:.0}");
        return Json::parse(text.as_bytes()).unwrap_or(Json::Number(Number::from(value)));
    }
    Json::Number(Number::from(value))
}

/// The least step that both steps divide.
fn common_step(one: f64, other: f64) -> f64 {
    let (mut divisor, mut rest) = (one.abs(), other.abs());
    // Euclid's way ends early for steps that files have; the limit is for those they have not.
    for _ in 0..64 {
        if rest < f64::EPSILON {
            break;
        }
        (divisor, rest) = (rest, divisor % rest);
    }
    if divisor == 0.0 { one } else { (one * other).abs() / divisor }
}
