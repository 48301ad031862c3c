//! The last line against double signing: a durable mark of the furthest statement this key has signed.
//!
//! The log already makes a restarted validator repeat itself rather than contradict itself. The mark holds even if the
//! log is lost or belongs to another copy of the validator. A key signs strictly forward, and the one statement at the
//! mark only with the very same content.

use crate::file::WalFile;
use crate::vote::{Proposal, Vote, VoteKind};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_crypto::hash_encoded;
use ciro_types::{Hash32, Height, decode, encode};
use std::io;

const MARK_DOMAIN: &str = "ciro/consensus/guard/v1";
const CHECKSUM_BYTES: usize = 32;
/// Two slots in different disk sectors, written in turn: a torn write can only hurt the one being written.
const SLOT_BYTES: u64 = 4096;

/// A position in the order in which one key may sign: height, then round, then step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub(crate) struct Position {
    pub(crate) height: Height,
    pub(crate) round: u32,
    pub(crate) step: u8,
}

impl Position {
    pub(crate) fn of_vote(vote: &Vote) -> Self {
        let step = match vote.kind {
            VoteKind::Prevote => 1,
            VoteKind::Precommit => 2,
        };
        Self { height: vote.height, round: vote.round, step }
    }

    pub(crate) fn of_proposal(proposal: &Proposal) -> Self {
        Self { height: proposal.height, round: proposal.round, step: 0 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct Mark {
    sequence: u64,
    position: Position,
    digest: Hash32,
}

/// The guard of one key.
pub(crate) struct Guard<F> {
    file: F,
    mark: Option<Mark>,
    dirty: bool,
}

impl<F: WalFile> Guard<F> {
    /// Reads the mark. A file that never held one is a new key; one that held two and has lost both is an error.
    pub(crate) fn open(mut file: F) -> io::Result<Self> {
        let content = file.read()?;
        let mark = [0, SLOT_BYTES as usize].iter().filter_map(|&at| read_slot(&content, at)).max_by_key(|m| m.sequence);
        if mark.is_none() && content.len() as u64 > SLOT_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "both slots of the last-signed mark are damaged"));
        }
        Ok(Self { file, mark, dirty: false })
    }

    /// The furthest position signed, with the digest signed there.
    pub(crate) fn last(&self) -> Option<(Position, Hash32)> {
        self.mark.as_ref().map(|m| (m.position, m.digest))
    }

    /// Whether `digest` may be signed at `position`; if so the mark moves there. The caller syncs before publishing.
    pub(crate) fn admit(&mut self, position: Position, digest: Hash32) -> bool {
        match self.last() {
            Some((last, signed)) if position == last => digest == signed,
            Some((last, _)) if position < last => false,
            _ => {
                self.advance(position, digest);
                true
            }
        }
    }

    /// Makes the mark durable. Free if it has not moved. Exactly one slot is written between two syncs, so the other
    /// always holds an intact mark.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        let Some(mark) = self.mark.as_ref().filter(|_| self.dirty) else { return Ok(()) };
        let mut slot = hash_encoded(MARK_DOMAIN, mark).0.to_vec();
        slot.extend_from_slice(&encode(mark));
        self.file.write_at((mark.sequence % 2) * SLOT_BYTES, &slot)?;
        self.file.sync()?;
        self.dirty = false;
        Ok(())
    }

    fn advance(&mut self, position: Position, digest: Hash32) {
        let durable = self.mark.as_ref().map(|m| m.sequence);
        let sequence = durable.map_or(0, |s| if self.dirty { s } else { s + 1 });
        self.mark = Some(Mark { sequence, position, digest });
        self.dirty = true;
    }
}

fn read_slot(content: &[u8], at: usize) -> Option<Mark> {
    let length = CHECKSUM_BYTES + MARK_BYTES;
    let slot = content.get(at..at + length)?;
    let mark: Mark = decode(&slot[CHECKSUM_BYTES..], MARK_BYTES).ok()?;
    (hash_encoded(MARK_DOMAIN, &mark).0 == slot[..CHECKSUM_BYTES]).then_some(mark)
}

/// Encoded length of a mark: sequence, height, round, step, digest.
const MARK_BYTES: usize = 8 + 8 + 4 + 1 + 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{Fate, MemoryFile};

    const A: Hash32 = Hash32([1; 32]);
    const B: Hash32 = Hash32([2; 32]);

    fn at(height: u64, round: u32, step: u8) -> Position {
        Position { height: Height(height), round, step }
    }

    fn open(file: &MemoryFile) -> Guard<MemoryFile> {
        Guard::open(file.clone()).expect("memory does not fail")
    }

    #[test]
    fn a_key_signs_strictly_forward_and_repeats_only_itself() {
        let mut guard = open(&MemoryFile::default());
        assert!(guard.admit(at(1, 0, 1), A));
        assert!(guard.admit(at(1, 0, 1), A), "the same statement again");
        assert!(!guard.admit(at(1, 0, 1), B), "another statement at the same place");
        assert!(!guard.admit(at(1, 0, 0), A), "an earlier step");
        assert!(guard.admit(at(1, 1, 0), B));
        assert!(!guard.admit(at(1, 0, 2), A), "an earlier round");
        assert!(guard.admit(at(2, 0, 0), A));
        assert!(!guard.admit(at(1, 9, 2), A), "an earlier height");
    }

    #[test]
    fn the_mark_survives_a_crash_that_tears_the_next_write() {
        for torn in 0..90 {
            let file = MemoryFile::default();
            let mut guard = open(&file);
            for step in 0..3 {
                assert!(guard.admit(at(7, 0, step), A));
                guard.sync().expect("memory does not fail");
            }
            file.lie_about_syncs(true);
            assert!(guard.admit(at(7, 1, 0), A) && guard.admit(at(7, 1, 1), A));
            guard.sync().expect("memory does not fail");
            file.crash(|| Fate::Torn(torn));
            assert!(!open(&file).admit(at(7, 0, 2), B), "torn at {torn}");
        }
    }

    #[test]
    fn losing_both_slots_is_reported_not_taken_for_a_new_key() {
        let mut file = MemoryFile::default();
        let mut guard = open(&file);
        for step in 0..2 {
            assert!(guard.admit(at(1, 0, step), A));
            guard.sync().expect("memory does not fail");
        }
        file.write_at(0, &[0; 64]).expect("memory does not fail");
        file.write_at(SLOT_BYTES, &[0; 64]).expect("memory does not fail");
        assert!(Guard::open(file).is_err());
    }
}
