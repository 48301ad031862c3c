//! Who accepts how much of verifying.

use crate::error::TooCostly;
use ciro_transcript::cost::Cost;

/// What somebody who verifies accepts to spend. Every cost includes building the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Work: [`Cost::units`].
    pub units: u64,
    /// Memory: [`Cost::peak_bytes`].
    pub peak_bytes: u64,
}

impl Limits {
    /// A person at a terminal, who may raise them: three seconds of one core, 512 MiB.
    pub const VERIFY: Self = Self { units: 3_000_000, peak_bytes: 512 << 20 };

    /// A validator, for one settlement among many: 50 ms of one core, 64 MiB.
    pub const LEDGER: Self = Self { units: 50_000, peak_bytes: 64 << 20 };

    /// Whoever chose the program: no limit but those of programs and relations themselves.
    pub const NONE: Self = Self { units: u64::MAX, peak_bytes: u64::MAX };

    /// Refuses what costs more.
    ///
    /// # Errors
    /// [`TooCostly`], for work first.
    pub fn admit(&self, cost: &Cost) -> Result<(), TooCostly> {
        let pairs =
            [("units of work", self.units, cost.units()), ("bytes of memory", self.peak_bytes, cost.peak_bytes)];
        for (what, expected, got) in pairs {
            if got > expected {
                return Err(TooCostly { what, expected, got });
            }
        }
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::VERIFY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_admit_what_they_say_and_no_more() {
        let cost = Cost { field_ops: 1_000_000, hash_bytes: 0, peak_bytes: 100 };
        let units = cost.units();
        let limits = |units, peak_bytes| Limits { units, peak_bytes };
        assert_eq!(limits(units, 100).admit(&cost), Ok(()));
        let work = TooCostly { what: "units of work", expected: units - 1, got: units };
        assert_eq!(limits(units - 1, 100).admit(&cost), Err(work));
        let memory = TooCostly { what: "bytes of memory", expected: 99, got: 100 };
        assert_eq!(limits(units, 99).admit(&cost), Err(memory));
        assert_eq!(Limits::NONE.admit(&Cost { field_ops: u64::MAX, hash_bytes: 0, peak_bytes: u64::MAX }), Ok(()));
    }
}
