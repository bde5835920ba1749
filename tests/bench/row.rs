//! One figure of `make bench`: what was counted, how, how much it wavers, and what it is held against.

use serde::Serialize;

/// What a figure has to reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

/// Another way to do the same, measured in the same minute.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Beside {
    /// What it is.
    pub(crate) what: String,
    /// Its figure, in the row's unit.
    pub(crate) value: f64,
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    /// Which part of the table: `cycle`, `tick`, `decisions`.
    pub(crate) part: &'static str,
    /// What was measured, for people.
    pub(crate) name: String,
    /// None where it could not be measured; then `how` says why.
    pub(crate) value: Option<f64>,
    /// The unit, with what it is for each: `write units a cycle`.
    pub(crate) unit: &'static str,
    /// How it was counted, in a few words.
    pub(crate) how: String,
    /// How far repetitions lie apart, in per cent of their median; 0 for what is counted and never differs.
    pub(crate) noise_percent: f64,
    /// What it is held against.
    pub(crate) target: Option<Target>,
    /// The alternative.
    pub(crate) beside: Option<Beside>,
}

impl Row {
    /// A figure that is counted, not timed: the same in every run.
    pub(crate) fn counted(part: &'static str, name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            part,
            name: name.into(),
            value: Some(value),
            unit,
            how: "counted".to_owned(),
            noise_percent: 0.0,
            target: None,
            beside: None,
        }
    }

    /// The median of repetitions, with their distance.
    pub(crate) fn median(part: &'static str, name: impl Into<String>, values: &[f64], unit: &'static str) -> Self {
        let (median, noise_percent) = median_and_noise(values);
        Self {
            value: Some(median),
            how: format!("median of {}", values.len()),
            noise_percent,
            ..Self::counted(part, name, 0.0, unit)
        }
    }

    /// A figure that this machine cannot give.
    pub(crate) fn missing(part: &'static str, name: impl Into<String>, unit: &'static str, why: String) -> Self {
        Self {
            value: None,
            how: why,
            ..Self::counted(part, name, 0.0, unit)
        }
    }

    pub(crate) fn how(self, how: impl Into<String>) -> Self {
        Self {
            how: how.into(),
            ..self
        }
    }

    pub(crate) fn target(self, target: Target) -> Self {
        Self {
            target: Some(target),
            ..self
        }
    }

    pub(crate) fn beside(self, what: impl Into<String>, value: f64) -> Self {
        Self {
            beside: Some(Beside {
                what: what.into(),
                value,
            }),
            ..self
        }
    }

    /// Whether it reaches its target; a figure that is missing reaches none.
    pub(crate) fn is_reached(&self) -> Option<bool> {
        let value = self.value?;
        self.target.map(|target| match target {
            Target::AtMost(most) => value <= most,
            Target::AtLeast(least) => value >= least,
        })
    }

    /// This figure as a multiple of the alternative's.
    pub(crate) fn ratio(&self) -> Option<f64> {
        let other = self.beside.as_ref()?.value;
        (other > 0.0).then_some(self.value? / other)
    }
}

/// The middle value, and the distance of the outermost ones from each other in per cent of it.
fn median_and_noise(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else {
        return (0.0, 0.0);
    };
    let median = sorted[sorted.len() / 2];
    let noise = if median > 0.0 {
        (most - least) * 100.0 / median
    } else {
        0.0
    };
    (median, noise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_tells_how_far_its_values_lie_apart() {
        assert_eq!(median_and_noise(&[3.0, 1.0, 2.0]), (2.0, 100.0));
        assert_eq!(median_and_noise(&[]), (0.0, 0.0));
    }

    #[test]
    fn a_target_is_reached_or_not_and_a_ratio_needs_both() {
        let row = Row::counted("cycle", "a cycle", 13.0, "write units").target(Target::AtMost(14.0));
        assert_eq!((row.is_reached(), row.ratio()), (Some(true), None));
        let row = row.target(Target::AtLeast(20.0)).beside("as drawn", 26.0);
        assert_eq!((row.is_reached(), row.ratio()), (Some(false), Some(0.5)));
        let row = Row::missing("peers", "a queue", "cycles a second", "not installed".to_owned());
        assert_eq!(row.target(Target::AtLeast(1.0)).is_reached(), None);
    }
}
