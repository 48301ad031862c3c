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

/// One step of a transcript; the census of a proof is made of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What happens.
    pub kind: StepKind,
    /// Under which label.
    pub label: &'static str,
    /// Bytes of a message, or how many positions are drawn; one for a challenge.
    pub len: usize,
}

/// What a step of a transcript does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// What both sides know is absorbed.
    Absorb,
    /// A message is absorbed and appended to the proof.
    Send,
    /// A message that a commitment binds is appended, not absorbed.
    Open,
    /// An element is drawn.
    Challenge,
    /// Positions are drawn.
    Positions,
}

/// The prover's transcript.
pub struct Writer {
    sponge: Sponge,
    proof: Vec<u8>,
    segments: Vec<Segment>,
    steps: Vec<Step>,
}

impl Transcript for Writer {
    fn sponge(&mut self) -> &mut Sponge {
        &mut self.sponge
    }

    fn absorb(&mut self, label: &'static str, data: &[u8]) {
        self.steps.push(Step { kind: StepKind::Absorb, label, len: data.len() });
        self.sponge.absorb(label, data);
    }

    fn challenge(&mut self, label: &'static str) -> E {
        self.steps.push(Step { kind: StepKind::Challenge, label, len: 1 });
        self.sponge.challenge(label)
    }

    fn positions(&mut self, label: &'static str, count: usize, bits: u32) -> Vec<u32> {
        self.steps.push(Step { kind: StepKind::Positions, label, len: count });
        self.sponge.positions(label, count, bits)
    }
}

impl Writer {
    /// An empty proof for `protocol`.
    #[must_use]
    pub fn new(protocol: &str) -> Self {
        Self { sponge: Sponge::new(protocol), proof: Vec::new(), segments: Vec::new(), steps: Vec::new() }
    }

    fn append(&mut self, kind: StepKind, label: &'static str, bytes: &[u8]) {
        self.steps.push(Step { kind, label, len: bytes.len() });
        let start = self.proof.len();
        self.proof.extend_from_slice(bytes);
        self.segments.push(Segment { label, start, end: self.proof.len() });
    }

    /// Sends extension elements.
    pub fn write_exts(&mut self, label: &'static str, xs: &[E]) {
        let bytes = exts_to_bytes(xs);
        self.sponge.absorb(label, &bytes);
        self.append(StepKind::Send, label, &bytes);
    }

    /// Sends a digest.
    pub fn write_digest(&mut self, label: &'static str, digest: &Digest) {
        self.sponge.absorb(label, digest);
        self.append(StepKind::Send, label, digest);
    }

    /// Sends base elements that an already absorbed commitment binds: appended, not absorbed.
    pub fn write_opened_bases(&mut self, label: &'static str, xs: &[F]) {
        let mut bytes = Vec::with_capacity(xs.len().saturating_mul(4));
        for x in xs {
            push_base(*x, &mut bytes);
        }
        self.append(StepKind::Open, label, &bytes);
    }

    /// Sends extension elements that an already absorbed commitment binds: appended, not absorbed.
    pub fn write_opened_exts(&mut self, label: &'static str, xs: &[E]) {
        let bytes = exts_to_bytes(xs);
        self.append(StepKind::Open, label, &bytes);
    }

    /// Sends digests that an already absorbed commitment binds, siblings or salts: appended, not absorbed.
    pub fn write_opened_digests(&mut self, label: &'static str, digests: &[Digest]) {
        self.append(StepKind::Open, label, &digests.concat());
    }

    /// Finds and sends the smallest proof of work of `bits`; sends nothing for zero bits.
    pub fn grind(&mut self, label: &'static str, bits: u32) {
        if bits == 0 {
            return;
        }
        // Of more nonces than anybody can try one is good.
        let nonce = (0..=u64::MAX).find(|&nonce| self.sponge.grinds(nonce, bits)).unwrap_or(0);
        self.write_work(label, nonce);
    }

    /// Sends a proof of work that was found elsewhere ([`Sponge::work_message`]).
    pub fn write_work(&mut self, label: &'static str, nonce: u64) {
        let bytes = nonce.to_le_bytes();
        self.sponge.absorb(label, &bytes);
        self.append(StepKind::Send, label, &bytes);
    }

    /// Every step so far, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The proof and the map of its messages.
    #[must_use]
    pub fn finish(self) -> (Vec<u8>, Vec<Segment>) {
        (self.proof, self.segments)
    }
}
