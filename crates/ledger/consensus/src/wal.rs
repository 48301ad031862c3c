//! The write-ahead log: every input that could change what this validator signs, written before the signature leaves.
//!
//! Format, little-endian. A header `magic (8) · height (8) · link (16)`, then records `length (4) · link (16) ·
//! payload`. A link is the first 16 bytes of a hash over the previous link and the payload. So a record is only read
//! behind the records it was written behind. A torn tail, a stale tail of an earlier height, or a flipped bit ends the
//! log there.
//!
//! The log holds one height. It is started over when the block of that height is durable in the store. A crash in
//! between leaves records of a finished height, which are recognised by the header and ignored.
//!
//! A store that was made anew from a peer's may lie behind the log. The log then holds what this key has signed at a
//! height still to come. It is kept as it is until the chain gets there. Nothing is signed before that, so nothing
//! needs to be written.

use crate::certificate::PolkaCertificate;
use crate::file::WalFile;
use crate::message::MAX_MESSAGE_BYTES;
use crate::vote::{SignedProposal, SignedVote};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_crypto::Hasher;
use ciro_types::{Height, decode, encode};
use std::io;

const MAGIC: [u8; 8] = *b"cirowal1";
const LINK_DOMAIN: &str = "ciro/consensus/wal/v1";
const LINK_BYTES: usize = 16;
const HEADER_BYTES: usize = MAGIC.len() + 8 + LINK_BYTES;
const PREFIX_BYTES: usize = 4 + LINK_BYTES;

type Link = [u8; LINK_BYTES];

/// One logged input.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum WalEntry {
    /// A verified vote, ours or a peer's.
    Vote(SignedVote),
    /// A proposal whose block this validator has checked.
    Proposal(SignedProposal),
    /// A phase of a round ran out of time.
    Timeout { phase: TimeoutPhase, round: u32 },
    /// A verified polka certificate.
    Polka(PolkaCertificate),
}

/// The phases whose timeout changes what is signed next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub(crate) enum TimeoutPhase {
    Propose = 0,
    Prevote = 1,
    Precommit = 2,
}

/// An open log, positioned at its end.
pub(crate) struct Wal<F> {
    file: F,
    height: Height,
    end: u64,
    link: Link,
    dirty: bool,
    kept: Option<Kept>,
}

/// What the file holds of a height that the chain has not reached here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) height: Height,
    pub(crate) entries: Vec<WalEntry>,
}

impl<F: WalFile> Wal<F> {
    /// Opens the log for `height` and returns what it holds for that height. One of a later height is kept. One of an
    /// earlier height, an empty or an unreadable one is started over.
    pub(crate) fn open(mut file: F, height: Height) -> io::Result<(Self, Vec<WalEntry>)> {
        let content = file.read()?;
        let Some((logged, link)) = read_header(&content).filter(|(logged, _)| *logged >= height) else {
            let mut wal = Self { file, height, end: 0, link: Link::default(), dirty: false, kept: None };
            wal.reset(height)?;
            return Ok((wal, Vec::new()));
        };
        let mut wal = Self { file, height, end: HEADER_BYTES as u64, link, dirty: false, kept: None };
        let mut entries = Vec::new();
        while let Some(entry) = wal.read_record(&content) {
            entries.push(entry);
        }
        wal.file.set_len(wal.end)?;
        if logged > height {
            wal.kept = Some(Kept { height: logged, entries });
            return Ok((wal, Vec::new()));
        }
        Ok((wal, entries))
    }

    /// What is kept of a later height.
    pub(crate) fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }

    /// The height whose inputs are logged.
    pub(crate) fn height(&self) -> Height {
        self.height
    }

    /// Appends without syncing. Below a height that is kept nothing is signed, and nothing written.
    pub(crate) fn append(&mut self, entry: &WalEntry) -> io::Result<()> {
        if self.kept.is_some() {
            return Ok(());
        }
        let payload = encode(entry);
        let link = next_link(&self.link, &payload);
        let mut record = Vec::with_capacity(PREFIX_BYTES + payload.len());
        record.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        record.extend_from_slice(&link);
        record.extend_from_slice(&payload);
        self.file.write_at(self.end, &record)?;
        self.end += record.len() as u64;
        self.link = link;
        self.dirty = true;
        Ok(())
    }

    /// Makes everything appended so far durable. Free if nothing was appended since the last time.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.dirty) {
            self.file.sync()?;
        }
        Ok(())
    }

    /// Starts over for `height`, and returns what was kept for it. Needs no sync of its own: nothing is published about
    /// `height` before the next one.
    pub(crate) fn reset(&mut self, height: Height) -> io::Result<Vec<WalEntry>> {
        self.height = height;
        match self.kept.take_if(|kept| height >= kept.height) {
            Some(kept) if kept.height == height => return Ok(kept.entries),
            None if self.kept.is_some() => return Ok(Vec::new()),
            Some(_) | None => {}
        }
        let link = header_link(height);
        let header = [MAGIC.as_slice(), &height.0.to_le_bytes(), &link].concat();
        self.file.set_len(0)?;
        self.file.write_at(0, &header)?;
        (self.end, self.link, self.dirty) = (HEADER_BYTES as u64, link, true);
        Ok(Vec::new())
    }

    /// The record at the current end, or `None` where the intact part of the log stops.
    fn read_record(&mut self, content: &[u8]) -> Option<WalEntry> {
        let rest = content.get(usize::try_from(self.end).ok()?..)?;
        let length = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let link: Link = rest.get(4..PREFIX_BYTES)?.try_into().ok()?;
        let payload = rest.get(PREFIX_BYTES..PREFIX_BYTES.checked_add(length)?)?;
        if link != next_link(&self.link, payload) {
            return None;
        }
        let entry = decode(payload, 2 * MAX_MESSAGE_BYTES).ok()?;
        self.end += (PREFIX_BYTES + length) as u64;
        self.link = link;
        Some(entry)
    }
}

/// The height of a log, if its header is whole.
fn read_header(content: &[u8]) -> Option<(Height, Link)> {
    let (height, _) = content.strip_prefix(&MAGIC)?.split_first_chunk()?;
    let height = Height(u64::from_le_bytes(*height));
    let link = header_link(height);
    content.get(MAGIC.len() + 8..)?.starts_with(&link).then_some((height, link))
}

fn header_link(height: Height) -> Link {
    next_link(&Link::default(), &height.0.to_le_bytes())
}

fn next_link(previous: &Link, payload: &[u8]) -> Link {
    let mut hasher = Hasher::new(LINK_DOMAIN);
    hasher.update(previous).update(payload);
    let digest = hasher.finish();
    let mut link = Link::default();
    link.copy_from_slice(&digest.0[..LINK_BYTES]);
    link
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{Fate, MemoryFile};

    fn timeout(round: u32) -> WalEntry {
        WalEntry::Timeout { phase: TimeoutPhase::Prevote, round }
    }

    fn reopen(file: &MemoryFile, height: u64) -> Vec<WalEntry> {
        Wal::open(file.clone(), Height(height)).expect("memory does not fail").1
    }

    fn written(rounds: u32) -> (MemoryFile, Wal<MemoryFile>) {
        let file = MemoryFile::default();
        let (mut wal, _) = Wal::open(file.clone(), Height(5)).expect("memory does not fail");
        (0..rounds).for_each(|round| wal.append(&timeout(round)).expect("memory does not fail"));
        (file, wal)
    }

    #[test]
    fn a_synced_log_survives_and_an_unsynced_tail_may_not() {
        let (file, mut wal) = written(3);
        wal.sync().expect("memory does not fail");
        wal.append(&timeout(3)).expect("memory does not fail");
        file.crash(|| Fate::Lost);
        assert_eq!(reopen(&file, 5), (0..3).map(timeout).collect::<Vec<_>>());
    }

    #[test]
    fn a_tail_torn_at_any_byte_keeps_every_record_before_it() {
        for keep in 0..27 {
            let (file, mut wal) = written(3);
            wal.sync().expect("memory does not fail");
            wal.append(&timeout(9)).expect("memory does not fail");
            file.crash(|| Fate::Torn(keep));
            let entries = reopen(&file, 5);
            assert_eq!(entries[..3], [timeout(0), timeout(1), timeout(2)], "torn at {keep}");
            assert!(entries.len() == 3 || entries[3] == timeout(9), "torn at {keep}");
        }
    }

    #[test]
    fn a_flipped_bit_ends_the_log_there() {
        let (file, mut wal) = written(3);
        let mut content = wal.file.read().expect("memory does not fail");
        let last = content.len() - 1;
        content[last] ^= 1;
        wal.file.write_at(0, &content).expect("memory does not fail");
        assert_eq!(reopen(&file, 5), vec![timeout(0), timeout(1)]);
    }

    #[test]
    fn records_behind_a_lost_write_are_not_read() {
        let (file, mut wal) = written(0);
        wal.sync().expect("memory does not fail");
        (0..3).for_each(|round| wal.append(&timeout(round)).expect("memory does not fail"));
        let mut fates = [Fate::Kept, Fate::Lost, Fate::Kept].into_iter();
        file.crash(|| fates.next().unwrap_or(Fate::Lost));
        assert_eq!(reopen(&file, 5), vec![timeout(0)]);
    }

    #[test]
    fn a_log_of_a_finished_height_is_started_over() {
        let (file, mut wal) = written(3);
        wal.sync().expect("memory does not fail");
        assert_eq!(reopen(&file, 6), Vec::new());
        assert_eq!(reopen(&file, 5), Vec::new(), "the old records are gone");
    }

    /// A finding: a store that was made anew lay behind, and the log of what its key had signed was thrown away.
    #[test]
    fn a_log_of_a_later_height_is_kept_until_the_chain_gets_there() {
        let entries = || (0..3).map(timeout).collect::<Vec<_>>();
        let (file, mut wal) = written(3);
        wal.sync().expect("memory does not fail");
        for _ in 0..2 {
            let (mut behind, logged) = Wal::open(file.clone(), Height(3)).expect("memory does not fail");
            assert_eq!((logged, behind.kept()), (vec![], Some(&Kept { height: Height(5), entries: entries() })));
            behind.append(&timeout(9)).expect("memory does not fail");
            assert_eq!(behind.reset(Height(4)).expect("memory does not fail"), []);
            behind.append(&timeout(9)).and_then(|()| behind.sync()).expect("memory does not fail");
        }
        let (mut behind, _) = Wal::open(file.clone(), Height(4)).expect("memory does not fail");
        assert_eq!(behind.reset(Height(5)).expect("memory does not fail"), entries());
        behind.append(&timeout(3)).and_then(|()| behind.sync()).expect("memory does not fail");
        assert_eq!(reopen(&file, 5), (0..4).map(timeout).collect::<Vec<_>>());

        let (mut past, _) = Wal::open(file.clone(), Height(4)).expect("memory does not fail");
        assert_eq!(past.reset(Height(6)).expect("memory does not fail"), [], "it was decided without this log");
        assert_eq!(reopen(&file, 5), []);
    }

    #[test]
    fn a_stale_tail_behind_a_restarted_log_is_not_read() {
        let (file, mut wal) = written(3);
        wal.sync().expect("memory does not fail");
        wal.reset(Height(6)).expect("memory does not fail");
        // The truncation is lost, the new header is written over the old one: the old records follow it in place.
        let mut fates = [Fate::Lost, Fate::Kept].into_iter();
        file.crash(|| fates.next().unwrap_or(Fate::Lost));
        assert_eq!(reopen(&file, 6), Vec::new());
    }
}
