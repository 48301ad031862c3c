//! Rewriting to fewer, larger steps: functions fused, normalisations recognised, scales and offsets folded into weights.
//!
//! Each round rebuilds the network step by step; a step is rewritten by what its operands have become. Rounds are repeated
//! until nothing changes; then those that also move what picks positions.

mod fuse;
mod layers;
mod norms;
mod order;
mod pools;
mod rewriter;
mod takes;
mod weights;

pub(crate) use norms::HIDES;

use crate::graph::net::{Id, Net, Step};
use rewriter::{Rewriter, Rule};
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
