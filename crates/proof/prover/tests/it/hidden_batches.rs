//! Hidden inputs and labels of batches of every size: each sample has its own rows, whatever the others and the padding are.

use crate::common::liar::{Liar, named};
use crate::common::{Case, SEED, Sketch, X, forest_model};
use ciro_auditor::{Phase, ProofContext, Sample};
use ciro_graph::Disclosure::Committed;
use ciro_graph::{Ingest, Model, Op, OutputKind, ValueId, Visibility};
use ciro_prover::{BatchProof, prove_batch};
use ciro_relation::Relation;
use ciro_types::ModelId;
use p3_field::PrimeField32;

/// All sizes on which liars are tried: around the powers of two, where padding begins and ends.
const SIZES: [u32; 12] = [2, 3, 4, 5, 7, 8, 9, 16, 17, 33, 63, 64];

fn committed(mut model: Model, samples: u32, x: &[f32]) -> Case {
    model.program = model.program.batched(samples);
    model.program.visibility = Visibility { input: Committed, output: Committed, weights: Committed };
    Case::new("committed", model, x)
}

/// A forest on two features of which the second is missing in every third sample; no two samples are alike.
fn forest(samples: u32) -> Case {
    let second = |s: u32| if s % 3 == 2 { f32::NAN } else { (s % 7) as f32 - 3.5 };
    let x: Vec<f32> = (0..samples).flat_map(|s| [(s % 2) as f32 * 3.0 + s as f32 / 1024.0, second(s)]).collect();
    committed(forest_model(1, true), samples, &x)
}

/// Four scores and the number of the first largest, another one in each next sample.
fn labels(samples: u32) -> Case {
    let mut s = Sketch::new(4);
    s.program.inputs[0].ingest = Ingest::Fixed { exponents: vec![0], lo: -50, hi: 50 };
    let label = s.node(Op::ArgMax { x: X }, 1, 0, 3);
    s.reveal(label, 1, OutputKind::IntLabel { labels: vec![0, 1, 2, 3] });
    let score = |s: u32, j: u32| if s % 4 == j { 40.0 } else { (s * 5 + j * 3) as f32 % 17.0 };
    let x: Vec<f32> = (0..samples).flat_map(|s| (0..4).map(move |j| score(s, j))).collect();
    committed(s.model(), samples, &x)
}

const LABEL: ValueId = ValueId(1);

fn relation(case: &Case) -> &Relation {
    case.key.verifying().relation()
}

/// Cells of a column from one sample to the next.
fn stride(case: &Case, name: &str) -> usize {
    let samples = (case.model.program.batch as usize).next_power_of_two();
    case.witness.column(named(relation(case), name)[0]).len() / samples
}

/// Each sample's part of values that all samples have one after the other.
fn parts(case: &Case, values: &[Vec<i64>]) -> Vec<Vec<Vec<i64>>> {
    let samples = case.model.program.batch as usize;
    let part = |all: &Vec<i64>, s: usize| all.chunks(all.len() / samples).nth(s).unwrap_or(&[]).to_vec();
    (0..samples).map(|s| values.iter().map(|all| part(all, s)).collect()).collect()
}

#[test]
fn each_sample_lies_where_its_number_says() {
    for samples in 1..=64 {
        for case in [forest(samples), labels(samples)] {
            let inputs = parts(&case, &case.execution.values[..1]);
            let outputs = parts(&case, &case.output().0);
            for column in &relation(&case).samples {
                let cells: Vec<i64> =
                    case.witness.column(column.col).iter().map(|cell| i64::from(cell.as_canonical_u32())).collect();
                let mut rest = cells.as_slice();
                for (x, y) in inputs.iter().zip(&outputs) {
                    let expected = column.cells(x, y);
                    let (own, after) = rest.split_at(expected.len());
                    assert_eq!(own, expected, "{samples}: {column:?}");
                    rest = after;
                }
                assert!(rest.iter().all(|&cell| cell == 0), "{samples}: {column:?}");
                assert!(rest.len() < cells.len() / 2 || samples == 1, "{samples}: {column:?}");
            }
        }
    }
}

struct Opened {
    case: Case,
    batch: BatchProof,
}

impl Opened {
    fn of(case: Case) -> Self {
        let batch = prove_batch(&case.key, &case.input, &ProofContext::default(), &SEED).expect("the model runs");
        Self { case, batch }
    }

    fn verdict(&self, sample: &Sample, opening: &[u8]) -> Result<(ModelId, u32), Phase> {
        let proof = &self.batch.proof;
        let verified = self.case.key.verifying().verify_sample(&proof.statement, &proof.bytes, sample, opening);
        verified.map(|verified| (verified.model, verified.batch)).map_err(|error| error.phase())
    }
}

/// First, middle and last sample of each batch open; with a neighbour's input, output or number they do not.
#[test]
fn a_sample_opens_as_itself_and_not_as_its_neighbour() {
    for samples in 1..=64 {
        for case in [forest(samples), labels(samples)] {
            let opened = Opened::of(case);
            let open = |i: u32| opened.batch.open_sample(&opened.case.key, i).expect("a sample");
            for i in [0, samples / 2, samples - 1] {
                let (sample, opening) = open(i);
                let of = (opened.case.key.model_id(), samples);
                assert_eq!(opened.verdict(&sample, &opening), Ok(of), "{i} of {samples}");
                let (other, _) = open((i + 1) % samples);
                for lie in [
                    Sample { input: other.input, ..sample.clone() },
                    Sample { output: other.output, ..sample.clone() },
                    Sample { index: other.index, ..sample.clone() },
                ] {
                    if lie != sample {
                        let opening = opened.batch.open_as(&opened.case.key, &lie).expect("it could be a sample");
                        assert_eq!(opened.verdict(&lie, &opening), Err(Phase::Batch), "{i} of {samples}: {lie:?}");
                    }
                }
            }
        }
    }
}

/// One sample's hidden integers are its neighbour's; walks and sums follow them, the answer that is committed to does not.
#[test]
fn a_sample_cannot_have_the_hidden_input_of_another() {
    for samples in SIZES {
        let case = forest(samples);
        let answers = parts(&case, &case.output().0);
        let (from, to) = (samples as usize - 2, samples as usize - 1);
        assert_ne!(answers[from], answers[to], "{samples}");
        let copied = ["input high", "input low", "missing"].into_iter().fold(Liar::about(&case), |liar, name| {
            let run = stride(&case, name);
            liar.cells(name, 0, |c| c.copy_within(from * run..(from + 1) * run, to * run))
        });
        assert_eq!(copied.caught_by_the_way(), Phase::Constraints, "{samples}");
        // The upper half alone.
        let run = stride(&case, "input high");
        let half = Liar::about(&case).cells("input high", 0, |c| c[to * run] = c[from * run]);
        assert_eq!(half.caught_by_the_way(), Phase::Constraints, "{samples}");
        // The committed input is its own, the walk goes by the neighbour's.
        let walk = Liar::about(&case).cells("value high", 0, |c| c.copy_within(from * 4..from * 4 + 4, to * 4)).cells(
            "value low",
            0,
            |c| c.copy_within(from * 4..from * 4 + 4, to * 4),
        );
        assert_eq!(walk.caught_by_the_way(), Phase::Lookup, "{samples}");
    }
}

#[test]
fn samples_cannot_change_places_in_hiding() {
    for samples in SIZES {
        let case = forest(samples);
        let (a, b) = (samples as usize - 2, samples as usize - 1);
        let swapped = ["input high", "input low", "missing"].into_iter().fold(Liar::about(&case), |liar, name| {
            let run = stride(&case, name);
            liar.cells(name, 0, |c| (0..run).for_each(|i| c.swap(a * run + i, b * run + i)))
        });
        assert_eq!(swapped.caught_by_the_way(), Phase::Constraints, "{samples}");

        let case = labels(samples);
        let told = Liar::about(&case).cells("label", 0, |c| c.swap(a, b));
        assert_eq!(told.caught_by_the_way(), Phase::Constraints, "{samples}");
        // Flags and labels of the two agree, and the scores are not theirs.
        let chosen = Liar::about(&case).value(LABEL, |labels| labels.swap(a, b));
        assert_eq!(chosen.caught(&case), Phase::Lookup, "{samples}");
        // One sample has the ones of both.
        let run = stride(&case, "is label");
        let both = Liar::about(&case).cells("is label", 0, |c| {
            let one = (0..run).find(|&i| c[b * run + i] == 1).expect("a label");
            (c[b * run + one], c[a * run + one]) = (0, 1);
        });
        assert_eq!(both.caught_by_the_way(), Phase::Lookup, "{samples}");
    }
}

/// Rows that fill up the batch, or a sample, hold nothing.
#[test]
fn padding_holds_no_sample() {
    for samples in SIZES.into_iter().filter(|samples| !samples.is_power_of_two()) {
        let pad = |case: &Case, name: &str| {
            let at = samples as usize * stride(case, name);
            Liar::about(case).cells(name, 0, |c| c[at] = 1).caught_by_the_way()
        };
        let (forest, labels) = (forest(samples), labels(samples));
        for name in ["input high", "missing", "output"] {
            assert_eq!(pad(&forest, name), Phase::Constraints, "{samples}: {name}");
        }
        // Ranges that hold for zero are asked for in the padding too.
        assert_eq!(pad(&forest, "input low"), Phase::Lookup, "{samples}");
        for name in ["is label", "label"] {
            assert_eq!(pad(&labels, name), Phase::Constraints, "{samples}: {name}");
        }
        assert_eq!(pad(&labels, "input"), Phase::Lookup, "{samples}");
    }
    // Within a sample: the forest has three classes, the fourth row is none.
    let case = forest(4);
    let beyond = Liar::about(&case).cells("output", 0, |c| c[3] = 1);
    assert_eq!(beyond.caught_by_the_way(), Phase::Constraints);
}
