//! What may lie between a program and its reference.

pub use super::disagreement::{Disagreement, Excess};

use serde::{Deserialize, Serialize};

/// What is accepted between the program and its reference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tolerance {
    /// Part of the decisions that have to be the same, from 0 to 1.
    pub same_class: f64,
    /// Largest deviation as a part of the output's spread, from 0 to 1.
    pub deviation: f64,
    /// Whether every single number is held to it. Otherwise the mean over a sample's numbers is, and a single one to `SINGLE` times as
    /// much. Of two classes whose reference differs by no more than that, either is right then.
    pub each: bool,
}

/// How much more a single number of a network's output may deviate than their mean.
pub(crate) const SINGLE: f64 = 10.0;

impl Tolerance {
    /// For trees and linear models: every decision, and a thousandth of the spread.
    pub const EXACT: Self = Self { same_class: 1.0, deviation: 1e-3, each: true };
    /// For networks: 99.9 % of the decisions, and a hundredth of the spread.
    pub const NETWORK: Self = Self { same_class: 0.999, deviation: 1e-2, each: false };

    /// For drawn inputs, many of them on thresholds. Of two classes whose reference hardly differs either is right, and a label does not
    /// tell by how much.
    pub(crate) const DRAWN: Self = Self { same_class: 0.95, deviation: 1e-3, each: false };

    /// For drawn inputs of a network, whose scales are those of other drawn inputs. A program that is further off is another function.
    pub(crate) const DRAWN_NETWORK: Self = Self { same_class: 0.95, deviation: 0.05, each: false };

    /// This one, or what the user accepts instead: that part of the spread, and that part of other decisions.
    pub(crate) fn or(self, accepted: Option<f64>) -> Self {
        match accepted {
            Some(share) => Self { same_class: 1.0 - share, deviation: share, ..self },
            None => self,
        }
    }
}
