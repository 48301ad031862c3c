//! Doubles among cuts: each has one place, and no other is believed, be the input shown or hidden.

use crate::common::liar::{Liar, Weights, impostor, raw_doubles};
use crate::common::{CUTS, Case, X, doubles_model};
use ciro_auditor::{Phase, ProofContext};
use ciro_execution::execute;
use ciro_graph::Disclosure::{Committed, Private, Public};
use ciro_graph::ingest::{ORDERED_DOUBLE_MAX, ORDERED_DOUBLE_MIN, ordered_double};
use ciro_graph::{Disclosure, Model, RawInput, ValueId};
use ciro_prover::{ProvingKey, prove};
use ciro_test_models::random::Draw;

const RANK: ValueId = ValueId(1);

/// The rows at which features begin.
const FIRST: [usize; 2] = [0, 3];

fn case(missing: bool, input: Disclosure, x: [f64; 2]) -> Case {
    let mut model = doubles_model(missing);
    model.program.visibility.input = input;
    let input = raw_doubles(&model, &x);
    Case::on("doubles", model, input)
}

fn outputs(model: &Model, x: [f64; 2]) -> Vec<Vec<i64>> {
    execute(model, &raw_doubles(model, &x)).expect("the model runs").outputs(&model.program).0
}

/// As far away as one double is from the next.
fn stepped(x: f64, steps: i64) -> f64 {
    f64::from_bits(x.to_bits().wrapping_add_signed(steps))
}

#[test]
fn the_rank_of_a_double_counts_the_cuts_that_it_reaches() {
    let model = doubles_model(true);
    let hostile = [0.0, -0.0, 5e-324, -5e-324, f64::MAX, f64::MIN, f64::INFINITY, f64::NEG_INFINITY, 1.7e9];
    let near = CUTS.concat().into_iter().flat_map(|cut| (-2..=2).map(move |steps| stepped(cut, steps)));
    for x in near.chain(hostile) {
        let reached = |i: usize| (FIRST[i] + CUTS[i].iter().filter(|&&cut| x >= cut).count()) as i64;
        let ranks = vec![reached(0), reached(1)];
        assert_eq!(outputs(&model, [x, x]), [ranks.clone(), ranks], "{x:e}");
    }
    // Missing: below all cuts of its feature, and above all of them.
    assert_eq!(outputs(&model, [f64::NAN, 0.0]), [[0, 4], [8, 4]]);
}

#[test]
fn a_model_that_knows_no_missing_double_refuses_it() {
    let key = ProvingKey::new(doubles_model(false)).expect("the model has a relation");
    let input = raw_doubles(key.model(), &[1.0, f64::NAN]);
    let error = prove(&key, &input, &ProofContext::default()).expect_err("a missing value");
    assert!(error.to_string().contains("element 1: expected a number, got NaN"), "{error}");
    let halved = RawInput(vec![ciro_graph::RawTensor { bits: vec![0; 2], ..input.0[0].clone() }]);
    let error = prove(&key, &halved, &ProofContext::default()).expect_err("half of an input");
    assert!(error.to_string().contains("expected 2 elements, got 1"), "{error}");
}

#[test]
fn every_double_near_a_cut_is_proven_hidden_or_not() {
    for shown in [Public, Committed, Private] {
        for steps in [-1, 0, 1] {
            case(true, shown, [stepped(CUTS[0][0], steps), stepped(CUTS[1][2], steps)]);
        }
        case(true, shown, [f64::NAN, f64::NEG_INFINITY]);
        case(false, shown, [f64::INFINITY, -0.0]);
    }
}

#[test]
fn another_rank_is_rejected() {
    for shown in [Public, Committed, Private] {
        for (x, honest) in [([CUTS[0][0], -0.1], 1), ([stepped(CUTS[0][0], -1), 1e300], 0)] {
            let case = case(true, shown, x);
            assert_eq!(case.output().0[0][0], honest);
            // The other row of the feature, its last one, and rows of the other feature.
            for lie in [1 - honest, 2, 3, 5, 6] {
                let caught = Liar::about(&case).only_value(RANK, |rank| rank[0] = lie).caught_by_the_way();
                assert!([Phase::Lookup, Phase::Constraints].contains(&caught), "{lie}");
            }
        }
    }
}

/// What is borrowed from a limb is decided by the limbs, and not by the prover.
#[test]
fn other_limbs_and_loans_are_rejected() {
    let case = case(true, Committed, [CUTS[0][0], 2.5]);
    for name in ["above the cut below", "below the cut above", "below most"] {
        for n in 0..3 {
            let caught = Liar::about(&case).cells(name, n, |cells| cells[0] = 1 - cells[0]).caught_by_the_way();
            assert!([Phase::Lookup, Phase::Constraints].contains(&caught), "{name} {n}");
        }
    }
    for name in ["cut below", "cut above"] {
        for n in 0..4 {
            let caught = Liar::about(&case).cells(name, n, |cells| cells[1] += 1).caught_by_the_way();
            assert!([Phase::Lookup, Phase::Constraints].contains(&caught), "{name} {n}");
        }
    }
}

/// Everything follows from the image: it is compared as that of a number would be.
#[test]
fn an_image_of_no_double_is_rejected() {
    for (shown, missing) in [(Committed, false), (Private, false), (Committed, true), (Private, true)] {
        let case = case(missing, shown, [0.5, 3.0]);
        let input = &case.model.program.inputs[0];
        let sees = |image: u64| Liar::about(&case).sees(|x| x[1] = image as i64);
        let zero = ordered_double(0);
        for image in [ORDERED_DOUBLE_MIN, ORDERED_DOUBLE_MAX, zero - 1, zero, zero + 1, ORDERED_DOUBLE_MAX - (1 << 40)]
        {
            assert!(input.accepts(&[zero as i64, image as i64]) && input.numbers(&[image as i64])[0] != "NaN");
            sees(image).verdict().expect("this is the image of a number");
        }
        let below = [ORDERED_DOUBLE_MIN - 1, ORDERED_DOUBLE_MIN - (1 << 48), 1, 1 << 48];
        let above = [1, 1 << 16, 1 << 32, 1 << 48].map(|step| ORDERED_DOUBLE_MAX + step);
        for image in below.into_iter().chain(above) {
            assert!(!input.accepts(&[zero as i64, image as i64]));
            assert_eq!(sees(image).caught_by_the_way(), Phase::Lookup, "{image:x} {missing}");
        }
        assert_eq!(input.accepts(&[zero as i64, 0]), missing);
        assert_eq!(sees(0).verdict().is_ok(), missing);
        let last = Liar::about(&case).only_value(X, |x| x[1] = u64::MAX as i64).caught_by_the_way();
        assert_eq!(last, Phase::Lookup);
    }
}

#[test]
fn a_missing_double_is_no_number_and_a_number_is_not_missing() {
    for shown in [Committed, Private] {
        let case = case(true, shown, [1.0, f64::NAN]);
        for (element, flag) in [(0, 1), (1, 0)] {
            let caught = Liar::about(&case).cells("missing", 0, |cells| cells[element] = flag).caught_by_the_way();
            assert!([Phase::Lookup, Phase::Constraints].contains(&caught), "{element}");
        }
        let half = Liar::about(&case).cells("missing", 0, |cells| cells[1] = 0x3f80_0001).caught_by_the_way();
        assert!([Phase::Lookup, Phase::Constraints].contains(&half));
    }
}

/// Under the honest commitment, cuts of another model are in no table; under its own it is not the model.
#[test]
fn other_cuts_are_rejected() {
    let case = case(true, Public, [CUTS[0][0], 3.0]);
    // The lowest limb of the one cut of the first feature.
    let raised = |model: &mut Model| model.weights[1][1] += 1;
    assert_eq!(impostor(&case, Weights::Committed, raised), Phase::Lookup);
    assert_eq!(impostor(&case, Weights::Lied, raised), Phase::Opening);
}

/// Doubles from bits, mostly around the cuts, shown and hidden, alone and in batches. The lies are a rank that is off, and an image
/// beside the true one.
#[test]
fn no_random_lie_about_doubles_is_believed() {
    let (mut ranks, mut images) = (0, 0);
    for seed in 0..24 {
        let mut draw = Draw::new(seed);
        let shown = draw.one_of(&[Public, Committed, Private]);
        let samples: u32 = draw.one_of(&[1, 1, 2, 3]);
        let mut model = doubles_model(true);
        model.program.visibility.input = shown;
        model.program.batch = samples;
        let x: Vec<f64> = (0..2 * samples as usize).map(|i| double(&mut draw, CUTS[i % 2])).collect();
        let input = raw_doubles(&model, &x);
        let case = Case::on("random", model, input);
        for _ in 0..4 {
            let at: usize = draw.size(0, u64::from(2 * samples - 1));
            let off = draw.within(1, 3) * if draw.one_in(2) { 1 } else { -1 };
            let liar = Liar::about(&case).only_value(RANK, |rank| rank[at] += off);
            assert!(liar.verdict().is_err(), "seed {seed}: rank {at} off by {off}");
            ranks += 1;
            let step = 1i64 << draw.below(62);
            let liar = Liar::about(&case).sees_if_it_runs(|x| x[at] = x[at].wrapping_add(step));
            let Some(liar) = liar.filter(|liar| &liar.output() != case.output()) else { continue };
            if shown == Public {
                assert!(liar.verdict().is_err(), "seed {seed}: image {at} off by {step}");
                images += 1;
            }
        }
    }
    assert!(ranks > 60 && images > 2, "{ranks} {images}");
}

fn double(draw: &mut Draw, cuts: &[f64]) -> f64 {
    match draw.below(4) {
        0 => f64::from_bits(draw.below(u64::MAX)),
        1 => draw.one_of(&[0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5e-324]),
        _ => stepped(draw.one_of(cuts), draw.within(-2, 2)),
    }
}
