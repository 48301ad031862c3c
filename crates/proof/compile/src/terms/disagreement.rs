//! Where a program is not its reference, and what to do then.

use std::fmt;

/// A program may differ in this part of the decisions or of the output's spread, or in more. Then it is no coarse copy of its reference
/// but another function, and nobody is told how to accept it. What rounding turns around lies far below, and one column in the place of
/// another far above.
const ANOTHER: f64 = 0.25;

/// What a label is called that is none of the model's.
pub(crate) const UNKNOWN_LABEL: &str = "another label";

/// Where a program is not its reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Disagreement {
    /// The sample's number.
    pub sample: usize,
    /// The output's name.
    pub output: String,
    /// The number of the output's element; for decisions, which one.
    pub element: usize,
    /// What the reference has there.
    pub expected: String,
    /// What the program has.
    pub got: String,
    /// Whether the reference is the answers given; otherwise it is a float evaluation of the file.
    pub answered: bool,
    /// Whether the sample was drawn, there being none given.
    pub drawn: bool,
    /// Whether no precision is finer than the one taken: networks have three, everything else has one.
    pub is_finest: bool,
    /// By how much.
    pub excess: Excess,
}

/// How a program is too far from its reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Excess {
    /// The reference is no number.
    Undefined,
    /// Too many other decisions.
    Decisions {
        /// How many.
        count: usize,
        /// Of how many.
        of: usize,
        /// The part that is accepted, from 0 to 1.
        allowed: f64,
    },
    /// Too large a deviation.
    Deviation {
        /// As a part of the output's spread.
        share: f64,
        /// What is accepted of it.
        allowed: f64,
    },
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sample, output, element, expected, got, .. } = self;
        let reference = if self.answered { "the answers given" } else { "the file evaluated in floats" };
        let kind = if self.drawn { "drawn input" } else { "sample" };
        write!(
            f,
            "{kind} {sample}, output {output:?}, element {element}: expected {expected} by {reference}, got {got}"
        )?;
        // A thousandth is no sum of powers of two, and is shown as one thousandth.
        let percent = |share: f64| (share * 1e8).round() / 1e6;
        match self.excess {
            Excess::Undefined => f.write_str(", and nothing can be compared with that"),
            Excess::Decisions { count, of, allowed } => {
                write!(f, "; {count} of {of} decisions differ, accepted are {} %", percent(allowed))
            }
            Excess::Deviation { share, allowed } => {
                let (share, allowed) = (percent(share), percent(allowed));
                write!(f, "; the deviation is {share:.3} % of the output's spread, accepted is {allowed} %")
            }
        }
    }
}

impl Disagreement {
    /// The same on an input that was drawn.
    pub(crate) fn drawn(self) -> Self {
        Self { drawn: true, ..self }
    }

    /// What to try next.
    pub(crate) fn hint(&self) -> String {
        let share = match self.excess {
            Excess::Undefined => return "give samples on which the model answers with numbers".into(),
            Excess::Decisions { .. } if self.answered && self.expected == UNKNOWN_LABEL => {
                return "the answers name classes that the file does not know: --labels NAME,NAME,… (in Python labels=[NAME, …]) names \
                        them, in the order of the file's own"
                    .into();
            }
            Excess::Decisions { count, of, .. } => count as f64 / of.max(1) as f64,
            Excess::Deviation { share, .. } => share,
        };
        let first = match (self.answered, self.is_finest) {
            _ if self.drawn => {
                "pass calibration samples (--calibration FILE, in Python samples=): scales were set on random inputs"
            }
            (true, _) => {
                "check that the file is the model that gave these answers, on the same columns in the same order"
            }
            (false, true) => "pass more calibration samples (--calibration FILE, in Python samples=)",
            (false, false) => "take --precision exact (in Python precision=\"exact\")",
        };
        // What is no number is no small share.
        if share.is_nan() || share >= ANOTHER {
            return format!("{first}; so far off it is another function, and no tolerance makes it the model");
        }
        let accept = rounded_up(share);
        format!(
            "{first}; --tolerance {accept} (in Python tolerance={accept}) accepts it as it is, and the report says so"
        )
    }
}

/// Two digits that are not below a share.
fn rounded_up(share: f64) -> String {
    let unit = 10f64.powf(share.max(1e-12).log10().floor() - 1.0);
    let decimals = (-unit.log10()).round().max(0.0) as usize;
    format!("{:.decimals$}", (share / unit).ceil() * unit)
}

#[cfg(test)]
mod tests {
    use super::{Disagreement, Excess, UNKNOWN_LABEL, rounded_up};

    #[test]
    fn a_finer_precision_is_offered_only_where_there_is_one() {
        let differs = |is_finest: bool, answered: bool| Disagreement {
            sample: 0,
            output: "y".into(),
            element: 0,
            expected: "1".into(),
            got: "2".into(),
            answered,
            drawn: false,
            is_finest,
            excess: Excess::Deviation { share: 0.0312, allowed: 0.01 },
        };
        assert!(
            differs(false, false)
                .hint()
                .starts_with("take --precision exact (in Python precision=\"exact\"); --tolerance 0.032 ")
        );
        assert!(differs(true, false).hint().starts_with("pass more calibration samples"));
        assert!(!differs(true, true).hint().contains("calibration samples"));
    }

    #[test]
    fn a_name_that_is_none_of_the_classes_asks_for_labels() {
        let differs = |expected: &str| Disagreement {
            sample: 0,
            output: "class_index".into(),
            element: 0,
            expected: expected.into(),
            got: "0".into(),
            answered: true,
            drawn: false,
            is_finest: true,
            excess: Excess::Decisions { count: 9, of: 9, allowed: 0.001 },
        };
        assert!(differs(UNKNOWN_LABEL).hint().contains("--labels"));
        assert!(differs("1").hint().starts_with("check that the file"));
        assert!(differs("1").to_string().ends_with("accepted are 0.1 %"));
    }

    #[test]
    fn what_is_another_function_is_not_offered_for_acceptance() {
        let hint = |excess: Excess| {
            let (expected, got) = ("1".into(), "2".into());
            let (answered, drawn, is_finest) = (true, false, true);
            Disagreement {
                sample: 0,
                output: "y".into(),
                element: 0,
                expected,
                got,
                answered,
                drawn,
                is_finest,
                excess,
            }
            .hint()
        };
        let decisions = |count: usize| hint(Excess::Decisions { count, of: 100, allowed: 0.0 });
        let deviation = |share: f64| hint(Excess::Deviation { share, allowed: 0.01 });
        for few in [decisions(24), deviation(0.249)] {
            assert!(few.contains("--tolerance 0.2"), "{few}");
        }
        for many in [decisions(25), decisions(50), deviation(0.25), deviation(f64::NAN)] {
            assert!(many.starts_with("check that the file") && many.contains("another function"), "{many}");
            assert!(!many.contains("--tolerance"), "{many}");
        }
    }

    #[test]
    fn a_tolerance_that_is_offered_is_never_too_small() {
        for (share, text) in [(0.0312, "0.032"), (0.5, "0.50"), (0.000_121, "0.00013"), (1.0, "1.0"), (7.01, "7.1")] {
            assert_eq!(rounded_up(share), text);
        }
    }
}
