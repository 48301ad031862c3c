//! Random programs, and random lies about them: no lie that reaches the answer is believed.
//!
//! `CIRO_SEEDS=FROM..TO cargo test --release -p ciro-prover --test it random_lies::` tries other programs than the ones that every run of the
//! tests tries. What is printed last is the seed that failed.

use crate::common::liar::Liar;
use crate::common::{Case, X, seeds};
use ciro_auditor::Limits;
use ciro_graph::{Disclosure, Ingest, Model, ValueId};
use ciro_test_models::random::{self, Draw, Magnitude};
use ciro_transcript::field::P;
use std::ops::Range;

/// Lies about each program.
const LIES: usize = 12;

/// How many lies were told, of which kind.
#[derive(Debug, Default)]
struct Told {
    programs: usize,
    values: usize,
    inputs: usize,
}

/// Lies about the programs of these seeds that have a relation and run on some input.
fn lie_about(seeds: Range<u64>, model: impl Fn(u64) -> Model) -> Told {
    let mut told = Told::default();
    for seed in seeds {
        let mut draw = Draw::new(!seed);
        let model = model(seed);
        let Some(input) = random::input(&model, &mut draw) else { continue };
        if ciro_auditor::lower(&model.program, &Limits::NONE).is_err() {
            continue;
        }
        eprintln!("seed {seed}");
        let x: Vec<f32> = input.0[0].bits.iter().map(|&bits| f32::from_bits(bits)).collect();
        let case = Case::new("random", model, &x);
        told.programs += 1;
        for _ in 0..LIES {
            told.values += usize::from(lie_about_a_value(&case, &mut draw));
            told.inputs += usize::from(lie_about_an_input(&case, &mut draw));
        }
    }
    told
}

/// Says that an element of a value is another number, and what follows from it or not. Whether there was anything to say.
fn lie_about_a_value(case: &Case, draw: &mut Draw) -> bool {
    let first = case.model.program.inputs.len() as u64;
    let value: usize = draw.size(first, case.execution.values.len() as u64 - 1);
    let honest = &case.execution.values[value];
    let at: usize = draw.size(0, honest.len() as u64 - 1);
    let lie = another(case, draw, value, at);
    if lie == honest[at] {
        return false;
    }
    let id = ValueId(value as u32);
    let liar = Liar::about(case);
    let liar = if draw.one_in(2) {
        liar.value_if_it_runs(id, |elements| elements[at] = lie)
    } else {
        Some(liar.only_value(id, |elements| elements[at] = lie))
    };
    // A lie that does not reach the answer may be one about a value that has no cells.
    let Some(liar) = liar.filter(|liar| &liar.output() != case.output()) else { return false };
    let truth = honest[at];
    assert!(liar.verdict().is_err(), "element {at} of value {value} is {lie}, not {truth}: {:?}", case.model.program);
    true
}

/// Another integer that an element might be: near it, elsewhere in its interval, or one that is the same after a division modulo p.
fn another(case: &Case, draw: &mut Draw, value: usize, at: usize) -> i64 {
    let honest = &case.execution.values[value];
    let node = &case.model.program.nodes[value - case.model.program.inputs.len()];
    let (lo, hi) = (i64::from(node.lo), i64::from(node.hi));
    match draw.below(11) {
        0 => honest[at] + 1,
        1 => honest[at] - 1,
        2 => honest[at] + (1 << draw.below(12)),
        3 => honest[at] - (1 << draw.below(12)),
        4 => draw.within(lo, hi),
        5 => -honest[at],
        6 => 0,
        7 => honest[draw.below(honest.len() as u64) as usize],
        8 => lo,
        9 => hi,
        _ => a_fraction_away(honest[at], draw),
    }
}

/// n + k/2ˢ modulo p: what a quotient would be, were its rest not in range.
fn a_fraction_away(n: i64, draw: &mut Draw) -> i64 {
    let p = i64::from(P);
    let shift = draw.within(1, 6);
    let half = (p + 1) / 2;
    let unit = (0..shift).fold(1, |unit, _| unit * half % p);
    let moved = (n + unit * draw.within(1, (1 << shift) - 1)).rem_euclid(p);
    if moved > p / 2 { moved - p } else { moved }
}

/// Says that a hidden input is an integer beyond its interval. Whether there was anything to say.
fn lie_about_an_input(case: &Case, draw: &mut Draw) -> bool {
    let Model { program, .. } = &case.model;
    let Ingest::Fixed { lo, hi, .. } = program.inputs[0].ingest else { return false };
    if program.visibility.input == Disclosure::Public {
        return false;
    }
    let (lo, hi) = (i64::from(lo), i64::from(hi));
    let at: usize = draw.size(0, case.execution.values[0].len() as u64 - 1);
    let lie = match draw.below(4) {
        0 => hi + draw.within(1, 300),
        1 => lo - draw.within(1, 300),
        2 => hi + (1 << draw.below(29)),
        _ => lo - (1 << draw.below(29)),
    };
    let liar = Liar::about(case);
    let liar =
        if draw.one_in(2) { liar.sees_if_it_runs(|x| x[at] = lie) } else { Some(liar.only_value(X, |x| x[at] = lie)) };
    let Some(liar) = liar else { return false };
    assert!(liar.verdict().is_err(), "element {at} of the input is {lie}: {program:?}");
    true
}

#[test]
fn no_random_lie_about_small_numbers_is_believed() {
    let told = lie_about(seeds(0..500), |seed| random::model(seed, Magnitude::Small));
    assert!(told.programs > 40 && told.values > 200 && told.inputs > 50, "{told:?}");
}

#[test]
fn no_random_lie_about_numbers_near_half_the_field_is_believed() {
    let told = lie_about(seeds(0..500), |seed| random::model(seed, Magnitude::HalfTheField));
    assert!(told.programs > 20 && told.values > 100 && told.inputs > 20, "{told:?}");
}

#[test]
fn no_random_lie_about_moved_elements_is_believed() {
    let told = lie_about(seeds(0..60), random::rearranged);
    assert!(told.programs > 40 && told.values > 200 && told.inputs > 50, "{told:?}");
}
