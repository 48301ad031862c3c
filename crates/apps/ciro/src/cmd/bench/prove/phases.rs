//! The phases of a proof on the clock.

use crate::cmd::bench::machine::{peak_mib, processor_ms, reset_peak};
use crate::cmd::bench::percentiles::percentiles;
use ciro_prover::{Observer, Phase};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// What one phase takes.
#[derive(Serialize, Deserialize)]
pub(super) struct PhaseFigures {
    pub(super) phase: String,
    /// Median of the runs.
    pub(super) ms: f64,
    /// Of all threads, mean of the runs; the system counts in steps of ten milliseconds.
    pub(super) processor_ms: Option<f64>,
    /// Largest resident size of the process meanwhile.
    pub(super) peak_mib: Option<u64>,
}

/// Watches one proof, if it is asked to.
pub(super) struct Recorder {
    is_on: bool,
    running: Option<(Phase, Instant, Option<u64>)>,
    spans: Vec<Span>,
    /// Before the first phase.
    before_mib: Option<u64>,
}

struct Span {
    phase: Phase,
    ms: f64,
    processor_ms: Option<u64>,
    peak_mib: Option<u64>,
}

impl Recorder {
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, running: None, spans: Vec::new(), before_mib: None }
    }

    /// The last phase is over.
    pub(super) fn ends(&mut self) {
        let Some((phase, started, processor)) = self.running.take() else { return };
        let ms = started.elapsed().as_secs_f64() * 1e3;
        let processor_ms = processor.zip(processor_ms()).map(|(from, to)| to.saturating_sub(from));
        self.spans.push(Span { phase, ms, processor_ms, peak_mib: peak_mib() });
    }

    /// Largest resident size that was seen: a new phase starts a new peak.
    pub(super) fn peak_mib(&self) -> Option<u64> {
        self.spans.iter().map(|span| span.peak_mib).chain([self.before_mib]).max().flatten()
    }
}

impl Observer for Recorder {
    fn begins(&mut self, phase: Phase) {
        if !self.is_on {
            return;
        }
        if self.spans.is_empty() && self.running.is_none() {
            self.before_mib = peak_mib();
        }
        self.ends();
        reset_peak();
        self.running = Some((phase, Instant::now(), processor_ms()));
    }
}

/// What each phase took in these runs.
pub(super) fn summary(recorders: &[Recorder]) -> Vec<PhaseFigures> {
    let figures = |phase: &Phase| {
        let spans = || recorders.iter().flat_map(|r| &r.spans).filter(|span| span.phase == *phase);
        let processor: Option<u64> = spans().map(|span| span.processor_ms).sum();
        PhaseFigures {
            phase: phase.name().into(),
            ms: percentiles(spans().map(|span| span.ms).collect()).0,
            processor_ms: processor.map(|sum| sum as f64 / recorders.len().max(1) as f64),
            peak_mib: spans().map(|span| span.peak_mib).max().flatten(),
        }
    };
    Phase::ALL.iter().map(figures).collect()
}
