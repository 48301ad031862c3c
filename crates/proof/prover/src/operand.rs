//! Operands of products, folded by the result's point to tables over the summed variables.

use crate::kernel::cells::Cells;
use crate::kernel::matrix::{fold_columns, fold_rows};
use crate::kernel::table::{lane, pack};
use crate::kernel::{PackedE, WIDTH};
use crate::witness::Witness;
use ciro_relation::{Axis, Blocks, ColId, Gather, Operand, Part, Relation, Source, Var};
use ciro_sumcheck::eq_table;
use ciro_transcript::{E, F};
use p3_field::PrimeCharacteristicRing;

/// What is sent for a column whose value at `point` is `value`. For a view with repeated dimensions, it is the value of the column seen.
pub fn shown(relation: &Relation, witness: &Witness, col: ColId, point: &[E], value: E) -> E {
    match relation.view(col) {
        Some(view) if !view.repeats.is_empty() => witness.seen(relation, col, point),
        _ => value,
    }
}

/// Whether folding reads the column's own cells. It does not for a gathered column, whose sources are folded instead, nor for a view that
/// only permutes.
#[must_use]
pub fn needs_cells(relation: &Relation, col: ColId) -> bool {
    match relation.column(col).map(|c| c.source) {
        Some(Source::Gather(_)) => false,
        Some(Source::View(i)) => {
            let view = &relation.views[i];
            !view.repeats.is_empty() || matches!(relation.column(view.of).map(|c| c.source), Some(Source::Gather(_)))
        }
        _ => true,
    }
}

/// Σ over the result's variables of eq(y, ·)·operand: 2^`log_sum` values.
#[must_use]
pub fn fold(relation: &Relation, witness: &Witness, operand: &Operand, log_sum: usize, y: &[E]) -> Vec<E> {
    match relation.column(operand.col).map(|c| c.source) {
        Some(Source::Gather(i)) => fold_windows(relation, witness, &relation.gathers[i], operand, log_sum, y),
        Some(Source::View(i)) if !needs_cells(relation, operand.col) => {
            let view = &relation.views[i];
            let vars = view.bits.iter().map(|&bit| operand.vars[bit]).collect();
            let seen = Operand { col: view.of, vars };
            fold_cells(witness.cells(view.of), &seen.vars, log_sum, y)
        }
        Some(Source::Blocks(i)) => {
            let blocks = &relation.cuts[i].blocks;
            spread(fold_blocks(witness.cells(operand.col), blocks, &operand.vars, y), &sums(&operand.vars), log_sum)
        }
        _ => fold_cells(witness.cells(operand.col), &operand.vars, log_sum, y),
    }
}

/// The summed variables among some, in their order.
fn sums(vars: &[Var]) -> Vec<usize> {
    vars.iter().filter_map(|var| if let Var::Sum(i) = var { Some(*i) } else { None }).collect()
}

/// As [`fold`], for cells whose index has these variables.
fn fold_cells(cells: Cells<'_>, vars: &[Var], log_sum: usize, y: &[E]) -> Vec<E> {
    spread(fold_in_place(cells, vars, y), &sums(vars), log_sum)
}

/// As [`fold_in_place`], for a column of which only these blocks are stored.
fn fold_blocks(cells: Cells<'_>, blocks: &Blocks, vars: &[Var], y: &[E]) -> Vec<E> {
    let (choice, within) = vars.split_at(blocks.high() as usize);
    let low_sums = sums(within).len();
    let mut folded = E::zero_vec(1 << sums(vars).len());
    for (block, address) in cells.chunks_exact(1 << blocks.log_block()).zip(blocks.addresses()) {
        let (mut sum, mut weight) = (0usize, E::ONE);
        for (j, var) in choice.iter().enumerate() {
            let bit = (address >> (choice.len() - 1 - j)) & 1;
            match *var {
                Var::Sum(_) => sum = (sum << 1) | bit,
                Var::Out(i) => weight *= if bit == 1 { y[i] } else { E::ONE - y[i] },
            }
        }
        let table = fold_in_place(block, within, y);
        folded[sum << low_sums..].iter_mut().zip(table).for_each(|(f, t)| *f += weight * t);
    }
    folded
}

/// A table over the summed variables, in the order in which they stand in the index of the cells.
fn fold_in_place(cells: Cells<'_>, vars: &[Var], y: &[E]) -> Vec<E> {
    let out: Vec<E> = vars.iter().filter_map(|var| if let Var::Out(i) = var { Some(y[*i]) } else { None }).collect();
    let is_sum = |var: &Var| matches!(var, Var::Sum(_));
    let head = vars.iter().take_while(|var| is_sum(var)).count();
    let middle = vars[head..].iter().take_while(|var| !is_sum(var)).count();
    let tail = vars.len() - head - middle;
    if tail == 0 {
        fold_columns(cells, &out)
    } else if vars[head + middle..].iter().all(is_sum) {
        let eq = eq_table(&out, E::ONE);
        let blocks = cells.chunks_exact(eq.len() << tail);
        blocks.flat_map(|block| fold_rows(block, &eq, 1 << tail)).collect()
    } else {
        fold_scattered(cells.elements(&mut Vec::new()), vars, &eq_table(&out, E::ONE), sums(vars).len())
    }
}

/// Folds any index, one cell after the other.
fn fold_scattered(cells: &[F], vars: &[Var], eq: &[E], sums: usize) -> Vec<E> {
    let mut folded = E::zero_vec(1 << sums);
    for (i, &x) in cells.iter().enumerate() {
        let (mut sum, mut out) = (0usize, 0usize);
        for (j, var) in vars.iter().enumerate() {
            let bit = (i >> (vars.len() - 1 - j)) & 1;
            match var {
                Var::Sum(_) => sum = (sum << 1) | bit,
                Var::Out(_) => out = (out << 1) | bit,
            }
        }
        folded[sum] += eq[out] * x;
    }
    folded
}

/// A table over some summed variables, in any order, as one over all of them.
fn spread(table: Vec<E>, sums: &[usize], log_sum: usize) -> Vec<E> {
    if sums.len() == log_sum && sums.iter().copied().eq(0..log_sum) {
        return table;
    }
    let mut cells = vec![0usize];
    for i in 0..log_sum {
        let stride = sums.iter().position(|&s| s == i).map_or(0, |at| 1 << (sums.len() - 1 - at));
        cells = cells.iter().flat_map(|&cell| [cell, cell + stride]).collect();
    }
    cells.into_iter().map(|cell| table[cell]).collect()
}

/// The operand that shows a gather's source, its passed variables those of the gathered column and the picked ones summed.
#[must_use]
pub fn source(gather: &Gather) -> (Operand, usize) {
    let (mut vars, mut sums) = (Vec::new(), 0);
    for part in &gather.parts {
        match part {
            Part::Pass(span) => vars.extend((span.start..span.start + span.bits).map(Var::Out)),
            Part::Pick(axis) => {
                vars.extend((sums..sums + axis.bits).map(Var::Sum));
                sums += axis.bits;
            }
        }
    }
    (Operand { col: gather.of, vars }, sums)
}

/// Folds a gathered column without its cells: per axis, the matrix from (summed positions) to (positions read) at y.
fn fold_windows(
    relation: &Relation,
    witness: &Witness,
    gather: &Gather,
    operand: &Operand,
    log_sum: usize,
    y: &[E],
) -> Vec<E> {
    // The source as a table (passed, then picked variables), passed variables named by their place in the operand.
    let mut names: Vec<usize> = Vec::new();
    let mut steps: Vec<Step> = Vec::new();
    let mut vars = Vec::new();
    for part in &gather.parts {
        match part {
            Part::Pass(span) => {
                for i in span.start..span.start + span.bits {
                    match operand.vars[i] {
                        Var::Sum(s) => {
                            vars.push(Var::Sum(names.len()));
                            names.push(s);
                        }
                        Var::Out(o) => vars.push(Var::Out(o)),
                    }
                }
            }
            Part::Pick(axis) => {
                vars.extend((names.len()..names.len() + axis.bits).map(Var::Sum));
                let step = Step::new(axis, operand, y, names.len());
                names.extend(std::iter::repeat_n(usize::MAX, axis.bits));
                steps.push(step);
            }
        }
    }
    let of = Operand { col: gather.of, vars };
    let mut table = fold(relation, witness, &of, names.len(), y);
    for step in steps.into_iter().rev() {
        table = step.apply(&table, names.len());
        names.splice(step.at..step.at + step.bits, step.names.iter().copied());
    }
    spread(table, &names, log_sum)
}

/// One axis: replaces the variables of the position read by the summed variables that choose it.
struct Step {
    /// Where the position's variables begin, and how many there are.
    at: usize,
    bits: usize,
    /// The summed variables that take their place.
    names: Vec<usize>,
    /// (summed position, position read, weight).
    entries: Vec<(usize, usize, E)>,
}

impl Step {
    fn new(axis: &Axis, operand: &Operand, y: &[E], at: usize) -> Self {
        let mut combinations: Vec<(usize, E)> = vec![(0, E::ONE)];
        let mut names = Vec::new();
        for span in &axis.by {
            let vars = &operand.vars[span.start..span.start + span.bits];
            let own = weighed(vars, span.len, y);
            let bits = sums(vars).len();
            names.extend(sums(vars));
            let next = |&(sum, w): &(usize, E)| own.iter().map(move |&(s, v)| ((sum << bits) | s, w * v));
            combinations = combinations.iter().flat_map(next).collect();
        }
        let entries = combinations.into_iter().zip(&axis.index);
        let entries = entries.filter_map(|((sum, w), index)| index.map(|i| (sum, i, w)));
        Self { at, bits: axis.bits, names, entries: merged(entries) }
    }

    /// The table with the position's variables replaced; `vars` is how many it has.
    fn apply(&self, table: &[E], vars: usize) -> Vec<E> {
        let after = 1usize << (vars - self.at - self.bits);
        let mut result = E::zero_vec(after << (self.at + self.names.len()));
        if after << self.at < WIDTH {
            self.apply_plainly(table, after, &mut result);
        } else {
            self.apply_packed(table, after, &mut result);
        }
        result
    }

    fn apply_plainly(&self, table: &[E], after: usize, result: &mut [E]) {
        let (from, to) = (after << self.bits, after << self.names.len());
        for (result, table) in result.chunks_exact_mut(to).zip(table.chunks_exact(from)) {
            for &(sum, index, w) in &self.entries {
                let read = &table[index * after..(index + 1) * after];
                let written = &mut result[sum * after..(sum + 1) * after];
                written.iter_mut().zip(read).for_each(|(r, &t)| *r += w * t);
            }
        }
    }

    /// As many of the other variables' values at once as a pack holds.
    fn apply_packed(&self, table: &[E], after: usize, result: &mut [E]) {
        let (positions, sums) = (1usize << self.bits, 1usize << self.names.len());
        let entries: Vec<(usize, usize, PackedE)> =
            self.entries.iter().map(|&(sum, index, w)| (sum, index, PackedE::from(w))).collect();
        let cell = |other: usize, len: usize, i: usize| (other / after * len + i) * after + other % after;
        let mut packs = vec![PackedE::ZERO; sums];
        for first in (0..after << self.at).step_by(WIDTH) {
            packs.fill(PackedE::ZERO);
            for of_position in entries.chunk_by(|a, b| a.1 == b.1) {
                let index = of_position[0].1;
                let read: [E; WIDTH] = std::array::from_fn(|i| table[cell(first + i, positions, index)]);
                let read = pack(&read);
                of_position.iter().for_each(|&(sum, _, w)| packs[sum] += w * read);
            }
            for (sum, written) in packs.iter().enumerate() {
                (0..WIDTH).for_each(|i| result[cell(first + i, sums, sum)] = lane(written, i));
            }
        }
    }
}

/// For each of the first `len` positions of a dimension with these variables: those summed as a number, and eq of the others and y. A
/// dimension of the gathered column may be several of the operand. Some of these are summed and others not: [15, 4] has the rows of [60].
fn weighed(vars: &[Var], len: usize, y: &[E]) -> Vec<(usize, E)> {
    let mut positions = vec![(0, E::ONE)];
    for var in vars {
        let both = |&(sum, w): &(usize, E)| match *var {
            Var::Sum(_) => [(sum << 1, w), ((sum << 1) | 1, w)],
            Var::Out(i) => {
                let one = w * y[i];
                [(sum, w - one), (sum, one)]
            }
        };
        positions = positions.iter().flat_map(both).collect();
    }
    positions.truncate(len);
    positions
}

/// Entries of the same cell added up, by the position they read.
fn merged(entries: impl Iterator<Item = (usize, usize, E)>) -> Vec<(usize, usize, E)> {
    let mut cells = std::collections::BTreeMap::new();
    for (sum, index, w) in entries {
        *cells.entry((index, sum)).or_insert(E::ZERO) += w;
    }
    cells.into_iter().map(|((index, sum), w)| (sum, index, w)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::table::tests::elements;

    #[test]
    fn a_step_equals_its_matrix_in_any_lanes() {
        for (at, bits, after) in [(0, 3, 0), (1, 3, 1), (3, 3, 0), (2, 3, 2), (0, 3, 3), (4, 3, 4)] {
            let table = elements(1 << (at + bits + after));
            let weights = elements(20);
            let entries = (0..20).filter(|i| i % 3 > 0).map(|i| (i % 4, i * 5 % 8, weights[i]));
            let step = Step { at, bits, names: vec![0, 1], entries: merged(entries.clone()) };
            let mut expected = E::zero_vec(1 << (at + 2 + after));
            for (sum, index, w) in entries {
                for (before, behind) in (0..1 << at).flat_map(|b| (0..1usize << after).map(move |a| (b, a))) {
                    let read = table[(((before << bits) + index) << after) + behind];
                    expected[(((before << 2) + sum) << after) + behind] += w * read;
                }
            }
            assert_eq!(step.apply(&table, at + bits + after), expected, "{at} {after}");
        }
    }
}
