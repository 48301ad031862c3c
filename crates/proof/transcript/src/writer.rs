//! The prover's side: messages are absorbed and appended to the proof.

use crate::field::{E, F, push_base};
use crate::sponge::{Digest, Sponge, Transcript, exts_to_bytes};
use alloc::vec::Vec;

/// Where one labelled message lies in the proof; the tamper manifest is made of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The message's label.
    pub label: &'static str,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// The prover's transcript.
pub struct Writer {
    sponge: Sponge,
    proof: Vec<u8>,
    segments: Vec<Segment>,
}

impl Transcript for Writer {
    fn sponge(&mut self) -> &mut Sponge {
        &mut self.sponge
    }
}

impl Writer {
    /// An empty proof for `protocol`.
    #[must_use]
    pub fn new(protocol: &str) -> Self {
        Self { sponge: Sponge::new(protocol), proof: Vec::new(), segments: Vec::new() }
    }

    fn append(&mut self, label: &'static str, bytes: &[u8]) {
        let start = self.proof.len();
        self.proof.extend_from_slice(bytes);
        self.segments.push(Segment { label, start, end: self.proof.len() });
    }

    /// Sends extension elements.
    pub fn write_exts(&mut self, label: &'static str, xs: &[E]) {
        let bytes = exts_to_bytes(xs);
        self.sponge.absorb(label, &bytes);
        self.append(label, &bytes);
    }

    /// Sends a digest.
    pub fn write_digest(&mut self, label: &'static str, digest: &Digest) {
        self.sponge.absorb(label, digest);
        self.append(label, digest);
    }

    /// Sends base elements that an already absorbed commitment binds: appended, not absorbed.
    pub fn write_opened_bases(&mut self, label: &'static str, xs: &[F]) {
        let mut bytes = Vec::with_capacity(xs.len() * 4);
        for x in xs {
            push_base(*x, &mut bytes);
        }
        self.append(label, &bytes);
    }

    /// Sends extension elements that an already absorbed commitment binds: appended, not absorbed.
    pub fn write_opened_exts(&mut self, label: &'static str, xs: &[E]) {
        let bytes = exts_to_bytes(xs);
        self.append(label, &bytes);
    }

    /// Sends Merkle siblings: bound by the root, appended only.
    pub fn write_siblings(&mut self, label: &'static str, digests: &[Digest]) {
        self.append(label, &digests.concat());
    }

    /// Finds and sends the smallest proof of work of `bits`; sends nothing for zero bits.
    pub fn grind(&mut self, label: &'static str, bits: u32) {
        if bits == 0 {
            return;
        }
        let mut nonce = 0u64;
        while !self.sponge.grinds(nonce, bits) {
            nonce += 1;
        }
        self.write_work(label, nonce);
    }

    /// Sends a proof of work that was found elsewhere ([`Sponge::work_message`]).
    pub fn write_work(&mut self, label: &'static str, nonce: u64) {
        let bytes = nonce.to_le_bytes();
        self.sponge.absorb(label, &bytes);
        self.append(label, &bytes);
    }

    /// The proof and the map of its messages.
    #[must_use]
    pub fn finish(self) -> (Vec<u8>, Vec<Segment>) {
        (self.proof, self.segments)
    }
}
