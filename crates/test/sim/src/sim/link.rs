//! Whether a message arrives, how often, and when.

use super::{Happening, Sim};
use crate::cast::Place;
use crate::plan::STORM_MS;

/// Delay of messages before and after the storm, milliseconds.
const FAIR_MS: (u64, u64) = (1, 20);

impl Sim {
    fn is_stormy(&self) -> bool {
        (STORM_MS..self.plan.weather.calm_ms).contains(&self.now_ms)
    }

    /// Whether `a` and `b` hear each other now.
    pub(super) fn is_linked(&self, a: Place, b: Place) -> bool {
        let now_ms = self.now_ms;
        let mut cuts = self.plan.cuts.iter().filter(|cut| (cut.from_ms..cut.to_ms).contains(&now_ms));
        cuts.all(|cut| cut.side.contains(&a) == cut.side.contains(&b))
    }

    /// When copies of a message that leaves now arrive: none if it is lost.
    fn arrivals(&mut self, from: Place, to: Place) -> Vec<u64> {
        let weather = self.plan.weather.clone();
        let is_stormy = self.is_stormy();
        if !self.is_linked(from, to) || (is_stormy && self.rng.percent(weather.loss)) {
            return Vec::new();
        }
        let copies = if is_stormy && self.rng.percent(weather.duplicate) { 2 } else { 1 };
        let (low, high) = if is_stormy { weather.delay_ms } else { FAIR_MS };
        (0..copies)
            .map(|_| {
                let straggles = is_stormy && self.rng.percent(weather.straggle);
                self.now_ms + self.rng.between(low, if straggles { 1_000 } else { high })
            })
            .collect()
    }

    /// Sends something that happens on arrival.
    pub(super) fn post(&mut self, from: Place, to: Place, on_arrival: impl Fn() -> Happening) {
        for at_ms in self.arrivals(from, to) {
            self.at(at_ms, on_arrival());
        }
    }

    /// A delay in `low..=high` milliseconds from now.
    pub(super) fn soon(&mut self, low: u64, high: u64) -> u64 {
        self.now_ms + self.rng.between(low, high)
    }
}
