//! Each named adversary gets its verdict, whatever the seed.

use ciro_sim::run;
use ciro_sim::scenario::{SCENARIOS, refused_thefts};
use std::cell::Cell;

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

#[test]
fn a_thief_that_holds_a_lease_has_its_proof_refused() {
    let thief = SCENARIOS.iter().find(|scenario| scenario.name == "thief").expect("a thief");
    let refused = Cell::new(0);
    for seed in 0..SEEDS {
        let note = |sim: &ciro_sim::Sim| {
            refused.set(refused.get() + refused_thefts(sim));
            Ok(())
        };
        run((thief.plan)(seed), note).expect("an honest end");
    }
    assert!(refused.get() > 0, "in none of {SEEDS} seeds was a proof refused");
}
