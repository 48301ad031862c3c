//! What each rung of the assurance ladder costs, how long it takes, and what it is worth.

use crate::error::ApiError;
use crate::gateway::Shared;
use crate::read::parse;
use axum::Json;
use axum::extract::{Query, State as Extract};
use ciro_api::http::{Quote, Rung};
use ciro_api::{Asking as _, Node, Offered, Predicate, Refusal, ask};
use ciro_crypto::Signature;
use ciro_state::fees::{paid_workers, tx_fee, with_fee};
use ciro_state::{Action, JobAction, Params, SignedTx, TxBody};
use ciro_types::text::Named;
use ciro_types::{
    AccountId, Amount, Assurance, BasisPoints, CapabilityFlags, ChainId, Hash32, Height, JobSpec, JobType, MemoryMib,
    ModelId, Nonce, Requirements,
};
use std::collections::BTreeMap;

pub(crate) async fn quote(
    Extract(gateway): Extract<Shared>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Json<Quote>, ApiError> {
    let needs = requirements(&query)?;
    gateway.with_node(move |node| make(node, &needs)).await.map(Json)
}

fn requirements(query: &BTreeMap<String, String>) -> Result<Requirements, ApiError> {
    let mut needs = Requirements::default();
    for (name, value) in query {
        match name.as_str() {
            "memory" => needs.memory = MemoryMib(parse(name, value)?),
            "flags" => needs.flags = CapabilityFlags(parse(name, value)?),
            "min_reputation" => needs.min_reputation = parse(name, value)?,
            _ => {
                let hint = "expected memory, flags or min_reputation";
                return Err(ApiError::bad_request(format!("unknown parameter {}", Named(name))).hint(hint));
            }
        }
    }
    Ok(needs)
}

fn make(node: &dyn Node, needs: &Requirements) -> Result<Quote, ApiError> {
    let params = node.ask(ask::Params {})?;
    let (fee, order_fee) = (params.fee, order_fee(&params));
    let rungs = Assurance::ALL.iter().map(|assurance| rung(node, *assurance, needs, fee)).collect::<Result<_, _>>()?;
    Ok(Quote { fee, order_fee, rungs })
}

fn order_fee(params: &Params) -> Amount {
    let spec = JobSpec {
        chain: ChainId([0; 32]),
        client: AccountId::ZERO,
        nonce: Nonce(0),
        job_type: JobType::AIInference,
        model: ModelId([0; 32]),
        input: Hash32::ZERO,
        assurance: Assurance::A0,
        max_price: Amount::ZERO,
        deadline: Height(0),
        requirements: Requirements::default(),
    };
    let body = TxBody {
        chain: spec.chain,
        sender: spec.client,
        nonce: Nonce(0),
        action: Action::Job(JobAction::Submit { spec }),
    };
    tx_fee(params, SignedTx { body, signature: Signature([0; 64]) }.size(), 0)
}

fn rung(node: &dyn Node, assurance: Assurance, needs: &Requirements, fee: BasisPoints) -> Result<Rung, ApiError> {
    let count = u32::try_from(paid_workers(assurance)).unwrap_or(u32::MAX);
    let offers = node.ask(ask::Offers { requirements: needs.clone(), count })?;
    let is_busy = offers.as_ref().is_err_and(|refusal| refusal.failing.contains_key(&Predicate::Free));
    let (workers, price, refusal) = terms(assurance, offers, fee);
    let cost_to_corrupt = node.ask(ask::StakeAtRisk { assurance, workers: workers.clone() })?;
    let latency = node.ask(ask::Latency { assurance })?;
    let (undetected, basis) = worth(assurance);
    Ok(Rung {
        assurance,
        price,
        workers,
        refusal,
        is_busy,
        latency_ms: latency.map(|latency| latency.median_ms),
        latency_jobs: latency.map_or(0, |latency| latency.jobs),
        undetected: undetected.into(),
        cost_to_corrupt,
        basis: basis.into(),
    })
}

type Terms = (Vec<AccountId>, Option<Amount>, Option<String>);

/// The ledger caps each worker's price at an equal share, so the dearest worker decides the price of a rung.
fn terms(assurance: Assurance, offers: Result<Vec<Offered>, Refusal>, fee: BasisPoints) -> Terms {
    match offers {
        Ok(workers) => {
            let dearest = workers.iter().map(|offered| offered.price).max().unwrap_or(Amount::ZERO);
            let total = dearest.mul_div(paid_workers(assurance), 1);
            let price = total.and_then(|total| with_fee(total, fee));
            (workers.into_iter().map(|offered| offered.worker).collect(), price, None)
        }
        Err(refusal) => (Vec::new(), None, Some(refusal.to_string())),
    }
}

const fn worth(assurance: Assurance) -> (&'static str, &'static str) {
    match assurance {
        Assurance::A0 => {
            ("1", "nobody checks the answer; the signature makes a lie attributable, but no stake is taken for it")
        }
        Assurance::A2 => (
            "0, or 1 if both workers collude",
            "the answers are compared bit for bit; both workers must be bought, whose stakes are counted",
        ),
        Assurance::A4 => (
            "2^-100",
            "every validator verifies a 100-bit proof; more than two thirds of the stake must collude to pay for a wrong \
             answer, and even then its receipt does not verify",
        ),
    }
}
