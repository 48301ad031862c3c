//! Proving several samples at once, without those that the model refuses.

use crate::cli::ProveArgs;
use crate::error::{CliError, Exit};
use ciro_auditor::ProofContext;
use ciro_compile::refusal::{Refusal, Sifted, sift};
use ciro_graph::{Disclosure, Model, Program, RawInput, Visibility};
use ciro_prover::{BatchProof, ProveError, ProvingKey, Seed, prove_batch};
use serde::Serialize;
use std::time::Instant;

/// A sample that the model refuses.
#[derive(Serialize)]
pub(super) struct Refused {
    /// Its number in the batch that was asked for, from zero.
    pub(super) sample: u32,
    pub(super) reason: String,
    pub(super) hint: String,
}

/// What was proven.
pub(super) struct Proven {
    pub(super) key: ProvingKey,
    pub(super) made: BatchProof,
    pub(super) input: RawInput,
    pub(super) seed: Seed,
    /// The number of each sample in the batch that was asked for.
    pub(super) numbers: Vec<u32>,
    pub(super) refused: Vec<Refused>,
    pub(super) setup_ms: f64,
    pub(super) prove_ms: f64,
}

/// Proves the samples at once. Those that the model refuses are found when they stop the others, which then go on alone.
pub(super) fn prove(args: &ProveArgs, model: Model, samples: &[RawInput]) -> Result<Proven, CliError> {
    let all: Vec<u32> = (0..args.batch).collect();
    let model = match attempt(args, model, samples, all)? {
        Attempt::Proven(proven) => return Ok(*proven),
        Attempt::Stopped(model) => model,
    };
    let Sifted { taken, refused } = sift(&model, samples).map_err(CliError::failed)?;
    if let (true, Some((first, refusal))) = (taken.is_empty(), refused.first()) {
        let message = match refused.len() {
            1 => refusal.reason.clone(),
            count => format!("the model refuses all {count} samples; sample {first}: {refusal}"),
        };
        return Err(CliError::failed(message).hint(&refusal.hint));
    }
    let kept: Vec<RawInput> = taken.iter().filter_map(|&i| samples.get(i as usize).cloned()).collect();
    let refused = refused.into_iter().map(|(sample, Refusal { reason, hint })| Refused { sample, reason, hint });
    match attempt(args, model, &kept, taken)? {
        Attempt::Proven(proven) => Ok(Proven { refused: refused.collect(), ..*proven }),
        Attempt::Stopped(_) => {
            Err(CliError::failed("samples that run alone are refused in a batch: please report this"))
        }
    }
}

enum Attempt {
    Proven(Box<Proven>),
    /// The model refuses a sample; here is the model again, on one sample.
    Stopped(Model),
}

fn attempt(args: &ProveArgs, model: Model, samples: &[RawInput], numbers: Vec<u32>) -> Result<Attempt, CliError> {
    let program = batched(model.program, args, numbers.len() as u32);
    let input = program.join(samples).ok_or_else(|| CliError::usage("expected samples, got none"))?;
    let started = Instant::now();
    let key = ProvingKey::new(Model { program, weights: model.weights }).map_err(CliError::failed)?;
    let setup_ms = started.elapsed().as_secs_f64() * 1e3;
    let started = Instant::now();
    let seed = seed(&key)?;
    match prove_batch(&key, &input, &ProofContext::default(), &seed) {
        Ok(made) => {
            let prove_ms = started.elapsed().as_secs_f64() * 1e3;
            let refused = Vec::new();
            let proven = Proven { key, made, input, seed, numbers, refused, setup_ms, prove_ms };
            Ok(Attempt::Proven(Box::new(proven)))
        }
        Err(ProveError::Execute(error)) if Refusal::of(&key.model().program, &error).is_some() => {
            let Model { program, weights } = key.model().clone();
            Ok(Attempt::Stopped(Model { program: program.batched(1), weights }))
        }
        Err(error) => Err(CliError::failed(error)),
    }
}

/// The program on so many samples, committed if they are to be shown one by one.
fn batched(program: Program, args: &ProveArgs, count: u32) -> Program {
    let program = program.batched(count);
    if args.receipts.is_none() {
        return program;
    }
    let weights = program.visibility.weights;
    let visibility = Visibility { input: Disclosure::Committed, output: Disclosure::Committed, weights };
    Program { visibility, ..program }
}

/// Says that a batch was proven without some of its samples.
pub(super) fn partial(refused: &[Refused], asked: u32) -> Result<(), CliError> {
    let Some(first) = refused.first() else { return Ok(()) };
    let count = refused.len();
    let message =
        format!("{count} of {asked} samples refused, the others are proven; sample {}: {}", first.sample, first.reason);
    Err(CliError::new(Exit::Partial, message).hint(&first.hint))
}

/// Bytes from the system, if the model hides anything.
fn seed(key: &ProvingKey) -> Result<Seed, CliError> {
    if !key.model().program.visibility.hides_values() {
        return Ok(Seed::NONE);
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| CliError::failed(format!("the system gives no randomness: {e}")))?;
    Ok(Seed::new(bytes))
}
