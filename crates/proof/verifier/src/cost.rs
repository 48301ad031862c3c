//! What building a key and verifying a proof take, counted before it is done: an upper bound, phase by phase.
//!
//! Each count is the one of the loop it is about; what both share is a function that the loop reports by (`ciro_transcript::meter`).
//! A test runs programs of all kinds and holds what was done against what is said here (`crates/proof/prover/tests/metered.rs`).

use crate::batch::{round_work, vars_max, window_ops};
use crate::gathers::{gather_ops, gather_rounds};
use crate::key::Key;
use crate::layout::{
    Claims, Occupant, Read, constraint_columns, constraint_rounds, count, is_sent, lookup_columns, lookup_reads,
    part_bits, parted_len, product_degree, product_rounds, slots,
};
use crate::products::product_ops;
use crate::work::Work;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use ciro_pcs::Params;
use ciro_pcs::cost::{opening_bytes, opening_cost};
use ciro_relation::{ColId, Cost, Knowledge, Lookup, Parts, Relation, Source};
use ciro_sumcheck::{eq_ops, rounds_cost};
use ciro_transcript::cost::{E_MUL, F_MUL, wide};
use ciro_transcript::field::E_BYTES;
use ciro_transcript::sponge::{absorb_cost, challenge_cost};
use ciro_types::Disclosure;
use core::ops::RangeInclusive;

/// Bytes of an element of a public input or output: as it travels, decoded, encoded again to be hashed, and twice as an integer.
const ELEMENT_BYTES: u64 = 40;

/// Steps that decoding and ingesting an element takes.
const ELEMENT_OPS: u64 = 24;

/// Steps of a claim or a reading besides its field operations: what finds it, and room for its point.
const CLAIM_OPS: u64 = 256;

/// Bytes of a claim or a reading besides its point.
const CLAIM_BYTES: u64 = 256;

/// Bytes of a coordinate of a claim's point: as it is claimed, read, and kept with the value that was made there.
const COORDINATE_BYTES: u64 = 4 * 20;

/// Bytes of a proof of work.
const NONCE_BYTES: usize = 8;

/// Checks that take no more units are made phase by phase: less than a millisecond, as units are bounds.
const EVALUATES_LITTLE: u64 = 2_000;

/// What each phase takes of a proof of this relation.
pub(crate) struct Costs<'a> {
    key: &'a Key,
    relation: &'a Relation,
    params: &'a Params,
    work: &'a Work,
    claims: Claims,
}

impl<'a> Costs<'a> {
    pub(crate) fn new(key: &'a Key, params: &'a Params, work: &'a Work) -> Self {
        let relation = &key.relation;
        Self { key, relation, params, work, claims: Claims::of(relation) }
    }

    /// Verifying one proof.
    pub(crate) fn total(&self) -> Cost {
        let read = self.statement().and(self.transcript()).and(opening_cost(self.params));
        read.and(self.evaluated()).and(self.sample())
    }

    /// Verifying that one sample is of the batch, where samples can be shown alone.
    fn sample(&self) -> Cost {
        let Key { inputs: (input, _), outputs: (output, _), .. } = self.key;
        if [input, output].iter().any(|&&shown| shown != Disclosure::Committed) {
            return Cost::ZERO;
        }
        let [inputs, outputs] = self.elements();
        let elements = inputs.saturating_add(outputs);
        let proof = Cost::hash(wide(*self.proof_bytes().end())).and(Cost::hash(elements.saturating_mul(16)));
        let shown =
            Cost::field(elements.saturating_mul(ELEMENT_OPS)).and(Cost::memory(elements.saturating_mul(ELEMENT_BYTES)));
        let vars = vars_max(&self.relation.spaces);
        let rounds = rounds_cost(vars, 2).and(absorb_cost(NONCE_BYTES).times(2).times(wide(vars).saturating_add(8)));
        let drawn = challenge_cost().times(wide(vars).saturating_add(4)).and(absorb_cost(96).times(15));
        let columns = self.relation.samples.iter().fold(Cost::ZERO, |sum, column| {
            let window = self.relation.window(column.col).map_or(0, |window| window_ops(&window, vars));
            sum.and(column.rows.cost()).and(Cost::field(window)).and(claim(u32::try_from(vars).unwrap_or(u32::MAX)))
        });
        let whole = Cost::field(wide(vars.saturating_add(8)).saturating_mul(8 * E_MUL)).times(8);
        [proof, shown, rounds, drawn, columns, opening_cost(self.params)].into_iter().fold(whole, Cost::and)
    }

    /// Elements of the inputs of one sample, and of its outputs.
    fn elements(&self) -> [u64; 2] {
        let Key { inputs: (_, inputs), outputs: (_, outputs), .. } = self.key;
        [inputs, outputs].map(|ports| ports.iter().map(|port| wide(port.len)).fold(0, u64::saturating_add))
    }

    /// Whether a proof of zeros should not get as far as the checks that evaluate.
    pub(crate) fn evaluates_much(&self) -> bool {
        self.evaluated().units() > EVALUATES_LITTLE
    }

    /// All that is evaluated besides the rounds: leaves, rows, operands, gathers, and claims.
    fn evaluated(&self) -> Cost {
        let phases = [self.leaves(), self.rows(), self.products(), self.gathers(), self.batch()];
        let model = if self.has_weights() { self.relation.model_cost() } else { Cost::ZERO };
        phases.into_iter().fold(model, Cost::and)
    }

    fn has_weights(&self) -> bool {
        self.relation.spaces.iter().any(|space| space.known == Knowledge::Cells)
    }

    /// Decoding, hashing and ingesting what a statement shows.
    fn statement(&self) -> Cost {
        let shown = |disclosure| u64::from(disclosure == Disclosure::Public);
        let [inputs, outputs] = self.elements();
        let Key { inputs: (input, input_ports), outputs: (output, output_ports), .. } = self.key;
        let inputs = inputs.saturating_mul(shown(*input));
        let outputs = outputs.saturating_mul(shown(*output));
        let elements = inputs.saturating_add(outputs).saturating_mul(u64::from(self.key.batch));
        // Shapes and lengths go with them.
        let ports = wide(input_ports.len().saturating_add(output_ports.len()));
        // As they were given, and as the integers that are verified.
        let bytes = elements.saturating_mul(16).saturating_add(ports.saturating_mul(64)).saturating_add(64);
        Cost::hash(bytes)
            .and(absorb_cost(96).times(8))
            .and(Cost::field(elements.saturating_mul(ELEMENT_OPS)))
            .and(Cost::memory(elements.saturating_mul(ELEMENT_BYTES)))
    }

    /// Reading everything up to the opening, and drawing the challenges.
    fn transcript(&self) -> Cost {
        let works = absorb_cost(NONCE_BYTES).times(2).times(wide(self.works()));
        let sampled = challenge_cost().times(u64::from(self.params.largest_vars()));
        let rounds = rounds_cost(constraint_rounds(self.relation), 3)
            .and(rounds_cost(product_rounds(self.relation), product_degree(self.relation)))
            .and(rounds_cost(gather_rounds(self.relation, &self.claims.gathered), 2))
            .and(rounds_cost(vars_max(&self.relation.spaces), 2));
        // ρ, λ, μ, θ, η, α, β, and the bits of parts.
        let drawn = challenge_cost().times(wide(constraint_rounds(self.relation)).saturating_add(16));
        let sent =
            Cost::hash(wide(self.sent().saturating_mul(E_BYTES)).saturating_mul(2)).and(absorb_cost(0).times(16));
        let held = Cost::memory(wide(self.sent()).saturating_mul(COORDINATE_BYTES));
        [works, sampled, self.descent(), rounds, drawn, sent, held].into_iter().fold(Cost::ZERO, Cost::and)
    }

    /// From the root of the lookup circuit to its leaves.
    fn descent(&self) -> Cost {
        let (_, depth) = slots(self.relation);
        let layer = |rounds: usize| {
            let children = absorb_cost(4 * E_BYTES).and(challenge_cost().times(2));
            rounds_cost(rounds, 3).and(children).and(Cost::field(eq_ops(rounds).saturating_add(16 * E_MUL)))
        };
        (0..count(depth)).map(layer).fold(Cost::ZERO, Cost::and)
    }

    /// Proofs of work up to the opening.
    fn works(&self) -> usize {
        let Work { lookups, constraints, products, gathers, batch } = *self.work;
        let phases = [lookups, constraints, products, gathers, batch].iter().filter(|bits| **bits > 0).count();
        let rounds = round_work(vars_max(&self.relation.spaces), self.params);
        let in_batch = (0..vars_max(&self.relation.spaces)).filter(|round| rounds.before(*round) > 0).count();
        phases.saturating_add(in_batch)
    }

    /// Values that are sent for columns, samples and polynomials.
    fn sent(&self) -> usize {
        let relation = self.relation;
        let looked_up = parted_len(&lookup_reads(relation));
        let products = self.claims.products.iter().filter_map(|c| relation.products.get(c.product));
        let operands = products.flat_map(|p| [&p.a, &p.b]).filter(|o| is_sent(relation, o.col)).count();
        let gathers = self.claims.gathered.iter().filter_map(|c| relation.gathers.get(c.gather));
        let sources = gathers.filter(|g| is_sent(relation, g.of)).count();
        let samples = if self.params.is_first_sampled() { relation.committed().count() } else { 0 };
        let counts = [constraint_columns(relation).len(), operands, sources, samples, relation.committed().count()];
        let looked_up = if relation.lookups.is_empty() { 0 } else { looked_up };
        counts.into_iter().fold(looked_up, usize::saturating_add)
    }

    /// Lengths that a proof may have, bytes.
    pub(crate) fn proof_bytes(&self) -> RangeInclusive<usize> {
        let relation = self.relation;
        let mut elements = self.sent();
        let mut add = |rounds: usize, degree: usize| {
            elements = elements.saturating_add(rounds.saturating_mul(degree));
        };
        if !relation.lookups.is_empty() {
            let (_, depth) = slots(relation);
            add(count(depth), 4);
            (1..count(depth)).for_each(|rounds| add(rounds, 3));
        }
        add(constraint_rounds(relation), 3);
        if !self.claims.products.is_empty() {
            add(product_rounds(relation), product_degree(relation));
        }
        add(gather_rounds(relation, &self.claims.gathered), 2);
        add(vars_max(&relation.spaces), 2);
        let works = self.works().saturating_mul(NONCE_BYTES);
        // The root of the witness.
        let fixed = elements.saturating_mul(E_BYTES).saturating_add(works).saturating_add(32);
        let (least, most) = opening_bytes(self.params);
        fixed.saturating_add(least)..=fixed.saturating_add(most)
    }

    /// A column where a phase reads it: evaluated, if it is public.
    fn reading(&self, col: ColId) -> Cost {
        let relation = self.relation;
        let Some(column) = relation.column(col) else { return Cost::ZERO };
        let view = relation.view(col);
        let spans = view.into_iter().flat_map(|view| &view.repeats);
        let factor = spans.fold(2 * E_MUL, |sum, span| sum.saturating_add(eq_ops(span.bits)).saturating_add(E_MUL));
        let seen = view.map_or(col, |view| view.of);
        let of = relation.column(seen).map_or(Cost::ZERO, |seen| match seen.source {
            Source::Public(i) => relation.public.get(i).map_or(Cost::ZERO, |public| public.cost(seen.log_len)),
            Source::Committed { .. } | Source::Blocks(_) | Source::Cut(_) => Cost::ZERO,
            Source::Product(_) | Source::View(_) | Source::Gather(_) => Cost::ZERO,
        });
        of.and(Cost::field(factor)).and(claim(column.log_len))
    }

    /// The leaves of the lookup circuit.
    fn leaves(&self) -> Cost {
        let relation = self.relation;
        if relation.lookups.is_empty() {
            return Cost::ZERO;
        }
        let (slots, depth) = slots(relation);
        let each = Cost::field(wide(count(depth).saturating_add(8)).saturating_mul(E_MUL));
        let mut cost = each.times(wide(slots.len()));
        let mut read = BTreeSet::new();
        for slot in &slots {
            cost = cost.and(match slot.occupant {
                Occupant::Lookup { lookup, part } => match relation.lookups.get(lookup) {
                    Some(lookup) => self.looked_up(lookup, part, &mut read),
                    None => Cost::ZERO,
                },
                Occupant::Table(i) => relation.tables.get(i).map_or(Cost::ZERO, |table| {
                    let columns = table.tuple.iter().chain([&table.multiplicity]);
                    let reads: Vec<Read> = columns.map(|&col| Read { col, parts: Parts::WHOLE }).collect();
                    self.tuple(table.tuple.len(), &reads, 0, &mut read)
                }),
            });
        }
        let reads = lookup_reads(relation);
        let bits = wide(part_bits(&reads)).saturating_add(2).saturating_mul(E_MUL);
        cost.and(Cost::field(bits.saturating_mul(wide(parted_len(&reads)))))
    }

    /// A part of a lookup: its mask, and its tuple.
    fn looked_up(&self, lookup: &Lookup, part: usize, read: &mut BTreeSet<(Read, usize)>) -> Cost {
        let reads: Vec<Read> = lookup_columns(self.relation, lookup).collect();
        let terms = reads.len().saturating_add(lookup.tuple.len());
        let mask = eq_ops(count(lookup.log_len)).saturating_add(E_MUL.saturating_mul(u64::from(lookup.log_len)));
        let tuple = self.tuple(lookup.tuple.len(), &reads, part, read);
        tuple.and(Cost::field(mask.saturating_add(wide(terms).saturating_mul(F_MUL))))
    }

    /// The denominator of a tuple of columns, of which those that were not read yet are evaluated.
    fn tuple(&self, entries: usize, reads: &[Read], part: usize, read: &mut BTreeSet<(Read, usize)>) -> Cost {
        let compressed = Cost::field(wide(entries).saturating_mul(2 * E_MUL));
        let new = reads.iter().filter(|r| read.insert((**r, if r.parts.bits == 0 { 0 } else { part })));
        let known = claim(0).times(wide(reads.len()));
        new.fold(compressed.and(known), |sum, r| sum.and(self.reading(r.col)))
    }

    /// The rows that constraints are about.
    fn rows(&self) -> Cost {
        let constraints = || self.relation.sections.iter().flat_map(|section| &section.constraints);
        let terms = constraints().fold(0u64, |sum, c| sum.saturating_add(wide(c.terms.len())));
        // Two look-ups of a value each.
        let terms = terms.saturating_mul(E_MUL + F_MUL + 64);
        let weighed = wide(constraints().count()).saturating_mul(2 * E_MUL);
        let columns: BTreeSet<ColId> =
            constraints().flat_map(|c| &c.terms).flat_map(|t| [Some(t.a), t.b]).flatten().collect();
        let all = Cost::field(terms.saturating_add(weighed).saturating_add(eq_ops(constraint_rounds(self.relation))));
        columns.into_iter().fold(all, |sum, col| sum.and(self.reading(col)))
    }

    /// The operands of products.
    fn products(&self) -> Cost {
        let rounds = product_rounds(self.relation);
        let claimed = self.claims.products.iter().filter_map(|c| self.relation.products.get(c.product));
        claimed.fold(Cost::ZERO, |sum, product| {
            let operands = self.reading(product.a.col).and(self.reading(product.b.col));
            sum.and(operands).and(Cost::field(product_ops(product, rounds)))
        })
    }

    /// The matrices of gathers, and what they pick from.
    fn gathers(&self) -> Cost {
        let rounds = gather_rounds(self.relation, &self.claims.gathered);
        let claimed = self.claims.gathered.iter().filter_map(|c| self.relation.gathers.get(c.gather));
        claimed.fold(Cost::ZERO, |sum, gather| {
            let read = self.reading(gather.of).and(Cost::field(gather_ops(rounds)));
            sum.and(gather.cost()).and(read).and(claim(u32::try_from(gather.vars()).unwrap_or(u32::MAX)))
        })
    }

    /// The claims on commitments at one point.
    fn batch(&self) -> Cost {
        let vars = vars_max(&self.relation.spaces);
        let whole = Cost::field(wide(vars.saturating_add(8)).saturating_mul(8 * E_MUL)).times(8);
        self.claims.committed.iter().fold(whole, |sum, evaluation| {
            let weight = Cost::field(window_ops(&evaluation.window, vars));
            sum.and(weight).and(claim(u32::try_from(vars).unwrap_or(u32::MAX)))
        })
    }
}

/// A claim or a reading at a point of so many coordinates.
fn claim(vars: u32) -> Cost {
    let bytes = u64::from(vars).saturating_mul(COORDINATE_BYTES).saturating_add(CLAIM_BYTES);
    Cost::field(CLAIM_OPS).and(Cost::memory(bytes))
}
