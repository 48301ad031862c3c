//! Random mixes of everything: any number of seeds, each of which must come to rest with every promise kept.

use ciro_sim::{Plan, run, run_traced};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Seeds in the gate.
const SEEDS: u64 = 200;
/// Seeds are independent; each runs on one thread.
const THREADS: usize = 2;

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: expected a number, got {text}")))
}

#[test]
fn every_seed_comes_to_rest_with_every_promise_kept() {
    let seeds = number("CIRO_SIM_SEEDS").unwrap_or(SEEDS);
    let (next, failures) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let longest = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    match run(Plan::random(seed), |_| Ok(())) {
                        Ok(report) => {
                            longest.fetch_max(report.counts.steps.values().sum(), Ordering::Relaxed);
                        }
                        Err(failure) => {
                            eprintln!("seed {seed} fails: {}", failure.violation);
                            failures.lock().expect("no thread panics").push(failure);
                        }
                    }
                }
            });
        }
    });
    eprintln!("the longest of {seeds} runs took {} steps", longest.into_inner());
    let mut failures = failures.into_inner().expect("no thread panics");
    failures.sort_by_key(|failure| failure.seed);
    if let Some(first) = failures.first() {
        let failed: Vec<u64> = failures.iter().map(|failure| failure.seed).collect();
        let seed = first.seed;
        panic!(
            "{first:?}\nof {seeds} seeds {} fail: {failed:?}\nreplay seed {seed}: \
             CIRO_SIM_SEED={seed} cargo test --release -p ciro-sim replay -- --nocapture",
            failed.len()
        );
    }
}

#[test]
fn replay() {
    let seed = number("CIRO_SIM_SEED").unwrap_or(0);
    match run_traced(Plan::random(seed), true, |_| Ok(())) {
        Ok((report, trace)) => eprintln!(
            "{trace}seed {seed} is good: {} at height {}, {} ms, {:?}, {} receipts, {:?}",
            report.trace, report.height, report.ms, report.ends, report.receipts, report.counts
        ),
        Err(failure) => panic!("{failure:?}"),
    }
}
