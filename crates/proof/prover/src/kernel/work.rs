//! Proof of work.

use crate::kernel::blake::{BLOCK_WORDS, LANES, compress, start};
use ciro_transcript::sponge::WORK_MESSAGE_BYTES;
use ciro_transcript::{Sponge, Transcript, Writer};
use wide::u32x8;

/// Finds and sends the smallest proof of work of `bits`; sends nothing for zero bits.
pub fn grind(transcript: &mut Writer, label: &'static str, bits: u32) {
    if bits == 0 {
        return;
    }
    let nonce = smallest(transcript.sponge(), bits);
    transcript.write_work(label, nonce);
}

/// First word of the nonce in the message, and the bits by which it is off the word's start.
const NONCE: (usize, usize) = ((WORK_MESSAGE_BYTES - 8) / 4, (WORK_MESSAGE_BYTES - 8) % 4 * 8);

const _: () = assert!(NONCE.0 + 3 <= BLOCK_WORDS);

/// The smallest nonce whose digest ends in `bits` zeros.
fn smallest(sponge: &Sponge, bits: u32) -> u64 {
    let mut block = shared(sponge);
    let base: [u32x8; 3] = std::array::from_fn(|i| block[NONCE.0 + i]);
    let mut first = 0;
    loop {
        for (i, base) in base.into_iter().enumerate() {
            let word = |lane: usize| (u128::from(first + lane as u64) << NONCE.1 >> (32 * i)) as u32;
            block[NONCE.0 + i] = base | u32x8::new(std::array::from_fn(word));
        }
        let mut h = start();
        compress(&mut h, &block, WORK_MESSAGE_BYTES as u32, true);
        let [low, high] = [h[0].to_array(), h[1].to_array()];
        let zeros = |lane: usize| (u64::from(low[lane]) | u64::from(high[lane]) << 32).trailing_zeros();
        if let Some(lane) = (0..LANES).find(|&lane| zeros(lane) >= bits) {
            return first + lane as u64;
        }
        first += LANES as u64;
    }
}

/// The words of the message of nonce zero, in every lane.
fn shared(sponge: &Sponge) -> [u32x8; BLOCK_WORDS] {
    let mut bytes = [0; 4 * BLOCK_WORDS];
    bytes[..WORK_MESSAGE_BYTES].copy_from_slice(&sponge.work_message(0));
    let (words, _) = bytes.as_chunks::<4>();
    std::array::from_fn(|w| u32x8::splat(u32::from_le_bytes(words[w])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nonce_is_the_one_a_plain_search_finds() {
        for bits in 0..=10 {
            let (mut fast, mut slow) = (Writer::new("test"), Writer::new("test"));
            for _ in 0..4 {
                grind(&mut fast, "work", bits);
                slow.grind("work", bits);
            }
            assert_eq!(fast.finish().0, slow.finish().0, "{bits}");
        }
    }
}
