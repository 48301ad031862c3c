//! Provers that lie inside a sumcheck. Every round polynomial sums to what was claimed before it, which is wrong. What
//! is sent after the last round is the truth. Each phase finds out by itself, in its own last check.
//!
//! The liar evaluates a phase's summand by its definition, point by point, and shares no code with the prover's rounds. That it is
//! believed when it tells the truth shows that what rejects it is the lie.

use crate::common::{Case, cases, net};
use ciro_auditor::VerifyError;
use ciro_pcs::{Opening, Params, PcsError, Profile, Security, Size, verify_opening};
use ciro_prover::Witness;
use ciro_prover::kernel::cells::Cells;
use ciro_prover::opening::Opened;
use ciro_prover::oracle::{BaseOracle, ExtOracle};
use ciro_relation::{ColId, Instance, Poly, Relation, Source, Term};
use ciro_sumcheck::{Work, eq, eq_table, evaluate, evaluate_base, interpolate, powers_point, suffix};
use ciro_transcript::field::from_int;
use ciro_transcript::{Digest, E, F, Reader, Transcript, Writer};
use ciro_verifier::evaluate::{Checks, Evaluator};
use ciro_verifier::layout::{
    Evaluations, GatherClaim, Occupant, ProductClaim, Values, constraint_columns, constraint_rounds, is_sent,
    lookup_reads, product_degree, product_rounds, slots,
};
use ciro_verifier::lookup::{Compression, NEIGHBOURS, child, in_rounds};
use ciro_verifier::products::{absent, tie};
use ciro_verifier::{batch, constraints, gathers, lookup, products};
use p3_field::{Field, PrimeCharacteristicRing, TwoAdicField};

const PROTOCOL: &str = "lying rounds";

/// The point of the cube whose coordinates are the bits of `index`, the first one most significant.
fn corner(index: usize, vars: usize) -> Vec<E> {
    (0..vars).rev().map(|bit| E::from_usize(index >> bit & 1)).collect()
}

/// The first `rounds` rounds of a sumcheck of `f` in `vars` variables for any claim. h(0) + h(1) is always what is claimed, and the rest
/// of h follows the truth. Returns the point.
fn rounds(
    transcript: &mut Writer,
    (label, degree): (&'static str, usize),
    (rounds, vars): (usize, usize),
    mut claim: E,
    f: impl Fn(&[E]) -> E,
) -> Vec<E> {
    let mut point = Vec::new();
    for round in 0..rounds {
        let rest = vars - round - 1;
        let truth = |x: usize| {
            let at = |index| f(&[&point[..], &[E::from_usize(x)], &corner(index, rest)].concat());
            (0..1 << rest).map(at).sum::<E>()
        };
        let shift = (claim - truth(0) - truth(1)).halve();
        let sent: Vec<E> = [0].into_iter().chain(2..=degree).map(|x| truth(x) + shift).collect();
        transcript.write_exts(label, &sent);
        let r = transcript.challenge(label);
        claim = interpolate(&sent, claim, r);
        point.push(r);
    }
    point
}

/// A case, what it is about, and a witness that may be wrong.
struct Scene {
    case: Case,
    instance: Instance,
    witness: Witness,
}

impl Scene {
    fn new(case: Case) -> Self {
        let instance = case.key.verifying().instance(&case.statement).expect("a statement");
        let witness = case.witness.clone();
        Self { case, instance, witness }
    }

    /// With one cell of a witness column of this name changed.
    fn with_a_wrong(mut self, name: &str) -> Self {
        let col = crate::common::liar::named(self.relation(), name)[0];
        self.witness.column_mut(col)[0] += F::ONE;
        let Self { case, witness, .. } = &mut self;
        witness.align(case.key.verifying().relation(), col);
        self
    }

    fn relation(&self) -> &Relation {
        self.case.key.verifying().relation()
    }

    /// The columns' values at the suffixes of a point, computed from them.
    fn at<T>(&self, columns: &[ColId], point: &[E], read: impl Fn(&mut Values<'_, '_>) -> T) -> T {
        let values = self.witness.evaluate(self.relation(), columns, point);
        let mut evaluator = Evaluator::new(self.relation(), &self.instance);
        read(&mut Values::new(&mut evaluator, point, columns.iter().copied().zip(values)))
    }

    /// What travels for a column at a point, if anything does: for a view, the value of the column seen.
    fn sent(&self, col: ColId, point: &[E]) -> Option<E> {
        let (of, at) = match self.relation().view(col) {
            Some(view) => (view.of, view.point(point)),
            None => (col, point.to_vec()),
        };
        let value = || match self.relation().columns[of.0].source {
            Source::Gather(_) => self.gathered(of, &at),
            _ => self.witness.seen(self.relation(), of, &at),
        };
        is_sent(self.relation(), col).then(value)
    }

    /// The value of a gathered column at a point, by its definition: the prover has no table of it.
    fn gathered(&self, col: ColId, r: &[E]) -> E {
        let Source::Gather(i) = self.relation().columns[col.0].source else { panic!("a gathered column") };
        let gather = &self.relation().gathers[i];
        let cell = |x: Vec<E>| gather.weight(r, &x) * self.value(gather.of, gather.point(r, &x));
        (0..1 << gather.vars()).map(|index| cell(corner(index, gather.vars()))).sum()
    }

    /// The value of a column at a point.
    fn value(&self, col: ColId, point: Vec<E>) -> E {
        let mut sent = self.sent(col, &point).into_iter();
        let reading = Evaluations::default().read(self.relation(), col, point, &mut sent);
        Evaluator::new(self.relation(), &self.instance).read(&reading)
    }
}

/// The verdict of a phase on what was written.
fn judge(
    scene: &Scene,
    transcript: Writer,
    mut claims: Evaluations,
    phase: impl for<'a> Fn(&mut Reader<'_>, &'a Relation, &mut Checks<'a>, &mut Evaluations) -> Result<(), VerifyError>,
) -> Result<(), VerifyError> {
    let (proof, _) = transcript.finish();
    let mut checks = Checks::new(Evaluator::new(scene.relation(), &scene.instance), false);
    phase(&mut Reader::new(PROTOCOL, &proof), scene.relation(), &mut checks, &mut claims)
}

fn constraint_verdict(scene: &Scene) -> Result<(), VerifyError> {
    let relation = scene.relation();
    let mut transcript = Writer::new(PROTOCOL);
    let vars = constraint_rounds(relation);
    let rho = transcript.challenges("rho", vars);
    let lambda = transcript.challenge("lambda");
    let columns = constraint_columns(relation);
    let summand = |point: &[E]| {
        let constraints = relation.sections.iter().flat_map(|s| &s.constraints).zip(lambda.powers());
        let term = |at: &mut Values<'_, '_>, t: &Term| {
            let (a, b) = (at.get(t.a), t.b.map(|b| at.get(b)));
            a * b.unwrap_or(E::ONE) * from_int(t.coefficient)
        };
        let sum = |at: &mut Values<'_, '_>| {
            constraints.clone().map(|(c, weight)| weight * c.terms.iter().map(|t| term(at, t)).sum::<E>()).sum::<E>()
        };
        eq(&rho, point) * scene.at(&columns, point, sum)
    };
    let point = rounds(&mut transcript, ("constraint rounds", 3), (vars, vars), E::ZERO, summand);
    transcript.write_exts("constraint columns", &scene.witness.evaluate(relation, &columns, &point));
    judge(scene, transcript, Evaluations::default(), constraints::verify)
}

#[test]
fn constraints_that_do_not_vanish() {
    let scene = || Scene::new(cases().remove(0));
    assert_eq!(constraint_verdict(&scene()), Ok(()));
    assert_eq!(constraint_verdict(&scene().with_a_wrong("relu")), Err(VerifyError::Constraints));
}

/// What the lookups read, none of them in parts.
fn looked_up(relation: &Relation) -> Vec<ColId> {
    let reads = lookup_reads(relation);
    assert!(reads.iter().all(|read| read.parts.count() == 1));
    reads.into_iter().map(|read| read.col).collect()
}

/// Numerators and denominators of the first and of the second children, node by node.
fn children_of(p: &[E], q: &[E]) -> [Vec<E>; 4] {
    let nodes = p.len() / 2;
    let group = nodes.min(1 << NEIGHBOURS);
    let pick = |t: &[E], second: usize| (0..nodes).map(|i| t[(i / group * 2 + second) * group + i % group]).collect();
    [pick(p, 0), pick(p, 1), pick(q, 0), pick(q, 1)]
}

/// The circuit's layers, leaves first, numerators and denominators.
fn layers(scene: &Scene, compression: &Compression) -> Vec<[Vec<E>; 2]> {
    let relation = scene.relation();
    let columns = looked_up(relation);
    let (slots, depth) = slots(relation);
    let (mut p, mut q) = (E::zero_vec(1 << depth), vec![E::ONE; 1 << depth]);
    for slot in slots {
        for row in 0..1 << slot.log_len {
            let point = corner(row, depth as usize);
            let leaf = |at: &mut Values<'_, '_>| match slot.occupant {
                Occupant::Lookup { lookup, .. } => {
                    let lookup = &relation.lookups[lookup];
                    let tuple = lookup.tuple.iter().map(|e| at.expr(e));
                    (
                        lookup.rows.mask(suffix(&point, slot.log_len as usize)),
                        compression.denominator(lookup.tag, tuple),
                    )
                }
                Occupant::Table(i) => {
                    let table = &relation.tables[i];
                    let count = at.get(table.multiplicity);
                    let tuple = table.tuple.iter().map(|&c| at.get(c));
                    (-count, compression.denominator(table.tag, tuple))
                }
            };
            (p[slot.offset + row], q[slot.offset + row]) = scene.at(&columns, &point, leaf);
        }
    }
    let mut layers = vec![[p, q]];
    while layers[layers.len() - 1][0].len() > 2 {
        let [p, q] = &layers[layers.len() - 1];
        let [p0, p1, q0, q1] = children_of(p, q);
        let parent = |i: usize| (p0[i] * q1[i] + p1[i] * q0[i], q0[i] * q1[i]);
        let (p, q): (Vec<E>, Vec<E>) = (0..p0.len()).map(parent).unzip();
        layers.push([p, q]);
    }
    layers
}

/// Lies from the root down to `layer`: children are made up to fit what was claimed above, and true below it.
fn lookup_verdict(scene: &Scene, layer: usize) -> Result<(), VerifyError> {
    let mut transcript = Writer::new(PROTOCOL);
    let mut layers = layers(scene, &Compression::draw(&mut transcript));
    let [p, q] = layers.pop().expect("a root");
    // p₀/q₀ + p₁/q₁ = 0, true or not.
    let mut children = [p[0], -p[0] * q[1] * q[0].inverse(), q[0], q[1]];
    transcript.write_exts("lookup root", &children);
    let mut point = Vec::new();
    for number in 2.. {
        let tau = transcript.challenge("lookup split");
        let [p0, p1, q0, q1] = children;
        let claimed = [p0 + tau * (p1 - p0), q0 + tau * (q1 - q0)];
        point = child(point, tau);
        let Some([p, q]) = layers.pop() else { break };
        let lambda = transcript.challenge("lookup layer");
        let claim = claimed[0] + lambda * claimed[1];
        let tables = children_of(&p, &q);
        let at = |x: &[E]| tables.each_ref().map(|table| evaluate(table, x));
        let node = |[p0, p1, q0, q1]: [E; 4]| p0 * q1 + p1 * q0 + lambda * q0 * q1;
        let weight = point.clone();
        let summand = |x: &[E]| eq(&weight, &in_rounds(x)) * node(at(&in_rounds(x)));
        let start = transcript.steps().len();
        let vars = (weight.len(), weight.len());
        point = in_rounds(&rounds(&mut transcript, ("lookup rounds", 3), vars, claim, summand));
        assert_eq!(transcript.steps().len() - start, 2 * weight.len());
        children = at(&point);
        if number <= layer {
            let left = last_claim(&weight, &point, claim, &p, &q, lambda);
            let [_, p1, q0, q1] = children;
            children[0] = (left * eq(&weight, &point).inverse() - p1 * q0 - lambda * q0 * q1) * q1.inverse();
        }
        transcript.write_exts("lookup children", &children);
    }
    let relation = scene.relation();
    transcript.write_exts("lookup columns", &scene.witness.evaluate(relation, &looked_up(relation), &point));
    judge(scene, transcript, Evaluations::default(), lookup::verify)
}

/// What is left of a claim after rounds that shift each polynomial by half of what is missing. It is the truth at the point, and the
/// first difference halved once a round.
fn last_claim(weight: &[E], point: &[E], claim: E, p: &[E], q: &[E], lambda: E) -> E {
    let tables = children_of(p, q);
    let node = |x: &[E]| {
        let [p0, p1, q0, q1] = tables.each_ref().map(|table| evaluate(table, x));
        eq(weight, x) * (p0 * q1 + p1 * q0 + lambda * q0 * q1)
    };
    let sum = (0..p.len() / 2).map(|i| node(&corner(i, weight.len()))).sum::<E>();
    let missing = weight.iter().fold(claim - sum, |missing, _| missing.halve());
    node(point) + missing
}

#[test]
fn lookups_of_what_is_in_no_table() {
    let scene = || Scene::new(cases().remove(0));
    let depth = slots(scene().relation()).1 as usize;
    assert_eq!(lookup_verdict(&scene(), 0), Ok(()));
    for layer in 1..=depth {
        let expected =
            if layer < depth { VerifyError::LookupLayer { layer: layer + 1 } } else { VerifyError::LookupLeaves };
        assert_eq!(lookup_verdict(&scene().with_a_wrong("relu"), layer), Err(expected), "{layer}");
    }
}

/// A point with nothing special about it.
fn somewhere(vars: usize) -> Vec<E> {
    Writer::new("somewhere").challenges("point", vars)
}

fn product_verdict(scene: &Scene, lie: E) -> Result<(), VerifyError> {
    let relation = scene.relation();
    let (vars, degree) = (product_rounds(relation), product_degree(relation));
    let is_result = |&i: &usize| matches!(relation.columns[i].source, Source::Product(_));
    let results: Vec<ColId> = (0..relation.columns.len()).filter(is_result).map(ColId).collect();
    let claims = || {
        let mut claims = Evaluations::default();
        for (i, &col) in results.iter().enumerate() {
            let y = somewhere(relation.columns[col.0].log_len as usize);
            let value = scene.witness.seen(relation, col, &y) + if i == 0 { lie } else { E::ZERO };
            claims.claim(relation, col, y, value);
        }
        claims
    };
    let own = claims().take_products();
    let mut transcript = Writer::new(PROTOCOL);
    let mu = transcript.challenge("mu");
    let operands = |x: &[E]| {
        let points = own.iter().flat_map(|claim| {
            let product = &relation.products[claim.product];
            let x = suffix(x, product.log_sum as usize);
            [&product.a, &product.b].map(|operand| (operand.col, operand.point(x, &claim.point)))
        });
        points.collect::<Vec<(ColId, Vec<E>)>>()
    };
    let summand = |x: &[E]| {
        let values: Vec<E> = operands(x).into_iter().map(|(col, point)| scene.value(col, point)).collect();
        let factors = own.iter().zip(values.chunks_exact(2)).zip(mu.powers());
        let term = |((claim, values), weight): ((&ProductClaim, &[E]), E)| {
            let product = &relation.products[claim.product];
            let own = product.log_sum as usize;
            weight * absent(x, own) * tie(product, suffix(x, own), &claim.point) * values[0] * values[1]
        };
        factors.map(term).sum::<E>()
    };
    let claim = own.iter().zip(mu.powers()).map(|(claim, weight)| weight * claim.value).sum::<E>();
    let point = rounds(&mut transcript, ("product rounds", degree), (vars, vars), claim, summand);
    let sent: Vec<E> = operands(&point).into_iter().filter_map(|(col, point)| scene.sent(col, &point)).collect();
    transcript.write_exts("product operands", &sent);
    judge(scene, transcript, claims(), products::verify)
}

#[test]
fn results_of_products_that_are_none() {
    for case in [net::convolution(), net::attention()] {
        let scene = Scene::new(case);
        assert_eq!(product_verdict(&scene, E::ZERO), Ok(()));
        assert_eq!(product_verdict(&scene, E::ONE), Err(VerifyError::Products));
    }
}

fn gather_verdict(scene: &Scene, lie: E) -> Result<(), VerifyError> {
    let relation = scene.relation();
    let is_gathered = |&i: &usize| matches!(relation.columns[i].source, Source::Gather(_));
    let gathered: Vec<ColId> = (0..relation.columns.len()).filter(is_gathered).map(ColId).collect();
    let claims = || {
        let mut claims = Evaluations::default();
        for (i, &col) in gathered.iter().enumerate() {
            let r = somewhere(relation.columns[col.0].log_len as usize);
            let value = scene.gathered(col, &r) + if i == 0 { lie } else { E::ZERO };
            claims.claim(relation, col, r, value);
        }
        claims
    };
    let own = claims().take_gathered();
    let mut transcript = Writer::new(PROTOCOL);
    let theta = transcript.challenge("theta");
    let vars = gathers::gather_rounds(relation, &own);
    let read = |x: &[E], claim: &GatherClaim| {
        let gather = &relation.gathers[claim.gather];
        (gather.of, gather.point(&claim.point, suffix(x, gather.vars())))
    };
    let summand = |x: &[E]| {
        let term = |(claim, weight): (&GatherClaim, E)| {
            let gather = &relation.gathers[claim.gather];
            let (of, point) = read(x, claim);
            let matrix = absent(x, gather.vars()) * gather.weight(&claim.point, suffix(x, gather.vars()));
            weight * matrix * scene.value(of, point)
        };
        own.iter().zip(theta.powers()).map(term).sum::<E>()
    };
    let claim = own.iter().zip(theta.powers()).map(|(claim, weight)| weight * claim.value).sum::<E>();
    let point = rounds(&mut transcript, ("gather rounds", 2), (vars, vars), claim, summand);
    let sent = own.iter().map(|claim| read(&point, claim)).filter_map(|(of, point)| scene.sent(of, &point));
    transcript.write_exts("gather sources", &sent.collect::<Vec<E>>());
    judge(scene, transcript, claims(), gathers::verify)
}

#[test]
fn windows_that_show_something_else() {
    let scene = Scene::new(net::convolution());
    assert_eq!(gather_verdict(&scene, E::ZERO), Ok(()));
    assert_eq!(gather_verdict(&scene, E::ONE), Err(VerifyError::Gathers));
}

fn cells(len: usize, seed: u32) -> Vec<F> {
    (0..len as u32).map(|i| F::from_u32((i ^ seed).wrapping_mul(2_654_435_761) >> 2)).collect()
}

/// Claims on the values of two polynomials at a point, the second one off by `lie`.
fn batch_verdict(case: &Case, lie: E) -> Result<(), VerifyError> {
    let (relation, params) = (case.key.verifying().relation(), case.key.verifying().params());
    let instance = case.key.verifying().instance(&case.statement).expect("a statement");
    let polys = [Poly::Model, Poly::Witness];
    let vars = polys.map(|poly| relation.vars(poly) as usize);
    let tables = [cells(1 << vars[0], 1), cells(1 << vars[1], 2)];
    let z = vars.map(somewhere);
    let values = [evaluate_base(&tables[0], &z[0]), evaluate_base(&tables[1], &z[1]) + lie];
    let mut claims = Evaluations::default();
    (0..2).for_each(|i| claims.claim_polynomial(polys[i], &z[i], values[i]));

    let mut transcript = Writer::new(PROTOCOL);
    let eta = transcript.challenge("eta");
    let weights = [E::ONE, eta];
    let summand = |x: &[E]| {
        let rho = batch::in_order(x.to_vec());
        let term = |i: usize| {
            let own = suffix(&rho, vars[i]);
            absent(&rho, vars[i]) * weights[i] * eq(&z[i], own) * evaluate_base(&tables[i], own)
        };
        term(0) + term(1)
    };
    let rounds_of = vars[0].max(vars[1]);
    let claim = values[0] + eta * values[1];
    let point = rounds(&mut transcript, ("batch rounds", 2), (rounds_of, rounds_of), claim, summand);
    let rho = batch::in_order(point);
    transcript.write_exts("opened values", &[0, 1].map(|i| evaluate_base(&tables[i], suffix(&rho, vars[i]))));
    let (proof, _) = transcript.finish();
    let known = [batch::Known::Committed(Digest::default()); 2];
    let mut checks = Checks::new(Evaluator::new(relation, &instance), false);
    batch::verify(&mut Reader::new(PROTOCOL, &proof), relation, params, &known, claims, &mut checks).map(drop)
}

#[test]
fn claims_on_commitments_that_contradict_them() {
    let case = cases().remove(0);
    // Told the truth, the phase goes on to the opening, of which there is nothing here.
    let truth = batch_verdict(&case, E::ZERO).expect_err("no opening");
    assert!(matches!(truth, VerifyError::Opening(PcsError::Read(_))), "{truth}");
    assert_eq!(batch_verdict(&case, E::ONE), Err(VerifyError::Batch));
}

/// The opening of two polynomials, one oracle in its tail, with the second value off by `lie`.
fn opening_verdict(lie: E) -> Result<(), PcsError> {
    let vars = [16usize, 18];
    let params = Params::new(&vars.map(|vars| Size::full(vars as u32)), Security::Bits100, Profile::Native);
    let [tail] = params.tail.as_slice() else { panic!("one oracle in the tail") };
    assert_eq!(Work::NONE.bits, params.fold_work(tail));
    let tables = vars.map(|vars| cells(1 << vars, vars as u32));
    let oracles = [0, 1].map(|i| BaseOracle::new(&tables[i], &params.first[i], &Digest::default()));
    let opened = [0, 1].map(|i| Opened { cells: Cells::from(&tables[i]), oracle: &oracles[i] });
    let z = somewhere(18);
    let values = [evaluate_base(&tables[0], suffix(&z, 16)), evaluate_base(&tables[1], &z) + lie];
    let common = params.common_vars() as usize;

    let mut transcript = Writer::new(PROTOCOL);
    let lambda = transcript.challenge("join");
    let scales = [E::ONE, lambda];
    let folds = [0, 1].map(|i| eq_table(&suffix(&z, vars[i])[..vars[i] - common], scales[i]));
    let mut g = E::zero_vec(1 << common);
    for (polynomial, fold) in opened.iter().zip(&folds) {
        for (column, &weight) in polynomial.cells.chunks_exact(1 << common).zip(fold) {
            g.iter_mut().zip(column.elements(&mut Vec::new())).for_each(|(g, &cell)| *g += weight * cell);
        }
    }
    let mut w = eq_table(suffix(&z, common), E::ONE);
    let mut claim = values[0] + lambda * values[1];
    let oracle = ExtOracle::new(&g, tail);
    transcript.write_digest("tail root", &oracle.root());
    let sample = transcript.challenge("out-of-domain");
    let at = |x: E| g.iter().zip(x.powers()).map(|(&g, power)| g * power).sum::<E>();
    transcript.write_exts("out-of-domain", &[at(sample)]);

    let mut positions = queried(&mut transcript, &params, &params.first[0]);
    opened.iter().for_each(|polynomial| drop(polynomial.oracle.open(&mut transcript, polynomial.cells, &positions)));
    let generator = F::two_adic_generator(params.first[0].log_leaves() as usize);
    let points = positions.iter().map(|&p| E::from(generator.exp_u64(u64::from(p))));
    let gamma = transcript.challenge("batch");
    for (x, scale) in [sample].into_iter().chain(points).zip(gamma.powers().skip(1)) {
        let powers = &powers_point(x, common);
        // Π (1 or xᵢ) is the weight of a corner.
        let weight = |index: usize| {
            (0..common).map(move |i| if index >> (common - 1 - i) & 1 == 1 { powers[i] } else { E::ONE })
        };
        w.iter_mut().enumerate().for_each(|(index, w)| *w += scale * weight(index).product::<E>());
        claim += scale * at(x);
    }
    let fold = tail.fold as usize;
    let summand = |x: &[E]| evaluate(&g, x) * evaluate(&w, x);
    let point = rounds(&mut transcript, ("fold", 2), (fold, common), claim, summand);
    let rest = common - fold;
    let last: Vec<E> = (0..1 << rest).map(|i| evaluate(&g, &[&point[..], &corner(i, rest)].concat())).collect();
    transcript.write_exts("final polynomial", &last);
    positions = queried(&mut transcript, &params, tail);
    let _ = oracle.open(&mut transcript, &positions);

    let (proof, _) = transcript.finish();
    let openings = [0, 1].map(|i| Opening { root: oracles[i].root(), value: values[i] });
    verify_opening(&mut Reader::new(PROTOCOL, &proof), &params, &openings, &z)
}

/// Distinct positions of an oracle, after the work for them.
fn queried(transcript: &mut Writer, params: &Params, round: &ciro_pcs::Round) -> Vec<u32> {
    transcript.grind("work", params.work_bits);
    let mut positions = transcript.positions("queries", round.queries, round.log_leaves());
    positions.sort_unstable();
    positions.dedup();
    positions
}

#[test]
fn values_of_openings_that_are_wrong() {
    assert_eq!(opening_verdict(E::ZERO), Ok(()));
    assert_eq!(opening_verdict(E::ONE), Err(PcsError::FinalClaim));
}
