//! Rewriting to fewer, larger steps: functions fused, normalisations recognised, scales and offsets folded into weights.
//!
//! Each round rebuilds the network step by step; a step is rewritten by what its operands have become. Rounds are repeated
//! until nothing changes; then those that also move what picks positions.

mod fuse;
mod layers;
mod norms;
mod order;
mod pools;
mod takes;
mod weights;

pub(crate) use norms::HIDES;

use super::step::{Id, Kind, Net, Step};
use crate::error::At;
use std::collections::BTreeMap;

/// Most rounds: deeper chains of rewrites than this are left as they are.
const ROUNDS: usize = 32;

/// The network rewritten, without steps that no output needs.
pub(crate) fn simplify(net: &Net) -> Net {
    let rules: Vec<Rule> = vec![
        fuse::rewrite,
        norms::rewrite,
        pools::rewrite,
        order::rewrite,
        weights::rewrite,
        layers::rewrite,
        takes::rewrite,
    ];
    // What is known by its steps is not computed, and what picks positions comes after what knows steps by what they read.
    (rules.len() - 2..=rules.len()).fold(pruned(net), |net, count| settled(net, &rules[..count]))
}

/// The network with functions of one value fused, and nothing else: sums stay in their order.
pub(crate) fn fused(net: &Net) -> Net {
    settled(pruned(net), &[fuse::rewrite])
}

/// What stands for a step, if it can be rewritten.
type Rule = fn(&mut Rewriter, &Step) -> Option<Id>;

fn settled(mut net: Net, rules: &[Rule]) -> Net {
    for _ in 0..ROUNDS {
        let (next, changed) = round(&net, rules);
        net = pruned(&next);
        if !changed {
            break;
        }
    }
    net
}

/// The network under reconstruction.
struct Rewriter {
    net: Net,
    /// How many steps and outputs read each value; never too small.
    reads: Vec<usize>,
    /// The steps that pick positions of each value.
    takes: BTreeMap<Id, Vec<Id>>,
    changed: bool,
}

fn round(old: &Net, rules: &[Rule]) -> (Net, bool) {
    let mut reads: Vec<usize> = old.readers().iter().map(Vec::len).collect();
    old.outputs.iter().for_each(|output| reads[output.value] += 1);
    let net = Net { steps: vec![], outputs: vec![], ..old.clone() };
    let mut rewriter =
        Rewriter { reads: reads[..net.inputs.len()].to_vec(), net, takes: BTreeMap::new(), changed: false };
    let mut new_id: Vec<Id> = (0..old.inputs.len()).collect();
    for (i, step) in old.steps.iter().enumerate() {
        let operands = step.operands.iter().map(|&x| new_id[x]).collect();
        let step = Step { operands, ..step.clone() };
        new_id.push(rewriter.rewrite(step, reads[old.id_of(i)], rules));
    }
    rewriter.net.outputs.clone_from(&old.outputs);
    rewriter.net.outputs.iter_mut().for_each(|output| output.value = new_id[output.value]);
    (rewriter.net, rewriter.changed)
}

impl Rewriter {
    /// Adds a step, rewritten if a rule applies; returns the value that stands for it.
    fn rewrite(&mut self, step: Step, reads: usize, rules: &[Rule]) -> Id {
        for rule in rules {
            if let Some(id) = rule(self, &step) {
                self.changed = true;
                self.reads[id] += reads.saturating_sub(1);
                return id;
            }
        }
        self.push(step, reads)
    }

    fn push(&mut self, step: Step, reads: usize) -> Id {
        let id = self.reads.len();
        if let (Kind::Take(_), Some(&x)) = (&step.kind, step.operands.first()) {
            self.takes.entry(x).or_default().push(id);
        }
        self.net.steps.push(step);
        self.reads.push(reads);
        id
    }

    /// Adds a step that is read once.
    fn add(&mut self, at: &At, kind: Kind, operands: Vec<Id>, dims: Vec<usize>) -> Id {
        self.push(Step { at: at.clone(), kind, operands, dims }, 1)
    }

    /// The step that produces a value and is read by nothing else than the one being rewritten.
    fn own(&self, id: Id) -> Option<&Step> {
        self.net.step(id).filter(|_| self.reads[id] == 1)
    }
}

fn pruned(net: &Net) -> Net {
    let mut live = vec![false; net.inputs.len() + net.steps.len()];
    live[..net.inputs.len()].fill(true);
    net.outputs.iter().for_each(|output| live[output.value] = true);
    for (i, step) in net.steps.iter().enumerate().rev() {
        if live[net.id_of(i)] {
            step.operands.iter().for_each(|&x| live[x] = true);
        }
    }
    let mut next = 0;
    let number = |&mark: &bool| {
        next += usize::from(mark);
        next.saturating_sub(1)
    };
    let new_id: Vec<Id> = live.iter().map(number).collect();
    let kept = net.steps.iter().enumerate().filter(|(i, _)| live[net.id_of(*i)]);
    let renumbered =
        |step: &Step| Step { operands: step.operands.iter().map(|&x| new_id[x]).collect(), ..step.clone() };
    let steps = kept.map(|(_, step)| renumbered(step)).collect();
    let mut pruned = Net { steps, ..net.clone() };
    pruned.outputs.iter_mut().for_each(|output| output.value = new_id[output.value]);
    pruned
}
