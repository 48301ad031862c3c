//! The seed is the bug report: the same one gives the same run, and another one another.

use ciro_sim::{Plan, Report, run};
use std::collections::BTreeSet;

fn report(seed: u64) -> Report {
    run(Plan::random(seed), |_| Ok(())).unwrap_or_else(|failure| panic!("{failure:?}"))
}

#[test]
fn the_same_seed_gives_the_same_trace_and_others_give_others() {
    let mut traces = BTreeSet::new();
    for seed in 0..8 {
        let (first, second) = (report(seed), report(seed));
        assert_eq!((first.trace, first.counts), (second.trace, second.counts), "seed {seed}");
        assert!(traces.insert(first.trace), "seed {seed} repeats another seed's run");
    }
}
