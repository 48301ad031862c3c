//! An output that is compared, and how far the program is from its reference there.

use super::report::{ClassAccuracy, OutputAccuracy};
use crate::graph::decisions::{ClassBy, Classes, class};
use crate::terms::labels::Labels;
use std::collections::BTreeMap;

/// Most positions of a map that a report lists.
const MOST_PLACES: usize = 1 << 12;

/// Numbers that have to be the same, at one place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Difference {
    pub(crate) sample: usize,
    pub(crate) element: usize,
    pub(crate) expected: f64,
    pub(crate) got: f64,
}

/// Deviation so far.
#[derive(Clone, Debug)]
pub(crate) struct Deviation {
    /// Where the absolute difference is largest.
    pub(crate) worst: Option<Difference>,
    /// Where the reference is no number, or infinite.
    pub(crate) undefined: Option<Difference>,
    /// The largest mean absolute difference of one sample.
    pub(crate) worst_mean: f64,
    /// Decisions that are others: where, and by how much the reference prefers its own.
    pub(crate) others: Vec<(Difference, f64)>,
    pub(crate) decisions: usize,
    /// For each class, how often the reference decides for it, and how often the program does so too.
    classes: BTreeMap<usize, (usize, usize)>,
    /// At each position of a map, the sum of its mean differences.
    places: Vec<f64>,
    samples: usize,
    sum: f64,
    count: usize,
    lo: f64,
    hi: f64,
}

impl Default for Deviation {
    fn default() -> Self {
        Self {
            worst: None,
            undefined: None,
            worst_mean: 0.0,
            others: vec![],
            decisions: 0,
            classes: BTreeMap::new(),
            places: vec![],
            samples: 0,
            sum: 0.0,
            count: 0,
            lo: f64::INFINITY,
            hi: f64::NEG_INFINITY,
        }
    }
}

impl Deviation {
    fn numbers(&mut self, sample: usize, expected: &[f64], got: &[f64]) {
        let mut sum = 0.0;
        for (element, (&expected, &got)) in expected.iter().zip(got).enumerate() {
            let here = Difference { sample, element, expected, got };
            if !expected.is_finite() {
                self.undefined.get_or_insert(here);
                continue;
            }
            let difference = (expected - got).abs();
            if self.worst.is_none_or(|worst| difference > (worst.expected - worst.got).abs()) {
                self.worst = Some(here);
            }
            sum += difference;
            (self.lo, self.hi) = (self.lo.min(expected), self.hi.max(expected));
        }
        self.sum += sum;
        self.count += expected.len();
        self.worst_mean = self.worst_mean.max(sum / expected.len().max(1) as f64);
    }

    pub(crate) fn decisions(&mut self, sample: usize, expected: &[f64], got: &[f64], layout: Classes) {
        for position in 0..layout.positions() {
            let (expected, got) = (layout.at(expected, position), layout.at(got, position));
            let (wanted, chosen) = (class(&expected, layout.by), class(&got, layout.by));
            self.decisions += 1;
            let (decisions, same) = self.classes.entry(wanted).or_default();
            *decisions += 1;
            *same += usize::from(wanted == chosen);
            if wanted != chosen {
                let preferred = match layout.by {
                    ClassBy::Largest => expected[wanted] - expected[chosen],
                    ClassBy::Half => (expected[0] - 0.5).abs(),
                    ClassBy::Label | ClassBy::Position | ClassBy::Nothing => f64::INFINITY,
                };
                let difference = Difference { sample, element: position, expected: wanted as f64, got: chosen as f64 };
                self.others.push((difference, preferred));
            }
        }
    }

    fn places(&mut self, expected: &[f64], got: &[f64], layout: Classes) {
        if layout.positions() < 2 {
            return;
        }
        self.samples += 1;
        self.places.resize(layout.positions(), 0.0);
        for (position, sum) in self.places.iter_mut().enumerate() {
            let (expected, got) = (layout.at(expected, position), layout.at(got, position));
            let differences = expected.iter().zip(&got).map(|(a, b)| (a - b).abs()).filter(|d| d.is_finite());
            *sum += differences.sum::<f64>() / layout.classes as f64;
        }
    }

    pub(crate) fn add(&mut self, sample: usize, expected: &[f64], got: &[f64], layout: Classes) {
        self.numbers(sample, expected, got);
        self.places(expected, got, layout);
        if layout.by != ClassBy::Nothing && expected.iter().all(|v| v.is_finite()) {
            self.decisions(sample, expected, got, layout);
        }
    }

    /// What differences are relative to. Where the reference hardly changes it is its size, and where that is zero it is one.
    pub(crate) fn spread(&self) -> f64 {
        let (spread, size) = (self.hi - self.lo, self.hi.abs().max(self.lo.abs()));
        match () {
            () if spread > 1e-3 * size => spread,
            () if size > 0.0 && size.is_finite() => size,
            () => 1.0,
        }
    }

    pub(crate) fn max(&self) -> f64 {
        self.worst.map_or(0.0, |worst| (worst.expected - worst.got).abs())
    }

    pub(crate) fn output(&self, output: &Watched) -> OutputAccuracy {
        let part = |same: usize, decisions: usize| same as f64 / decisions.max(1) as f64;
        let class = |(&class, &(decisions, same)): (&usize, &(usize, usize))| ClassAccuracy {
            class: output.class_name(class),
            decisions,
            same: part(same, decisions),
        };
        let mut places: Vec<f64> = self.places.iter().map(|sum| sum / self.samples.max(1) as f64).collect();
        let worst_place = (0..places.len()).max_by(|&a, &b| places[a].total_cmp(&places[b]));
        if places.len() > MOST_PLACES {
            places.clear();
        }
        OutputAccuracy {
            name: output.name.clone(),
            max_deviation: self.max(),
            mean_deviation: self.sum / self.count.max(1) as f64,
            worst_sample: self.worst.map_or(0, |worst| worst.sample),
            spread: self.spread(),
            same_class: (self.decisions > 0).then_some(part(self.decisions - self.others.len(), self.decisions)),
            classes: self.classes.iter().map(class).collect(),
            places,
            worst_place,
        }
    }
}

/// An output that is compared.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) name: String,
    pub(crate) len: usize,
    pub(crate) labels: Option<Labels>,
    /// Which value.
    pub(crate) value: usize,
    pub(crate) layout: Classes,
}

impl Watched {
    pub(crate) fn new(name: &str, value: usize, dims: &[usize], (labels, probability): (Option<Labels>, bool)) -> Self {
        let len = dims.iter().product();
        let by = match len {
            _ if labels.is_some() => ClassBy::Label,
            2.. => ClassBy::Largest,
            _ if probability => ClassBy::Half,
            _ => ClassBy::Nothing,
        };
        Self { name: name.into(), len, labels, value, layout: Classes::of(dims, by) }
    }

    /// This output, of which each element is the position of a largest.
    pub(crate) fn of_positions(self) -> Self {
        Self { layout: self.layout.of_positions(), ..self }
    }

    /// Whether its numbers are names of classes or places, which are right or wrong.
    pub(crate) fn is_named(&self) -> bool {
        self.labels.is_some() || self.layout.by == ClassBy::Position
    }

    /// What a class is called; its number where classes have no names.
    pub(crate) fn class_name(&self, class: usize) -> String {
        let named = match &self.labels {
            Some(Labels::Ints(labels)) => labels.get(class).map(i64::to_string),
            Some(Labels::Bools(labels)) => labels.get(class).map(bool::to_string),
            Some(Labels::Texts(labels)) => labels.get(class).cloned(),
            None => Some(class.to_string()),
        };
        named.unwrap_or_else(|| "another label".into())
    }
}
