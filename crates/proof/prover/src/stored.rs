//! Columns of the witness in the order in which their polynomial holds them.

use ciro_relation::Blocks;
use ciro_transcript::F;
use rayon::prelude::*;

/// Cells that one task copies at least.
const TASK: usize = 1 << 14;

/// Writes the blocks that are stored of a column, whose own order is that of its rows.
pub(crate) fn store(blocks: &Blocks, column: &[F], out: &mut [F]) {
    let order = blocks.order();
    let stride = |var: usize| 1usize << (order.len() - 1 - var);
    let (high, low) = order.split_at(blocks.high() as usize);
    // The last variables of both orders are the same: neighbours there are neighbours here.
    let alike = (0..low.len()).take_while(|i| low[low.len() - 1 - i] == order.len() - 1 - i).count();
    let starts = low[..low.len() - alike]
        .iter()
        .fold(vec![0], |starts, &var| starts.iter().flat_map(|&start| [start, start + stride(var)]).collect());
    let own = |address: usize| {
        let set = (0..high.len()).filter(|i| (address >> (high.len() - 1 - i)) & 1 == 1);
        set.map(|i| stride(high[i])).sum::<usize>()
    };
    let firsts: Vec<usize> = blocks
        .addresses()
        .into_iter()
        .flat_map(|address| starts.iter().map(move |start| own(address) + start))
        .collect();
    let len = 1usize << alike;
    let runs = out.par_chunks_exact_mut(len).with_min_len(TASK.div_ceil(len)).zip(firsts);
    runs.for_each(|(out, first)| out.copy_from_slice(&column[first..first + len]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use p3_field::PrimeCharacteristicRing;

    #[test]
    fn stored_cells_stand_where_claims_look_for_them() {
        for dims in [&[128usize, 384][..], &[12, 128], &[49152], &[5, 200, 9], &[700, 3]] {
            let blocks = Blocks::few(dims);
            assert!(blocks.high() > 0, "{dims:?}");
            let vars = blocks.order().len();
            let column: Vec<F> = (0..1u32 << vars).map(F::from_u32).collect();
            let mut out = vec![F::ZERO; blocks.cells()];
            store(&blocks, &column, &mut out);
            let (log, addresses) = (blocks.log_block() as usize, blocks.addresses());
            for (i, &cell) in out.iter().enumerate() {
                // Its variables in the order of storage: the block's, then those within it.
                let stored = (addresses[i >> log] << log) | (i % (1 << log));
                let bits = blocks.order().into_iter().enumerate();
                let own: usize = bits.map(|(at, var)| ((stored >> (vars - 1 - at)) & 1) << (vars - 1 - var)).sum();
                assert_eq!(cell, column[own], "{dims:?} {i}");
            }
        }
    }
}
