//! What happened, as a hash of all of it and as lines about the parts a person wants to read.

use ciro_crypto::Hasher;
use ciro_types::Hash32;
use std::collections::VecDeque;

/// Lines kept for a failure report.
const LINES: usize = 300;

/// The record of one run.
#[derive(Clone)]
pub struct Trace {
    hasher: Hasher,
    lines: VecDeque<String>,
    limit: usize,
}

impl Trace {
    /// An empty record that keeps the last lines, or all of them.
    #[must_use]
    pub fn new(keep_all: bool) -> Self {
        let limit = if keep_all { usize::MAX } else { LINES };
        Self { hasher: Hasher::new("ciro/sim/trace/v1"), lines: VecDeque::new(), limit }
    }

    /// Notes an event by its parts; each part is length-prefixed.
    pub fn note(&mut self, at_ms: u64, parts: &[&[u8]]) {
        self.hasher.update(&at_ms.to_le_bytes());
        for part in parts {
            self.hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
    }

    /// Notes an event that a person wants to read.
    pub fn line(&mut self, at_ms: u64, text: &str) {
        self.note(at_ms, &[text.as_bytes()]);
        if self.lines.len() == self.limit {
            self.lines.pop_front();
        }
        self.lines.push_back(format!("{at_ms:>6} ms  {text}"));
    }

    /// Hash of everything so far.
    #[must_use]
    pub fn hash(&self) -> Hash32 {
        self.hasher.clone().finish()
    }

    /// The lines that were kept, oldest first.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}
