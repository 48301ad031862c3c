//! Phases and kernels at growing sizes, each per element. In the same run is measured what bounds them: one packed
//! multiplication of extension elements, one Blake2s compression.

use ciro_auditor::{ProofContext, Statement};
use ciro_execution::execute;
use ciro_graph::{Ingest, Input, Model, Node, Op, Output, OutputKind, Program, RawInput, RawTensor, ValueId};
use ciro_pcs::{Params, Profile, Security, Size};
use ciro_prover::kernel::arena::Buffer;
use ciro_prover::kernel::blake::{BLOCK_WORDS, LANES, compress, start};
use ciro_prover::kernel::cells::{Cells, Runs};
use ciro_prover::kernel::eq::eq_table;
use ciro_prover::kernel::matrix::{combine_columns, dot_rows, fold_rows};
use ciro_prover::kernel::points::Points;
use ciro_prover::kernel::table::Table;
use ciro_prover::kernel::{PackedE, WIDTH};
use ciro_prover::oracle::{BaseOracle, UNSALTED};
use ciro_prover::rounds::{Inner, inner_sumcheck};
use ciro_prover::{ProvingKey, Witness, lookup};
use ciro_transcript::field::from_int;
use ciro_transcript::{E, F, Transcript, Writer};
use ciro_verifier::layout::{Evaluations, slots};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use p3_field::PrimeCharacteristicRing;
use std::hint::black_box;

fn elements(count: usize) -> Vec<E> {
    let some = Writer::new("bench").challenges("x", 64);
    (0..count).map(|i| some[i % 64] + E::from_usize(i)).collect()
}

fn bounds(c: &mut Criterion) {
    let mut group = c.benchmark_group("bound");
    let factors: [PackedE; 16] = std::array::from_fn(|i| PackedE::from(elements(64)[i]));
    group.throughput(Throughput::Elements((64 * 16 * WIDTH) as u64));
    group.bench_function("packed multiplication", |b| {
        b.iter(|| {
            let mut values = black_box(factors);
            for _ in 0..64 {
                for (value, &factor) in values.iter_mut().zip(&factors) {
                    *value *= factor;
                }
            }
            values
        });
    });
    group.throughput(Throughput::Elements(LANES as u64));
    group.bench_function("compression", |b| {
        let mut state = start();
        let block = black_box([start()[3]; BLOCK_WORDS]);
        b.iter(|| compress(&mut state, &block, 64, true));
    });
}

/// A shift of `rows` values: each is looked up in limbs, twice.
fn shift(rows: u32) -> (ProvingKey, Witness) {
    let (lo, hi) = (-(1 << 20), 1 << 20);
    let ingest = Ingest::Fixed { exponents: vec![0], lo, hi };
    let program = Program {
        name: "shift".into(),
        inputs: vec![Input { name: "x".into(), shape: vec![1, rows], ingest }],
        constants: vec![],
        nodes: vec![Node {
            op: Op::Rescale { x: ValueId(0), shift: 8 },
            shape: vec![1, rows],
            lo: lo >> 8,
            hi: hi >> 8,
        }],
        outputs: vec![Output {
            name: "y".into(),
            value: ValueId(1),
            shape: vec![1, rows],
            kind: OutputKind::Fixed { frac_bits: 0 },
        }],
        columns: vec![],
        limb_bits: 8,
        profile: ciro_graph::Profile::Native,
        security: ciro_graph::Security::Bits100,
        visibility: ciro_graph::Visibility::default(),
        batch: 1,
    };
    let key = ProvingKey::new(Model { program, weights: vec![] }).expect("the program has a relation");
    let bits = (0..rows).map(|i| ((i * 77 % 100_000) as f32).to_bits()).collect();
    let input = RawInput(vec![RawTensor { shape: vec![1, rows], bits }]);
    let execution = execute(key.model(), &input).expect("the program runs");
    let output = execution.outputs(&key.model().program);
    let statement = Statement::public(input, output, ProofContext::default());
    let instance = key.verifying().instance(&statement).expect("the statement is well formed");
    let witness = Witness::fill(&key, &instance, &execution);
    (key, witness)
}

fn lookups(c: &mut Criterion) {
    let mut group = c.benchmark_group("lookup::prove");
    for log_rows in [11, 13, 15, 17] {
        let (key, witness) = shift(1 << log_rows);
        let relation = key.verifying().relation();
        let (_, depth) = slots(relation);
        group.throughput(Throughput::Elements(1 << depth));
        group.bench_function(BenchmarkId::new("log_leaves", depth), |b| {
            b.iter(|| lookup::prove(&mut Writer::new("bench"), relation, &witness, &mut Evaluations::default()));
        });
    }
}

fn sumchecks(c: &mut Criterion) {
    let mut group = c.benchmark_group("sumcheck");
    for vars in [12, 16, 20] {
        let values = elements(1 << vars);
        let r = values[3];
        group.throughput(Throughput::Elements(1 << vars));
        group.bench_function(BenchmarkId::new("fold/vars", vars), |b| {
            b.iter_batched(|| Table::new(values.clone()), |mut t| t.fold(r), BatchSize::LargeInput);
        });
        group.bench_function(BenchmarkId::new("inner/vars", vars), |b| {
            let run = |[a, b]: [Vec<E>; 2]| {
                inner_sumcheck(&mut Writer::new("bench"), "rounds", vars, &mut [Inner::new(a, b, vars, E::ONE)])
            };
            b.iter_batched(|| [values.clone(), values.clone()], run, BatchSize::LargeInput);
        });
    }
}

fn commitments(c: &mut Criterion) {
    let mut group = c.benchmark_group("oracle::commit");
    for vars in [12u32, 16, 20] {
        let table: Vec<F> = (0..1i64 << vars).map(from_int).collect();
        let round = Params::new(&[Size::full(vars), Size::full(vars)], Security::Bits100, Profile::Native).first[0];
        group.throughput(Throughput::Elements(1 << vars));
        group.bench_function(BenchmarkId::new("vars", vars), |b| b.iter(|| BaseOracle::new(&table, &round, &UNSALTED)));
    }
    // What a first proof pays and later ones do not.
    group.throughput(Throughput::Bytes(4 << 22));
    group.bench_function("warm buffer", |b| b.iter(|| Buffer::<F>::stale(1 << 22)[77]));
    group.bench_function("fresh buffer", |b| b.iter(|| black_box(vec![F::ONE; 1 << 22])[77]));
}

/// Passes over a model's weights, by bits of the integers; elements for comparison.
fn weights(c: &mut Criterion) {
    let mut group = c.benchmark_group("weights");
    let (columns, vars) = (160usize, 16);
    let len = columns << vars;
    group.throughput(Throughput::Elements(len as u64));
    let weights = elements(len >> 8);
    let eq = eq_table(&elements(8), E::ONE);
    let positions: Vec<u32> = (0..100).map(|i| i * 20_971).collect();
    let points = Points::new(20, 1, &positions);
    let mut made = Vec::new();
    for bits in [8, 11, 16, 0] {
        let shift = 32 - if bits == 0 { 16 } else { bits };
        let values = (0..len as u32).map(|i| i.wrapping_mul(0x9e37_79b9).cast_signed() >> shift).collect();
        let runs = Runs::new(len, [(0, values)]);
        let cells = if bits == 0 { Cells::Elements(runs.cells().elements(&mut made)) } else { runs.cells() };
        let name = if bits == 0 { "elements".to_owned() } else { format!("{bits} bits") };
        group.bench_function(BenchmarkId::new("combine_columns", &name), |b| {
            b.iter(|| combine_columns(&[(cells, &weights[..columns])], vars));
        });
        group.bench_function(BenchmarkId::new("fold_rows", &name), |b| b.iter(|| fold_rows(cells, &weights, 1 << 8)));
        group.bench_function(BenchmarkId::new("dot_rows", &name), |b| b.iter(|| dot_rows(cells, &eq)));
        group.bench_function(BenchmarkId::new("opened rows", &name), |b| {
            b.iter(|| cells.chunks_exact(1 << 20).map(|column| points.evaluate(column)).collect::<Vec<_>>());
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = bounds, lookups, sumchecks, commitments, weights
}
criterion_main!(benches);
