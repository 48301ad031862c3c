//! Whether a program is near enough to its reference.

use super::deviation::{Deviation, Difference, Watched};
use crate::terms::disagreement::{Disagreement, Excess, UNKNOWN_LABEL};
use crate::terms::error::CompileError;
use crate::terms::labels::Labels;
use crate::terms::tolerance::{SINGLE, Tolerance};

impl Tolerance {
    /// Fails if an output is further from its reference than is accepted.
    pub(crate) fn judge(self, output: &Watched, deviation: &Deviation, answered: bool) -> Result<(), CompileError> {
        let refuse = |at: Difference, excess: Excess| {
            let name = |v: f64| label(output.labels.as_ref(), v);
            let is_class = matches!(excess, Excess::Decisions { .. }) && output.labels.is_some();
            Err(CompileError::Deviates(Box::new(Disagreement {
                sample: at.sample,
                output: output.name.clone(),
                element: at.element,
                expected: if is_class { name(at.expected) } else { at.expected.to_string() },
                got: if is_class { name(at.got) } else { at.got.to_string() },
                answered,
                drawn: false,
                is_finest: true,
                excess,
            })))
        };
        if let Some(at) = deviation.undefined {
            return refuse(at, Excess::Undefined);
        }
        let spread = deviation.spread();
        let near = if self.each { 0.0 } else { SINGLE * self.deviation * spread };
        let mut others = deviation.others.iter().filter(|(_, preferred)| *preferred > near);
        let count = others.clone().count();
        if let Some((at, _)) = others.next()
            && (count as f64) > (1.0 - self.same_class) * deviation.decisions as f64
        {
            let (of, allowed) = (deviation.decisions, 1.0 - self.same_class);
            return refuse(*at, Excess::Decisions { count, of, allowed });
        }
        if output.is_named() {
            return Ok(());
        }
        let (single, mean) = (deviation.max() / spread, deviation.worst_mean / spread);
        let share = if self.each { single } else { mean.max(single / SINGLE) };
        match deviation.worst {
            // What is no number is no small deviation.
            Some(at) if share.is_nan() || share > self.deviation => {
                refuse(at, Excess::Deviation { share, allowed: self.deviation })
            }
            _ => Ok(()),
        }
    }
}

fn label(labels: Option<&Labels>, index: f64) -> String {
    let named = match labels {
        Some(Labels::Ints(labels)) => labels.get(index as usize).map(i64::to_string),
        Some(Labels::Bools(labels)) => labels.get(index as usize).map(bool::to_string),
        Some(Labels::Texts(labels)) => labels.get(index as usize).map(|label| format!("{label:?}")),
        None => None,
    };
    named.unwrap_or_else(|| UNKNOWN_LABEL.into())
}
