//! Columns as they are being filled: elements, each column in its place, which hints read back as integers.

use crate::kernel::cells::{integer, write_elements};
use ciro_relation::ColId;
use ciro_transcript::F;
use ciro_transcript::field::P;
use p3_field::PrimeCharacteristicRing;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Cells that are computed at a time: as integers they stay in the nearest cache.
const PIECE: usize = 1 << 11;

/// Pieces of one task: tens of microseconds, so that waking a thread pays.
const TASK_PIECES: usize = 8;

/// Cells of one task.
pub(super) const TASK: usize = PIECE * TASK_PIECES;

/// Cells that one task sets to zero.
const ZEROS: usize = 1 << 17;

/// The largest magnitude of an integer that its element tells.
const HALF: u64 = (P / 2) as u64;

/// What a column has of another one's cells.
pub(super) trait Picks: Sync {
    /// Writes them; zeros where there are none.
    fn pick<T: Copy + Default + Send + Sync>(&self, of: &[T], out: &mut [T]);
}

/// Where the cells of a column are.
pub(crate) enum Place<'a> {
    /// In the witness.
    Own(&'a mut [F]),
    /// Among the constants.
    Shared(&'a [F]),
    /// Nowhere but here: only hints read them. Empty until they are filled.
    Made(Vec<F>),
}

impl Place<'_> {
    /// The cells, if they may be written.
    fn cells_mut(&mut self) -> &mut [F] {
        match self {
            Self::Own(cells) => cells,
            Self::Made(cells) => cells,
            Self::Shared(_) => &mut [],
        }
    }
}

/// All columns, as far as they are filled; padded.
pub(crate) struct Columns<'a> {
    places: Vec<Place<'a>>,
    is_filled: Vec<bool>,
    /// Hints leave it alone.
    is_given: Vec<bool>,
    /// The integers of a column whose elements do not tell them all. An element tells the integer nearest to zero of those that are equal
    /// modulo p. In such a column some integer is another one. No value is such an integer. Lies may be, and so may a product before
    /// something is added.
    exact: BTreeMap<ColId, Vec<i64>>,
}

/// The cells of a filled column.
#[derive(Clone, Copy)]
pub(super) enum Integers<'c> {
    /// By their elements.
    Told(&'c [F]),
    /// As they are.
    Exact(&'c [i64]),
}

impl Integers<'_> {
    /// One of them, if there are so many.
    #[inline]
    pub(super) fn get(self, i: usize) -> Option<i64> {
        match self {
            Self::Told(cells) => cells.get(i).map(|&x| i64::from(integer(x))),
            Self::Exact(cells) => cells.get(i).copied(),
        }
    }

    /// All of them.
    pub(super) fn to_vec(self) -> Vec<i64> {
        match self {
            Self::Told(cells) => cells.iter().map(|&x| i64::from(integer(x))).collect(),
            Self::Exact(cells) => cells.to_vec(),
        }
    }

    /// Hands those from `start` on to `f`, each with one of `values`. The one cell of a column of length one goes with all.
    #[inline]
    pub(super) fn with(self, start: usize, values: &mut [i64], f: impl Fn(&mut i64, i64)) {
        match self {
            Self::Told([one]) => values.iter_mut().for_each(|value| f(value, integer(*one).into())),
            Self::Exact([one]) => values.iter_mut().for_each(|value| f(value, *one)),
            Self::Told(cells) => {
                values.iter_mut().zip(&cells[start..]).for_each(|(value, &x)| f(value, integer(x).into()));
            }
            Self::Exact(cells) => values.iter_mut().zip(&cells[start..]).for_each(|(value, &x)| f(value, x)),
        }
    }
}

impl<'a> Columns<'a> {
    /// Columns in these places, of which those that are among the constants are filled.
    pub(crate) fn new(places: Vec<Place<'a>>) -> Self {
        let is_filled = places.iter().map(|place| matches!(place, Place::Shared(_))).collect();
        let is_given = vec![false; places.len()];
        Self { places, is_filled, is_given, exact: BTreeMap::new() }
    }

    pub(super) fn is_filled(&self, col: ColId) -> bool {
        self.is_filled[col.0]
    }

    /// The elements of a filled column, if they tell its integers.
    pub(super) fn told(&self, col: ColId) -> Option<&[F]> {
        if self.exact.contains_key(&col) {
            return None;
        }
        Some(match &self.places[col.0] {
            Place::Own(cells) => cells,
            Place::Shared(cells) => cells,
            Place::Made(cells) => cells,
        })
    }

    /// The cells of a filled column.
    pub(super) fn integers(&self, col: ColId) -> Integers<'_> {
        self.told(col).map_or_else(|| Integers::Exact(&self.exact[&col]), Integers::Told)
    }

    /// Fills a column for good: hints leave it alone.
    pub(crate) fn give(&mut self, col: ColId, cells: &[i64]) {
        self.fill(&[col], cells.len(), |_, start, out| {
            let end = start + out[0].len();
            out[0].copy_from_slice(&cells[start..end]);
        });
        self.is_given[col.0] = true;
    }

    /// Takes the place of a column of this many cells out, to be filled. That of a given one is not it.
    fn take(&mut self, col: ColId, len: usize) -> Place<'a> {
        let place = std::mem::replace(&mut self.places[col.0], Place::Made(Vec::new()));
        match place {
            place if self.is_given[col.0] => {
                self.places[col.0] = place;
                Place::Made(F::zero_vec(len))
            }
            Place::Own(cells) => Place::Own(cells),
            Place::Shared(_) | Place::Made(_) => Place::Made(F::zero_vec(len)),
        }
    }

    fn put_back(&mut self, col: ColId, place: Place<'a>) {
        if !self.is_given[col.0] {
            self.exact.remove(&col);
            self.places[col.0] = place;
            self.is_filled[col.0] = true;
        }
    }

    /// Fills columns of `len` cells, a piece at a time: from the number of its first cell, `f` computes the integers of each column.
    pub(super) fn fill(&mut self, cols: &[ColId], len: usize, f: impl Fn(&Self, usize, &mut [Vec<i64>]) + Sync) {
        let mut places: Vec<Place<'a>> = cols.iter().map(|&col| self.take(col, len)).collect();
        let are_told = self.write(places.iter_mut().map(Place::cells_mut).collect(), &f);
        let exact = if are_told { Vec::new() } else { self.computed(cols.len(), len, &f) };
        cols.iter().zip(places).for_each(|(&col, place)| self.put_back(col, place));
        for (&col, integers) in cols.iter().zip(exact) {
            let is_told = integers.iter().all(|v| v.unsigned_abs() <= HALF);
            if !is_told && !self.is_given[col.0] {
                self.exact.insert(col, integers);
            }
        }
    }

    /// Writes elements of columns of the same length. Says whether they tell all integers.
    fn write(&self, columns: Vec<&mut [F]>, f: &(impl Fn(&Self, usize, &mut [Vec<i64>]) + Sync)) -> bool {
        let count = columns.len();
        let room = || vec![Vec::with_capacity(PIECE); count];
        let write = |room: &mut Vec<Vec<i64>>, (start, out): (usize, Vec<&mut [F]>)| {
            room.iter_mut().zip(&out).for_each(|(room, out)| room.resize(out.len(), 0));
            f(self, start, room);
            let mut are_told = true;
            for (out, integers) in out.into_iter().zip(room) {
                are_told &= write_elements(integers, out);
            }
            are_told
        };
        let both = |a: bool, b: bool| a && b;
        let pieces = pieces(columns);
        if pieces.len() <= TASK_PIECES {
            let mut room = room();
            return pieces.into_iter().map(|piece| write(&mut room, piece)).fold(true, both);
        }
        let tasks = pieces.into_par_iter().with_min_len(TASK_PIECES);
        tasks.map_init(room, |room, piece| write(room, piece)).reduce(|| true, both)
    }

    /// The integers of `count` columns that are computed piece by piece.
    fn computed(&self, count: usize, len: usize, f: impl Fn(&Self, usize, &mut [Vec<i64>])) -> Vec<Vec<i64>> {
        let mut all = vec![Vec::with_capacity(len); count];
        for start in (0..len).step_by(PIECE) {
            let mut piece = vec![vec![0; PIECE.min(len - start)]; count];
            f(self, start, &mut piece);
            all.iter_mut().zip(piece).for_each(|(all, piece)| all.extend(piece));
        }
        all
    }

    /// Fills a column with cells of another, wherever `picks` has them.
    pub(super) fn rearrange(&mut self, col: ColId, of: ColId, len: usize, picks: &impl Picks) {
        if self.told(of).is_none() {
            let mut integers = vec![0; len];
            picks.pick(&self.exact[&of], &mut integers);
            return self.put(col, &integers, len);
        }
        let mut place = self.take(col, len);
        if let Some(cells) = self.told(of) {
            picks.pick(cells, place.cells_mut());
        }
        self.put_back(col, place);
    }

    /// Fills a column of `len` cells, all zero but some.
    pub(super) fn scatter(&mut self, col: ColId, len: usize, cells: impl Iterator<Item = (usize, i64)>) {
        let mut place = self.take(col, len);
        let own = place.cells_mut();
        own.par_chunks_mut(ZEROS).for_each(|own| own.fill(F::ZERO));
        let mut lies = Vec::new();
        for (i, integer) in cells.filter(|(i, _)| *i < len) {
            if !write_elements(&[integer], &mut own[i..]) {
                lies.push((i, integer));
            }
        }
        let exact = (!lies.is_empty()).then(|| {
            let mut exact: Vec<i64> = own.iter().map(|&x| integer(x).into()).collect();
            lies.into_iter().for_each(|(i, integer)| exact[i] = integer);
            exact
        });
        self.put_back(col, place);
        if let Some(exact) = exact.filter(|_| !self.is_given[col.0]) {
            self.exact.insert(col, exact);
        }
    }

    /// Fills a column of `len` cells with integers, and zeros behind them.
    pub(super) fn put(&mut self, col: ColId, integers: &[i64], len: usize) {
        self.fill(&[col], len, |_, start, out| {
            let end = start + out[0].len();
            let own = &integers[start.min(integers.len())..end.min(integers.len())];
            out[0][..own.len()].copy_from_slice(own);
            out[0][own.len()..].fill(0);
        });
    }
}

/// Columns of the same length, cut into pieces, each with the number of its first cell.
fn pieces(columns: Vec<&mut [F]>) -> Vec<(usize, Vec<&mut [F]>)> {
    let len = columns.first().map_or(0, |column| column.len());
    let mut pieces: Vec<(usize, Vec<&mut [F]>)> =
        (0..len).step_by(PIECE).map(|start| (start, Vec::with_capacity(columns.len()))).collect();
    for column in columns {
        pieces.iter_mut().zip(column.chunks_mut(PIECE)).for_each(|((_, piece), own)| piece.push(own));
    }
    pieces
}
