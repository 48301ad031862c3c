//! The network while it is rebuilt, and the rules' view of it.

use crate::graph::net::{Id, Kind, Net, Step};
use crate::terms::error::At;
use std::collections::BTreeMap;

/// What stands for a step, if it can be rewritten.
pub(super) type Rule = fn(&mut Rewriter, &Step) -> Option<Id>;

/// The network under reconstruction.
pub(super) struct Rewriter {
    pub(super) net: Net,
    /// How many steps and outputs read each value; never too small.
    pub(super) reads: Vec<usize>,
    /// The steps that pick positions of each value.
    pub(super) takes: BTreeMap<Id, Vec<Id>>,
    pub(super) changed: bool,
}

impl Rewriter {
    /// Adds a step, rewritten if a rule applies; returns the value that stands for it.
    pub(super) fn rewrite(&mut self, step: Step, reads: usize, rules: &[Rule]) -> Id {
        for rule in rules {
            if let Some(id) = rule(self, &step) {
                self.changed = true;
                self.reads[id] += reads.saturating_sub(1);
                return id;
            }
        }
        self.push(step, reads)
    }

    pub(super) fn push(&mut self, step: Step, reads: usize) -> Id {
        let id = self.reads.len();
        if let (Kind::Take(_), Some(&x)) = (&step.kind, step.operands.first()) {
            self.takes.entry(x).or_default().push(id);
        }
        self.net.steps.push(step);
        self.reads.push(reads);
        id
    }

    /// Adds a step that is read once.
    pub(super) fn add(&mut self, at: &At, kind: Kind, operands: Vec<Id>, dims: Vec<usize>) -> Id {
        self.push(Step { at: at.clone(), kind, operands, dims }, 1)
    }

    /// The step that produces a value and is read by nothing else than the one being rewritten.
    pub(super) fn own(&self, id: Id) -> Option<&Step> {
        self.net.step(id).filter(|_| self.reads[id] == 1)
    }
}
