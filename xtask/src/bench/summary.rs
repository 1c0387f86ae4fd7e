//! Many measurements in a few numbers.

use serde_json::{Value, json};

/// The middle of several measurements, and how far they spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Summary {
    pub(super) fn of(values: &[f64]) -> Self {
        Self {
            median: median(values),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// Of what each round's value is of the other one's in the same round.
    pub(super) fn of_ratios(values: &[f64], others: &[f64]) -> Self {
        let ratios: Vec<_> = values.iter().zip(others).map(|(a, b)| a / b).collect();
        Self::of(&ratios)
    }

    /// For programs.
    pub(super) fn json(self) -> Value {
        let Self { median, min, max } = self;
        json!({ "median": median, "min": min, "max": max })
    }

    /// The same, and what each round gave.
    pub(super) fn with_rounds(values: &[f64]) -> Value {
        json!({ "summary": Self::of(values).json(), "rounds": values })
    }
}

/// The middle one, or the mean of the middle two. Of nothing: not a number.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let at = |i: usize| sorted.get(i).copied().unwrap_or(f64::NAN);
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(at(middle.wrapping_sub(1)), at(middle))
    } else {
        at(middle)
    }
}

/// The value that this share of all is not above. Of nothing: not a number.
pub(super) fn at(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank among thousands"
    )]
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_in_any_order() {
        let odd = Summary::of(&[9.0, 1.0, 2.0]);
        assert_eq!(
            odd,
            Summary {
                median: 2.0,
                min: 1.0,
                max: 9.0
            }
        );
        assert!((median(&[4.0, 1.0, 2.0, 100.0]) - 3.0).abs() < f64::EPSILON);
        assert!(median(&[]).is_nan());
        let hundred: Vec<_> = (1..=100).map(f64::from).collect();
        assert!((at(&hundred, 0.99) - 99.0).abs() < f64::EPSILON);
    }
}
