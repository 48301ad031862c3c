//! Cells of polynomials: field elements, or integers in as few bytes as they need.
//!
//! Weights are small and many. Kept as integers they take half the memory of field elements or less, and every pass
//! over them reads as much less. A kernel makes elements of a few thousand at a time, in a buffer that stays in the
//! nearest caches.

use ciro_transcript::F;
use ciro_transcript::field::{P, from_int};
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::LazyLock;

/// The elements of integers, those of 16 bits from a table.
#[derive(Clone, Copy)]
struct SmallIntegers(&'static [F; 1 << 16]);

/// The element of each 16-bit integer, by its bits.
static ELEMENTS: LazyLock<Box<[F; 1 << 16]>> = LazyLock::new(|| {
    let mut elements = Box::new([F::ZERO; 1 << 16]);
    elements.iter_mut().zip(0..=u16::MAX).for_each(|(x, bits)| *x = from_int(i64::from(bits.cast_signed())));
    elements
});

impl SmallIntegers {
    fn get() -> Self {
        Self(&ELEMENTS)
    }

    #[inline]
    fn short(self, v: i16) -> F {
        self.0[usize::from(v.cast_unsigned())]
    }

    /// The element of any integer.
    #[inline]
    fn element(self, v: i64) -> F {
        i16::try_from(v).map_or_else(|_| from_int(v), |v| self.short(v))
    }
}

/// Writes the elements of integers. Says whether [`integer`] gives them all back.
///
/// # Panics
/// If there is no room for so many.
pub fn write_elements(integers: &[i64], out: &mut [F]) -> bool {
    let small = SmallIntegers::get();
    let out = &mut out[..integers.len()];
    let mut largest = 0;
    for (out, &v) in out.iter_mut().zip(integers) {
        *out = small.element(v);
        largest = v.unsigned_abs().max(largest);
    }
    largest <= u64::from(P / 2)
}

/// The integer nearest to zero that an element stands for.
#[inline]
#[must_use]
pub fn integer(x: F) -> i32 {
    let v = x.as_canonical_u32();
    let v = v.cast_signed();
    if v > (P / 2).cast_signed() { v.wrapping_sub(P.cast_signed()) } else { v }
}

/// Integers side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Integers {
    Bytes(Vec<i8>),
    Shorts(Vec<i16>),
    Words(Vec<i32>),
}

impl Integers {
    fn new(values: Vec<i32>) -> Self {
        let (lo, hi) = values.iter().fold((0, 0), |(lo, hi), &v| (v.min(lo), v.max(hi)));
        if i8::try_from(lo).is_ok() && i8::try_from(hi).is_ok() {
            Self::Bytes(values.into_iter().map(|v| v as i8).collect())
        } else if i16::try_from(lo).is_ok() && i16::try_from(hi).is_ok() {
            Self::Shorts(values.into_iter().map(|v| v as i16).collect())
        } else {
            Self::Words(values)
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Shorts(values) => values.len(),
            Self::Words(values) => values.len(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Shorts(values) => 2 * values.len(),
            Self::Words(values) => 4 * values.len(),
        }
    }

    /// Writes those from `first` on as elements.
    fn write(&self, first: usize, out: &mut [F]) {
        let small = SmallIntegers::get();
        match self {
            Self::Bytes(values) => {
                out.iter_mut().zip(&values[first..]).for_each(|(out, &v)| *out = small.short(v.into()));
            }
            Self::Shorts(values) => out.iter_mut().zip(&values[first..]).for_each(|(out, &v)| *out = small.short(v)),
            Self::Words(values) => {
                out.iter_mut().zip(&values[first..]).for_each(|(out, &v)| *out = small.element(v.into()));
            }
        }
    }

    /// Writes those from `first` on, if they have 16 bits.
    fn write_shorts(&self, first: usize, out: &mut [i16]) -> Option<()> {
        match self {
            Self::Bytes(values) => out.iter_mut().zip(&values[first..]).for_each(|(out, &v)| *out = v.into()),
            Self::Shorts(values) => out.copy_from_slice(&values[first..][..out.len()]),
            Self::Words(_) => return None,
        }
        Some(())
    }

    fn get(&self, i: usize) -> i64 {
        match self {
            Self::Bytes(values) => values[i].into(),
            Self::Shorts(values) => values[i].into(),
            Self::Words(values) => values[i].into(),
        }
    }
}

/// Integers from one cell on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    start: usize,
    /// The largest absolute value.
    magnitude: u32,
    values: Integers,
}

/// Integers of 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shorts<'a> {
    /// The integers.
    pub values: &'a [i16],
    /// What none of them exceeds in absolute value.
    pub magnitude: u32,
}

impl Run {
    fn end(&self) -> usize {
        self.start + self.values.len()
    }
}

/// A polynomial whose cells are integers: runs of them, and zeros between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
    len: usize,
    /// In order; none overlaps the next.
    runs: Vec<Run>,
}

impl Runs {
    /// A polynomial of `len` cells. Each run is given by its first cell and its integers; they come in any order, overlap nowhere and
    /// end within the polynomial.
    #[must_use]
    pub fn new(len: usize, runs: impl IntoIterator<Item = (usize, Vec<i32>)>) -> Self {
        let magnitude = |values: &[i32]| values.iter().map(|v| v.unsigned_abs()).max().unwrap_or(0);
        let run = |(start, values): (usize, Vec<i32>)| Run {
            start,
            magnitude: magnitude(&values),
            values: Integers::new(values),
        };
        let mut runs: Vec<Run> = runs.into_iter().map(run).collect();
        runs.sort_unstable_by_key(|run| run.start);
        debug_assert!(runs.is_sorted_by(|a, b| a.end() <= b.start) && runs.last().is_none_or(|last| last.end() <= len));
        Self { len, runs }
    }

    /// All cells.
    #[must_use]
    pub fn cells(&self) -> Cells<'_> {
        Cells::Integers { of: self, run: 0, start: 0, len: self.len }
    }

    /// Bytes that the integers take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.runs.iter().map(|run| run.values.bytes()).sum()
    }

    /// The first run that does not end before a cell, if none before `run` does.
    fn run_at(&self, run: usize, cell: usize) -> usize {
        let rest = &self.runs[run..];
        if rest.first().is_none_or(|run| run.end() > cell) {
            return run;
        }
        run + rest.partition_point(|run| run.end() <= cell)
    }

    /// The runs from `first` on that have cells in `range`, and which cells these are.
    fn within(&self, first: usize, range: Range<usize>) -> impl Iterator<Item = (&Run, Range<usize>)> {
        let touched = self.runs[first..].iter().take_while(move |run| run.start < range.end);
        touched.map(move |run| (run, run.start.max(range.start)..run.end().min(range.end)))
    }

    fn write(&self, first: usize, start: usize, out: &mut [F]) {
        let mut done = 0;
        for (run, cells) in self.within(first, start..start + out.len()) {
            let (from, to) = (cells.start - start, cells.end - start);
            out[done..from].fill(F::ZERO);
            run.values.write(cells.start - run.start, &mut out[from..to]);
            done = to;
        }
        out[done..].fill(F::ZERO);
    }
}

impl Runs {
    /// Some cells as integers of 16 bits, if that is what they are. `scratch` holds them if they do not lie side by side.
    fn shorts<'s>(&'s self, first: usize, range: Range<usize>, scratch: &'s mut Vec<i16>) -> Option<Shorts<'s>> {
        let mut runs = self.within(first, range.clone()).peekable();
        if let Some((run, cells)) = runs.peek()
            && *cells == range
            && let Integers::Shorts(values) = &run.values
        {
            let values = &values[range.start - run.start..range.end - run.start];
            return Some(Shorts { values, magnitude: run.magnitude });
        }
        scratch.clear();
        scratch.resize(range.len(), 0);
        let mut magnitude = 0;
        for (run, cells) in runs {
            let out = &mut scratch[cells.start - range.start..cells.end - range.start];
            run.values.write_shorts(cells.start - run.start, out)?;
            magnitude = run.magnitude.max(magnitude);
        }
        Some(Shorts { values: scratch, magnitude })
    }
}

/// Neighbouring cells of a polynomial.
#[derive(Clone, Copy, Debug)]
pub enum Cells<'a> {
    /// Elements.
    Elements(&'a [F]),
    /// Integers.
    Integers {
        /// The polynomial.
        of: &'a Runs,
        /// The first run that does not end before them.
        run: usize,
        /// Number of the first cell.
        start: usize,
        /// How many.
        len: usize,
    },
}

impl<'a> From<&'a [F]> for Cells<'a> {
    fn from(elements: &'a [F]) -> Self {
        Self::Elements(elements)
    }
}

impl<'a> From<&'a Vec<F>> for Cells<'a> {
    fn from(elements: &'a Vec<F>) -> Self {
        Self::Elements(elements)
    }
}

impl<'a> Cells<'a> {
    /// How many they are.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::Elements(elements) => elements.len(),
            Self::Integers { len, .. } => len,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether they are kept as integers.
    #[must_use]
    pub fn is_integers(self) -> bool {
        matches!(self, Self::Integers { .. })
    }

    /// Some of them.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn slice(self, range: Range<usize>) -> Self {
        match self {
            Self::Elements(elements) => Self::Elements(&elements[range]),
            Self::Integers { of, run, start, len } => {
                assert!(range.start <= range.end && range.end <= len, "expected cells below {len}, got {range:?}");
                let start = start + range.start;
                Self::Integers { of, run: of.run_at(run, start), start, len: range.len() }
            }
        }
    }

    /// Pieces of `len` cells; what is left over is no piece.
    pub fn chunks_exact(self, len: usize) -> impl Iterator<Item = Self> {
        (0..self.len() / len).map(move |i| self.slice(i * len..(i + 1) * len))
    }

    /// Pieces of `len` cells, the last one shorter if they do not divide.
    pub fn par_chunks(self, len: usize) -> impl IndexedParallelIterator<Item = Self> + use<'a> {
        let pieces = self.len().div_ceil(len);
        (0..pieces).into_par_iter().map(move |i| self.slice(i * len..self.len().min((i + 1) * len)))
    }

    /// The elements. `scratch` holds them if they have to be made.
    pub fn elements<'s>(self, scratch: &'s mut Vec<F>) -> &'s [F]
    where
        'a: 's,
    {
        match self {
            Self::Elements(elements) => elements,
            Self::Integers { of, run, start, len } => {
                scratch.resize(len, F::ZERO);
                of.write(run, start, scratch);
                scratch
            }
        }
    }

    /// The cells, if they are kept as integers of 16 bits or less. `scratch` holds them if they do not lie side by side.
    pub fn shorts<'s>(self, scratch: &'s mut Vec<i16>) -> Option<Shorts<'s>>
    where
        'a: 's,
    {
        match self {
            Self::Elements(_) => None,
            Self::Integers { of, run, start, len } => of.shorts(run, start..start + len, scratch),
        }
    }

    /// Writes the elements.
    ///
    /// # Panics
    /// If `out` has another length.
    pub fn write(self, out: &mut [F]) {
        match self {
            Self::Elements(elements) => out.copy_from_slice(elements),
            Self::Integers { of, run, start, len } => {
                assert_eq!(out.len(), len, "room for other than the cells");
                of.write(run, start, out);
            }
        }
    }
}

impl Runs {
    /// The integers of some cells.
    #[must_use]
    pub fn integers(&self, range: Range<usize>) -> Vec<i64> {
        let mut out = vec![0; range.len()];
        for (run, cells) in self.within(self.run_at(0, range.start), range.clone()) {
            let first = cells.start - range.start;
            cells.zip(&mut out[first..]).for_each(|(cell, out)| *out = run.values.get(cell - run.start));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs of each width with gaps before, between and behind, and the same cells one by one.
    fn runs() -> (Runs, Vec<i64>) {
        let runs =
            [(70, vec![i32::MIN, 0, i32::MAX, 1 << 16]), (3, vec![-128, 127, 0, 5]), (7, vec![-32768, 32767, 300])];
        let mut plain = vec![0; 90];
        for (start, values) in &runs {
            values.iter().zip(*start..).for_each(|(&v, at)| plain[at] = i64::from(v));
        }
        (Runs::new(90, runs), plain)
    }

    #[test]
    fn cells_are_the_integers_wherever_they_are_cut() {
        let (runs, plain) = runs();
        assert_eq!(runs.bytes(), 4 + 3 * 2 + 4 * 4);
        let elements: Vec<F> = plain.iter().map(|&v| F::from_i64(v)).collect();
        for (from, to) in [(0, 90), (0, 3), (4, 9), (5, 72), (71, 90), (20, 60), (74, 80), (9, 9)] {
            let mut scratch = vec![F::TWO; 7];
            let cells = runs.cells().slice(from..to);
            assert_eq!(cells.elements(&mut scratch), &elements[from..to], "{from}..{to}");
            let mut out = vec![F::TWO; to - from];
            cells.write(&mut out);
            assert_eq!((cells.len(), out), (to - from, elements[from..to].to_vec()));
            assert_eq!(runs.integers(from..to), plain[from..to]);
            let of_elements = Cells::from(&elements).slice(from..to);
            assert_eq!(of_elements.elements(&mut scratch), &elements[from..to]);
        }
    }

    #[test]
    fn small_integers_are_read_as_such_wherever_they_are_cut() {
        let (runs, plain) = runs();
        for (from, to) in [(0, 70), (3, 7), (4, 9), (7, 10), (8, 9), (20, 60), (5, 5), (9, 30)] {
            let mut scratch = vec![3; 100];
            let shorts = runs.cells().slice(from..to).shorts(&mut scratch).expect("no integer is large");
            assert!(shorts.values.iter().map(|&v| i64::from(v)).eq(plain[from..to].iter().copied()), "{from}..{to}");
            let largest = plain[from..to].iter().map(|v| v.unsigned_abs()).max().unwrap_or(0);
            assert!(u64::from(shorts.magnitude) >= largest);
        }
        assert_eq!(runs.cells().slice(20..60).shorts(&mut Vec::new()).map(|shorts| shorts.magnitude), Some(0));
        assert_eq!(runs.cells().slice(3..6).shorts(&mut Vec::new()).map(|shorts| shorts.magnitude), Some(128));
        assert_eq!(runs.cells().slice(8..71).shorts(&mut Vec::new()), None);
        assert_eq!(Cells::from(&[F::ONE][..]).shorts(&mut Vec::new()), None);
    }

    #[test]
    fn integers_of_any_size_become_elements() {
        let p = i64::from(P);
        let around = |v: i64| v - 2..v + 3;
        let ends = [0, 1 << 15, -(1 << 15), 1 << 31, p, -p, p / 2, -(p / 2)];
        let mut integers: Vec<i64> = ends.into_iter().flat_map(around).chain([i64::MIN, i64::MAX]).collect();
        integers.extend((0..50_000).map(|i| (i - 20_000) * 3));
        let mut out = vec![F::TWO; integers.len() + 3];
        assert!(!write_elements(&integers, &mut out));
        let expected = integers.iter().map(|&v| F::from_i64(v)).chain([F::TWO; 3]);
        assert!(out.iter().copied().eq(expected));
        for (&x, &v) in out.iter().zip(&integers) {
            let nearest = i64::from(integer(x));
            assert!(nearest.abs() <= p / 2 && F::from_i64(nearest) == F::from_i64(v), "{v}");
            assert_eq!(write_elements(&[v], &mut [F::TWO]), nearest == v, "{v}");
        }
    }

    #[test]
    fn pieces_are_the_cells_in_order() {
        let (runs, plain) = runs();
        let elements = |cells: Cells<'_>| cells.elements(&mut Vec::new()).to_vec();
        let joined: Vec<F> = runs.cells().par_chunks(16).map(elements).collect::<Vec<_>>().concat();
        assert_eq!(joined, plain.iter().map(|&v| F::from_i64(v)).collect::<Vec<F>>());
        let exact: Vec<Vec<F>> = runs.cells().chunks_exact(16).map(elements).collect();
        assert_eq!(exact.concat(), joined[..80]);
    }

    #[test]
    #[should_panic(expected = "expected cells below 10")]
    fn a_slice_does_not_reach_beyond_its_cells() {
        let (runs, _) = runs();
        let _ = runs.cells().slice(5..15).slice(0..11);
    }
}
