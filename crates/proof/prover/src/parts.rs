//! Where the rows of one part of a lookup are in its columns, and the values of columns there.

use crate::kernel::sums::{dot_packs, sum_packs};
use crate::kernel::table::Table;
use crate::kernel::{PackedE, PackedF, TASK_PACKS, WIDTH};
use ciro_relation::Parts;
use ciro_transcript::{E, F};
use p3_field::{PackedValue, PrimeCharacteristicRing};

/// One part of rows.
#[derive(Clone, Copy)]
pub struct Part {
    /// log₂ of how many neighbouring rows are neighbours in the part.
    run: u32,
    /// log₂ of the number of parts.
    bits: u32,
    /// Number of the part.
    number: usize,
}

impl Part {
    /// Part `number` of 2^`log_len` rows.
    pub fn new(parts: Parts, log_len: usize, number: usize) -> Self {
        Self { run: log_len as u32 - parts.at - parts.bits, bits: parts.bits, number }
    }

    fn spread(&self, within: usize, run: u32) -> usize {
        ((within >> run << self.bits | self.number) << run) + within % (1 << run)
    }

    /// The row with this number within the part.
    pub fn row(&self, within: usize) -> usize {
        self.spread(within, self.run)
    }

    /// As [`Part::row`], for packs. Runs are whole packs, unless the part is all rows.
    pub fn pack(&self, within: usize) -> usize {
        if self.bits == 0 { within } else { self.spread(within, self.run - WIDTH.ilog2()) }
    }

    /// The number within the part of a row, if it lies there.
    pub fn within(&self, row: usize) -> Option<usize> {
        let number = row >> self.run & ((1 << self.bits) - 1);
        (number == self.number).then(|| (row >> (self.run + self.bits) << self.run) + row % (1 << self.run))
    }

    /// Σ column·eq over the part, of which eq has a value for each row. There are whole packs of them.
    pub fn dot(&self, column: &[F], eq: &Table) -> E {
        let Table::Many(eq) = eq else { unreachable!("only long lookups have parts") };
        let column = PackedF::pack_slice(column);
        let step = (1usize << self.run) / WIDTH;
        let runs = |range: std::ops::Range<usize>| {
            let starts = range.clone().step_by(step.min(TASK_PACKS));
            starts.fold(PackedE::ZERO, |sum, i| {
                let len = step.min(TASK_PACKS).min(range.end - i);
                sum + dot_packs(&column[self.pack(i)..][..len], &eq[i..i + len])
            })
        };
        let [sum] = sum_packs(eq.len(), |range| [runs(range)]);
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::eq::eq_table;
    use crate::kernel::table::tests::{cells, elements};

    #[test]
    fn values_at_parts_are_those_of_the_column_where_their_bits_are_fixed() {
        // The last ones take several tasks, with runs longer and shorter than one.
        let shapes = [(0, 2, 10), (7, 2, 16), (4, 3, 12), (1, 1, 11), (9, 3, 16), (0, 3, 17)];
        for (at, bits, log_len) in shapes {
            let parts = Parts { at, bits, real: 1 };
            let (column, within) = (cells(1 << log_len), elements(log_len - bits as usize));
            for number in 0..parts.count() {
                let part = Part::new(parts, log_len, number);
                let point = parts.point(&parts.coordinates(number), &within);
                let expected = ciro_sumcheck::evaluate_base(&column, &point);
                assert_eq!(part.dot(&column, &eq_table(&within, E::ONE)), expected, "{at} {bits} {log_len} {number}");
            }
        }
    }

    #[test]
    fn rows_of_parts_are_all_rows_once() {
        let parts = Parts { at: 3, bits: 2, real: 4 };
        let mut seen = vec![0; 1 << 10];
        for number in 0..4 {
            let part = Part::new(parts, 10, number);
            for within in 0..1 << 8 {
                let row = part.row(within);
                seen[row] += 1;
                assert_eq!((part.within(row), row >> 5 & 3), (Some(within), number));
                assert_eq!(part.pack(within / WIDTH), row / WIDTH);
            }
            assert_eq!((0..1 << 10).filter_map(|row| part.within(row)).count(), 1 << 8);
        }
        assert_eq!(seen, [1; 1 << 10]);
    }
}
