//! Settlements whose proof is zeros.

use super::ensure;
use crate::cmd::attack::arena::Arena;
use crate::cmd::attack::villain::Villain;
use crate::cmd::attack::{Attacker, Verdict};
use crate::error::CliError;
use ciro_graph::{RawInput, RawOutput, RawTensor};
use ciro_state::{Action, Authority, input_hash, job_id};
use ciro_test_models::relu;
use ciro_types::{
    Amount, Assurance, Hash32, Height, JobId, JobSpec, JobType, MemoryMib, ModelId, Nonce, Requirements, encode,
};
use std::time::{Duration, Instant};

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "zero-proof",
    does: "orders a job that no machine can take, and answers it itself with proofs of zeros",
    must: "each is refused before it costs anything, and nobody is paid",
    descriptors: None,
    attack,
};

const PROOFS: u64 = 20;
const PROOF_BYTES: usize = 200_000;
/// Longer than the refusals take on a busy machine.
const FUSE: Duration = Duration::from_secs(20);

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let villain = arena.funded(Amount::ciro(200))?;
    let (job, input) = match order(arena, &villain) {
        Ok(ordered) => ordered,
        Err(refused) => return Ok(Err(refused)),
    };
    let started = Instant::now();
    let output = encode(&RawOutput(vec![vec![4]]));
    for n in 0..PROOFS {
        let authority = Authority::Open { job };
        let proof = vec![0; PROOF_BYTES + usize::try_from(n).unwrap_or_default()];
        let action = Action::SettleJob { authority, input: input.clone(), output: output.clone(), proof };
        let status = villain.act(action).status;
        if let Err(won) = ensure(status != 200, || "a proof of zeros was paid".into()) {
            return Ok(Err(won));
        }
    }
    let took = started.elapsed();
    let lost = ensure(took < FUSE, || format!("{PROOFS} proofs of zeros took {} s", took.as_secs()));
    Ok(lost.map(|()| format!("{PROOFS} proofs of zeros were refused in {} ms", took.as_millis())))
}

/// An A4 job of the attacker's own, for a machine that nobody has.
fn order(arena: &Arena, villain: &Villain) -> Result<(JobId, Vec<u8>), String> {
    let model = relu(0);
    let stored = arena.post("/v1/models", "application/octet-stream", &encode(&model)).json();
    let text = |name: &str| stored[name].as_str().unwrap_or_default().to_string();
    let id: ModelId = text("model").parse().map_err(|e| format!("the model was not stored: {e:?}"))?;
    let weight_root: Hash32 = text("weight_root").parse().map_err(|e| format!("the model was not stored: {e:?}"))?;
    let registered = villain.act(Action::RegisterModel { program: encode(&model.program), weight_root });
    ensure(registered.status == 200, || format!("the model was not registered: {}", registered.json()))?;
    let bits = [5.0_f32, 2.0].map(f32::to_bits).to_vec();
    let input = encode(&RawInput(vec![RawTensor { shape: vec![1, 2], bits }]));
    let spec = JobSpec {
        chain: villain.chain,
        client: villain.account(),
        nonce: Nonce(arena.seed),
        job_type: JobType::AIInference,
        model: id,
        input: input_hash(&input),
        assurance: Assurance::A4,
        max_price: Amount::ciro(5),
        deadline: Height(arena.until().0 + 400),
        requirements: Requirements { memory: MemoryMib(u32::MAX), ..Requirements::default() },
    };
    let ordered = villain.act(Action::SubmitJob { spec: spec.clone() });
    ensure(ordered.status == 200, || format!("the job was not ordered: {}", ordered.json()))?;
    Ok((job_id(&spec), input))
}
