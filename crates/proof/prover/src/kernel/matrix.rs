//! Matrices of base elements times vectors of extension elements.

use crate::kernel::arena::Buffer;
use crate::kernel::cells::Cells;
use crate::kernel::combined::Combined;
use crate::kernel::eq::eq_table;
use crate::kernel::limbs::{LANES, TERMS};
use crate::kernel::rows::RowLimbs;
use crate::kernel::sums::{dot_base, dot_packs, sum_packs};
use crate::kernel::table::{Table, pack, sum_lanes, unpack};
use crate::kernel::{PackedE, PackedF, TASK_PACKS, WIDTH};
use ciro_transcript::{E, F};
use p3_field::{PackedValue, PrimeCharacteristicRing};
use rayon::prelude::*;
use std::ops::Range;

/// Cells over which one task sums.
const TASK_CELLS: usize = TASK_PACKS * WIDTH;

/// For each row of `cells`, its inner product with eq(point, ·): rows of 2^|point| cells.
#[must_use]
pub fn fold_columns(cells: Cells<'_>, point: &[E]) -> Vec<E> {
    let width = 1usize << point.len();
    let eq = eq_table(point, E::ONE);
    let is_long = width >= TASK_CELLS && (cells.len() / width < INTEGER_ROWS_MIN || !cells.is_integers());
    if is_long {
        return cells.chunks_exact(width).map(|row| dot_cells(row, &eq)).collect();
    }
    dot_rows(cells, &eq)
}

/// The inner product of cells with as many weights.
pub fn dot_cells(cells: Cells<'_>, weights: &Table) -> E {
    match (cells, weights) {
        (Cells::Integers { .. }, Table::Many(weights)) => {
            let task = |(cells, weights): (Cells<'_>, &[PackedE])| dot_packs(packs(cells, &mut Vec::new()), weights);
            let tasks = cells.par_chunks(TASK_CELLS).zip(weights.par_chunks(TASK_PACKS));
            sum_lanes(tasks.map(task).reduce(|| PackedE::ZERO, |a, b| a + b))
        }
        _ => dot_base(cells.elements(&mut Vec::new()), weights),
    }
}

/// Rows of integers from which on it pays to cut their weights into limbs.
const INTEGER_ROWS_MIN: usize = 16;

/// Integers over which one task sums.
const TASK_INTEGERS: usize = 1 << 15;

/// The inner product of each row of `cells` with `weights`, which are as long as a row.
#[must_use]
pub fn dot_rows(cells: Cells<'_>, weights: &Table) -> Vec<E> {
    let width = weights.len();
    let rows = cells.len() / width;
    let is_limbed = cells.is_integers() && rows >= INTEGER_ROWS_MIN && RowLimbs::takes(width);
    let limbs = is_limbed.then(|| RowLimbs::new(weights.to_vec()));
    let rows_per_task = (if is_limbed { TASK_INTEGERS } else { TASK_CELLS } / width).max(1);
    let mut sums = E::zero_vec(rows);
    let tasks = sums.par_chunks_mut(rows_per_task).zip(cells.par_chunks(rows_per_task * width));
    tasks.for_each_init(Default::default, |(integers, elements), (sums, rows)| {
        if let Some(limbs) = &limbs
            && let Some(rows) = rows.shorts(integers)
        {
            return limbs.dot(rows, sums);
        }
        let rows = rows.elements(elements).chunks_exact(width);
        sums.iter_mut().zip(rows).for_each(|(sum, row)| *sum = dot(row, weights));
    });
    sums
}

/// As [`dot_base`], within one task.
fn dot(row: &[F], eq: &Table) -> E {
    match eq {
        Table::Few(eq) => eq.iter().zip(row).fold(E::ZERO, |acc, (&w, &x)| acc + w * x),
        Table::Many(eq) => sum_lanes(dot_packs(PackedF::pack_slice(row), eq)),
    }
}

/// Cells that are combined at once: sums of them, and as many rows as meet, stay in a cache of the core.
const WINDOW: usize = 1 << 10;

/// Shorter rows are summed one by one.
const WINDOW_MIN: usize = if LANES < 2 * WIDTH { 2 * WIDTH } else { LANES };

/// Σ over rows of weight·row, where `cells` are rows of `width`, a power of two.
#[must_use]
pub fn fold_rows(cells: Cells<'_>, weights: &[E], width: usize) -> Vec<E> {
    fold_parts(&[(cells, weights)], width)
}

/// As [`fold_rows`], for the rows of all parts.
#[must_use]
pub fn fold_parts(parts: &[(Cells<'_>, &[E])], width: usize) -> Vec<E> {
    if width < WINDOW_MIN {
        let mut sums = E::zero_vec(width);
        for (cells, weights) in parts {
            for (row, &w) in cells.elements(&mut Vec::new()).chunks_exact(width).zip(*weights) {
                sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += w * x);
            }
        }
        return sums;
    }
    let tasks: Vec<(Cells<'_>, &[E])> = parts.iter().flat_map(|part| row_tasks(part, width)).collect();
    let window = WINDOW.min(width);
    let fold = |first: usize| fold_window(&tasks, width, first..first + window);
    (0..width / window).into_par_iter().flat_map_iter(|i| fold(i * window)).collect()
}

/// A part, cut into pieces of a few rows.
fn row_tasks<'a>(part: &(Cells<'a>, &'a [E]), width: usize) -> impl Iterator<Item = (Cells<'a>, &'a [E])> + use<'a> {
    let &(cells, weights) = part;
    let rows = if cells.is_integers() { TERMS } else { (TASK_CELLS / width).max(1) };
    let piece = move |(i, weights): (usize, &'a [E])| {
        let first = i * rows * width;
        (cells.slice(first..first + weights.len() * width), weights)
    };
    weights.chunks(rows).enumerate().map(piece)
}

/// The cells of `window` of the sum over rows of all tasks.
fn fold_window(tasks: &[(Cells<'_>, &[E])], width: usize, window: Range<usize>) -> Vec<E> {
    let add = |mut sum: Combined, (cells, weights): &(Cells<'_>, &[E])| {
        let rows = cells.chunks_exact(width).map(|row| row.slice(window.clone()));
        sum.add(&rows.zip(weights.iter().copied()).collect::<Vec<_>>());
        sum
    };
    let sums = tasks.par_iter().fold(|| Combined::new(window.len()), add);
    let mut packs = vec![PackedE::ZERO; window.len() / WIDTH];
    if let Some(sum) = sums.reduce_with(Combined::merge) {
        sum.write(&mut packs);
    }
    let mut sums = Vec::with_capacity(window.len());
    packs.iter().for_each(|pack| unpack(pack, &mut sums));
    sums
}

/// Σ weight·column over the columns of 2^`vars` cells of all tables.
#[must_use]
pub fn combine_columns(parts: &[(Cells<'_>, &[E])], vars: usize) -> Table {
    let len = 1usize << vars;
    let columns: Vec<(Cells<'_>, E)> =
        parts.iter().flat_map(|(table, weights)| table.chunks_exact(len).zip(weights.iter().copied())).collect();
    if columns.is_empty() { Table::new(E::zero_vec(len)) } else { combine(&columns) }
}

/// Σ weight·column over columns of equal length.
///
/// # Panics
/// If there is no column.
#[must_use]
pub fn combine(columns: &[(Cells<'_>, E)]) -> Table {
    let len = columns[0].0.len();
    if len < WINDOW_MIN {
        let mut sums = E::zero_vec(len);
        for (column, w) in columns {
            sums.iter_mut().zip(column.elements(&mut Vec::new())).for_each(|(sum, &x)| *sum += *w * x);
        }
        return Table::new(sums);
    }
    let window = WINDOW.min(len);
    let mut g = Buffer::stale(len / WIDTH);
    let tasks = g.par_chunks_mut(window / WIDTH).enumerate();
    tasks.for_each_init(
        || Combined::new(window),
        |sum, (i, g)| {
            let parts = columns.iter().map(|&(column, w)| (column.slice(i * window..(i + 1) * window), w));
            sum.clear();
            sum.add(&parts.collect::<Vec<_>>());
            sum.write(g);
        },
    );
    Table::packed(g)
}

/// Whole packs of cells.
fn packs<'s>(cells: Cells<'s>, scratch: &'s mut Vec<F>) -> &'s [PackedF] {
    PackedF::pack_slice(cells.elements(scratch))
}

/// The values at 0, 2 and 3 of Σ tie·a·b over the second half of each variable but the first, which is X. Both tables are runs of
/// equal length, one for each value of `tie`.
pub fn tied_round(a: &Table, b: &Table, tie: &[E]) -> [E; 3] {
    match (a, b) {
        (Table::Many(a), Table::Many(b)) if tie.len() > 1 && a.len() / tie.len() < LONG_RUN => spread_round(a, b, tie),
        (Table::Many(a), Table::Many(b)) => packed_round(a, b, tie),
        _ => plain_round(&a.to_vec(), &b.to_vec(), tie),
    }
}

/// Σ tie·a·b, both tables being runs of equal length, one for each value of `tie`.
pub fn tied_sum(a: &Table, b: &Table, tie: &[E]) -> E {
    match (a, b) {
        (Table::Many(a), Table::Many(b)) => {
            let run = (a.len() * WIDTH) / tie.len();
            let [sum] = sum_packs(a.len(), |packs| {
                [packs.fold(PackedE::ZERO, |sum, i| sum + of_runs(tie, run, i) * (a[i] * b[i]))]
            });
            sum
        }
        _ => {
            let (a, b) = (a.to_vec(), b.to_vec());
            let run = a.len() / tie.len();
            let runs = a.chunks_exact(run).zip(b.chunks_exact(run)).zip(tie);
            runs.fold(E::ZERO, |sum, ((a, b), &tie)| sum + tie * a.iter().zip(b).map(|(&a, &b)| a * b).sum::<E>())
        }
    }
}

/// Packs from which on a run is summed before its tie multiplies it.
const LONG_RUN: usize = 8;

/// The ties of the elements of pack `i`, where runs have `run` elements.
fn of_runs(tie: &[E], run: usize, i: usize) -> PackedE {
    let of = |lane: usize| tie[(i * WIDTH + lane) / run];
    if run >= WIDTH { PackedE::from(of(0)) } else { pack(&std::array::from_fn::<E, WIDTH, _>(of)) }
}

/// As [`packed_round`] for short runs: each element by the tie of its own.
fn spread_round(a: &[PackedE], b: &[PackedE], tie: &[E]) -> [E; 3] {
    let half = a.len() / 2;
    let (low, high) = tie.split_at(tie.len() / 2);
    let run = half * WIDTH / low.len();
    sum_packs(half, |packs| {
        packs.fold([PackedE::ZERO; 3], |acc, i| {
            let (t0, t1) = (of_runs(low, run, i), of_runs(high, run, i));
            let step = t1 - t0;
            let t2 = t1 + step;
            let [h0, h2, h3] = at_points([a[i], a[half + i]], [b[i], b[half + i]]);
            add(acc, [t0 * h0, t2 * h2, (t2 + step) * h3])
        })
    })
}

/// a·b at 0, 2 and 3 of the lines through two points each.
fn at_points<T: PrimeCharacteristicRing + Copy>([a0, a1]: [T; 2], [b0, b1]: [T; 2]) -> [T; 3] {
    let (da, db) = (a1 - a0, b1 - b0);
    let (a2, b2) = (a1 + da, b1 + db);
    [a0 * b0, a2 * b2, (a2 + da) * (b2 + db)]
}

fn plain_round(a: &[E], b: &[E], tie: &[E]) -> [E; 3] {
    let half = a.len() / 2;
    let sums = |range: Range<usize>| {
        range.fold([E::ZERO; 3], |acc, i| add(acc, at_points([a[i], a[half + i]], [b[i], b[half + i]])))
    };
    tied(tie, half, sums)
}

fn packed_round(a: &[PackedE], b: &[PackedE], tie: &[E]) -> [E; 3] {
    let half = a.len() / 2;
    let sums = |range: Range<usize>| {
        let start = range.start;
        sum_packs(range.len(), |packs| {
            packs.fold([PackedE::ZERO; 3], |acc, i| {
                let i = start + i;
                add(acc, at_points([a[i], a[half + i]], [b[i], b[half + i]]))
            })
        })
    };
    tied(tie, half, sums)
}

fn add<T: PrimeCharacteristicRing + Copy>(a: [T; 3], b: [T; 3]) -> [T; 3] {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

/// Σ over runs of tie·(sums of the run), the tie's first variable being X as well while there is one.
fn tied(tie: &[E], half: usize, sums: impl Fn(Range<usize>) -> [E; 3] + Sync) -> [E; 3] {
    if let [tie] = tie {
        return sums(0..half).map(|h| *tie * h);
    }
    let (low, high) = tie.split_at(tie.len() / 2);
    let run = half / low.len();
    let part = |i: usize| {
        let inner = sums(i * run..(i + 1) * run);
        let step = high[i] - low[i];
        let t2 = high[i] + step;
        [low[i] * inner[0], t2 * inner[1], (t2 + step) * inner[2]]
    };
    let parts = (0..low.len()).into_par_iter().with_min_len(TASK_PACKS.div_ceil(run));
    parts.map(part).reduce(|| [E::ZERO; 3], add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::cells::Runs;
    use crate::kernel::table::tests::{cells, elements};

    #[test]
    fn folding_equals_its_definition_at_every_shape() {
        for (rows, columns) in [(0, 0), (3, 0), (0, 3), (2, 2), (5, 3), (3, 6), (8, 7), (2, 13)] {
            let (cells, point) = (cells(1 << (rows + columns)), elements(rows + columns));
            let (high, low) = point.split_at(rows);
            let width = 1usize << columns;
            let by_columns = ciro_sumcheck::eq_table(low, E::ONE);
            let dot = |row: &[F]| row.iter().zip(&by_columns).fold(E::ZERO, |acc, (&x, &w)| acc + w * x);
            let folded = fold_columns(Cells::from(&cells), low);
            assert_eq!(folded, cells.chunks_exact(width).map(dot).collect::<Vec<E>>());
            let weights = ciro_sumcheck::eq_table(high, E::ONE);
            let column = |j: usize| (0..1 << rows).fold(E::ZERO, |acc, i| acc + weights[i] * cells[i * width + j]);
            let folded = fold_rows(Cells::from(&cells), &weights, width);
            assert_eq!(folded, (0..width).map(column).collect::<Vec<E>>());
        }
    }

    #[test]
    fn packed_rounds_equal_plain_ones() {
        for (ties, run) in
            [(0, 3), (0, 9), (1, 4), (3, 2), (3, 6), (2, 9), (8, 5), (9, 0), (5, 1), (7, 2), (6, 3), (4, 8)]
        {
            let len = 1usize << (ties + run);
            let (a, b) = (elements(2 * len), elements(3 * len)[len..].to_vec());
            let (a, b) = (a[..len].to_vec(), b[..len].to_vec());
            let tie = elements(1 << ties);
            let expected = plain_round(&a, &b, &tie);
            let sum = a.iter().zip(&b).enumerate().map(|(i, (&a, &b))| tie[i >> run] * a * b).sum::<E>();
            let (a, b) = (Table::new(a), Table::new(b));
            assert_eq!((tied_round(&a, &b, &tie), tied_sum(&a, &b, &tie)), (expected, sum), "{ties} {run}");
        }
    }

    #[test]
    fn columns_combine_cell_by_cell() {
        for vars in [0, 2, 4, 6, 12] {
            let (first, second) = (cells(4 << vars), cells(2 << vars));
            let weights = elements(6);
            let parts = [(Cells::from(&first), &weights[..4]), (Cells::from(&second), &weights[4..])];
            let combined = combine_columns(&parts, vars);
            let columns: Vec<&[F]> = first.chunks_exact(1 << vars).chain(second.chunks_exact(1 << vars)).collect();
            let expected: Vec<E> =
                (0..1 << vars).map(|y| columns.iter().zip(&weights).map(|(c, &w)| w * c[y]).sum()).collect();
            assert_eq!(combined.to_vec(), expected, "{vars}");
        }
    }

    #[test]
    fn integers_fold_and_combine_like_their_elements() {
        for (rows, columns) in [(0, 13), (2, 2), (5, 3), (3, 6), (8, 7), (2, 12)] {
            let (len, width) = (1usize << (rows + columns), 1usize << columns);
            for shift in [0, 17, 25] {
                let values: Vec<i32> = (0..len as i32).map(|i| i.wrapping_mul(0x1e37_79b9) >> shift).collect();
                // With gaps between and behind.
                let runs = Runs::new(2 * len, [(0, values.clone()), (len + 3, values[..len - 3 - len / 4].to_vec())]);
                let mut made = Vec::new();
                let both = [runs.cells(), Cells::from(runs.cells().elements(&mut made))];
                let (point, weights) = (elements(columns), elements(2 << rows));
                let [integers, plain] = both.map(|cells| fold_columns(cells, &point));
                assert_eq!(integers, plain);
                let eq = eq_table(&point, E::ONE);
                assert_eq!(dot_cells(runs.cells().slice(0..width), &eq), plain[0]);
                let [integers, plain] = both.map(|cells| fold_rows(cells, &weights, width));
                assert_eq!(integers, plain);
                let [integers, plain] = both.map(|cells| combine_columns(&[(cells, &weights)], columns).to_vec());
                assert_eq!(integers, plain);
            }
        }
    }
}
