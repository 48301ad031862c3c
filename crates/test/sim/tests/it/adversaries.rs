//! Each named adversary gets its verdict, whatever the seed.

use ciro_sim::run;
use ciro_sim::scenario::SCENARIOS;

const SEEDS: u64 = 3;

#[test]
fn every_adversary_gets_its_verdict() {
    let mut failures = Vec::new();
    for scenario in &SCENARIOS {
        for seed in 0..SEEDS {
            if let Err(failure) = run((scenario.plan)(seed), scenario.verdict) {
                eprintln!("{failure:?}");
                failures.push(format!("{}, seed {seed}: {}", scenario.name, failure.violation));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
