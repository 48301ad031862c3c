//! The polynomials of a relation, and where committed columns lie in them.

use crate::builder::Builder;
use crate::error::RelationError;
use alloc::vec::Vec;
use ciro_graph::Disclosure;
use ciro_relation::column::VARS_MAX;
use ciro_relation::rows::log_ceil;
use ciro_relation::{ColId, Knowledge, Poly, Source, Space};

impl Builder<'_> {
    /// The polynomials that columns lie in, every column at its place.
    pub(crate) fn spaces(&mut self) -> Result<Vec<Space>, RelationError> {
        let mut spaces = Vec::new();
        for poly in [Poly::Model, Poly::Witness, Poly::Input, Poly::Output] {
            let (vars, used) = self.place(poly)?;
            if used > 0 || matches!(poly, Poly::Model | Poly::Witness) {
                spaces.push(Space { poly, vars, used, known: self.knowledge(poly) });
            }
        }
        // The opening joins all polynomials; it wants their sizes within the reach of one first fold.
        let largest = spaces.iter().map(|space| space.vars).max().unwrap_or(0);
        let floor = largest.saturating_sub(4).max(6);
        spaces.iter_mut().for_each(|space| space.vars = space.vars.max(floor));
        Ok(spaces)
    }

    /// Salts keep a commitment from confirming guesses. Where something is hidden, the witness would confirm them too.
    fn knowledge(&self, poly: Poly) -> Knowledge {
        let visibility = &self.program.visibility;
        match poly {
            Poly::Model if visibility.weights == Disclosure::Public => Knowledge::Cells,
            Poly::Model => Knowledge::Commitment,
            Poly::Witness if visibility.hides_values() => Knowledge::Salted,
            Poly::Witness => Knowledge::Commitment,
            Poly::Input | Poly::Output => Knowledge::Salted,
        }
    }

    /// Gives the columns of `poly` their offsets, those with the longest blocks first so that each is aligned. Returns log₂ of the space
    /// and the part of it that is used.
    fn place(&mut self, poly: Poly) -> Result<(u32, usize), RelationError> {
        let mut order: Vec<(u32, usize)> = (0..self.columns.len())
            .filter(|&i| self.owns_window(i, poly))
            .filter_map(|i| Some((self.block_of(i)?.0, i)))
            .collect();
        order.sort_by_key(|&(log_block, _)| core::cmp::Reverse(log_block));
        let mut end = 0usize;
        for (log_block, i) in order {
            let count = self.block_of(i).map_or(0, |(_, count)| count);
            let cells = count.saturating_mul(1usize.checked_shl(log_block).unwrap_or(usize::MAX));
            match self.columns.get_mut(i).map(|column| &mut column.source) {
                Some(Source::Blocks(cut) | Source::Cut(cut)) => {
                    if let Some(cut) = self.cuts.get_mut(*cut) {
                        cut.offset = end;
                    }
                }
                Some(source) => *source = Source::Committed { poly, offset: end },
                None => {}
            }
            end = end.saturating_add(cells);
        }
        let vars = if end > 1 << VARS_MAX { VARS_MAX + 1 } else { log_ceil(end) };
        if vars > VARS_MAX {
            return Err(RelationError::TooLarge { what: poly.name(), expected: VARS_MAX, got: vars });
        }
        Ok((vars, end))
    }

    /// log₂ of the length of a committed column's blocks, and their number.
    fn block_of(&self, i: usize) -> Option<(u32, usize)> {
        let column = self.columns.get(i)?;
        match column.source {
            Source::Blocks(cut) | Source::Cut(cut) => {
                self.cuts.get(cut).map(|cut| (cut.blocks.log_block(), cut.blocks.count()))
            }
            Source::Committed { .. } | Source::Public(_) | Source::Product(_) | Source::View(_) | Source::Gather(_) => {
                Some((column.log_len, 1))
            }
        }
    }

    fn owns_window(&self, i: usize, poly: Poly) -> bool {
        let is_of = match self.columns.get(i).map(|column| column.source) {
            Some(Source::Committed { poly: of, .. }) => of == poly,
            Some(Source::Blocks(cut) | Source::Cut(cut)) => self.cuts.get(cut).is_some_and(|cut| cut.poly == poly),
            _ => false,
        };
        is_of && !self.slices.contains_key(&ColId(i))
    }
}
