//! Orders that attackers make to answer them themselves.

use crate::cmd::attack::arena::Arena;
use crate::cmd::attack::attacker::ensure;
use crate::cmd::attack::villain::Villain;
use ciro_graph::{RawInput, RawTensor};
use ciro_state::{Action, JobAction, ModelAction, input_hash, job_id};
use ciro_test_models::relu;
use ciro_types::{
    Amount, Assurance, Height, JobId, JobSpec, JobType, MemoryMib, ModelId, ModelRoots, Nonce, Requirements, encode,
};

/// More memory than any machine has.
pub(super) const NOBODY: MemoryMib = MemoryMib(u32::MAX);
/// What every machine has.
pub(super) const ANYBODY: MemoryMib = MemoryMib(0);

/// An order of `client` for machines with `memory`, and its input. Fails with what the network said no to.
pub(super) fn order(
    arena: &Arena,
    client: &Villain,
    assurance: Assurance,
    memory: MemoryMib,
) -> Result<(JobId, Vec<u8>), String> {
    let (model, roots, is_registered) = publish(arena)?;
    let bits = [5.0_f32, 2.0].map(f32::to_bits).to_vec();
    let input = encode(&RawInput(vec![RawTensor { shape: vec![1, 2], bits }]));
    let stored = arena.post("/v1/inputs", "application/octet-stream", &input).status;
    ensure(stored == 200, || format!("the input was answered {stored}"))?;
    if !is_registered {
        let register = Action::Model(ModelAction::Register { program: encode(&relu(0).program), roots });
        let registered = client.act(register);
        ensure(registered.status == 200, || format!("the model was not registered: {}", registered.json()))?;
    }
    let spec = JobSpec {
        chain: client.chain,
        client: client.account(),
        nonce: Nonce(arena.seed),
        job_type: JobType::AIInference,
        model,
        input: input_hash(&input),
        assurance,
        max_price: Amount::ciro(30),
        deadline: Height(arena.until().0 + 400),
        requirements: Requirements { memory, ..Requirements::default() },
    };
    let ordered = client.act(Action::Job(JobAction::Submit { spec: spec.clone() }));
    ensure(ordered.status == 200, || format!("the job was not ordered: {}", ordered.json()))?;
    Ok((job_id(&spec), input))
}

/// Uploads the model: its id, its key and weights, and whether somebody has registered it.
fn publish(arena: &Arena) -> Result<(ModelId, ModelRoots, bool), String> {
    let stored = arena.post("/v1/models", "application/octet-stream", &encode(&relu(0))).json();
    let text = |name: &str| stored[name].as_str().unwrap_or_default().to_string();
    let model = text("model").parse().map_err(|e| format!("the model was not stored: {e:?}"))?;
    let root = |name: &str| text(name).parse().map_err(|e| format!("the model was not stored: {e:?}"));
    let roots = ModelRoots { key: root("key")?, weights: root("weights")? };
    Ok((model, roots, stored["is_registered"].as_bool().unwrap_or_default()))
}

/// The `status` that the ledger gives a job, as the gateway writes it.
pub(super) fn status(arena: &Arena, job: JobId) -> serde_json::Value {
    arena.get(&format!("/v1/jobs/{job}")).json()["status"].clone()
}
