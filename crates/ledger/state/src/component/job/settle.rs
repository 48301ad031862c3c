//! Paying a job, exactly once.

use crate::component::job::lease::Authority;
use crate::component::job::leases;
use crate::component::job::orders::{self as jobs, open_job};
use crate::component::job::row::JobStatus;
use crate::component::worker::exec::change_standing;
use crate::component::worker::row::Reputation;
use crate::error::TxError;
use crate::event::Event;
use crate::exec::origin::Origin;
use crate::fees::{Phase, portion};
use crate::money::Pot;
use crate::outcome::Outcome;
use crate::receipt::{Payment, SettlementRecord};
use crate::state::State;
use ciro_types::{Amount, Hash32, JobId, TxId};

/// Pays one worker for an answer that the stateless phase has checked: at A4 its proof, at A0 its signature.
pub(crate) fn settle(
    state: &mut State,
    origin: Origin,
    authority: &Authority,
    output: Hash32,
) -> Result<Outcome, TxError> {
    let id = authority.job();
    open_job(state, id)?;
    let price = leases::authorize(state, origin.sender, authority)?;
    pay(state, id, vec![Payment { worker: origin.sender, price }], (output, origin.tx));
    Ok(Outcome::JobSettled { job: id })
}

/// Moves the escrow of an open job to its workers, the fee to its pools and the rest to the client, and ends the job.
/// The caller has kept each price under [`crate::fees::price_ceiling`].
pub(crate) fn pay(state: &mut State, id: JobId, payments: Vec<Payment>, (output, tx): (Hash32, TxId)) {
    for payment in &payments {
        state.shift_held(Pot::Escrow(id), Pot::Balance(payment.worker), payment.price);
    }
    let fee = pay_fee(state, id, payments.iter().map(|payment| payment.price).sum());
    let (_, refund) = jobs::return_escrow(state, id);
    for payment in &payments {
        change_standing(state, payment.worker, Reputation::DONE, |row| row.jobs_done += 1);
    }
    note_false_alarms(state, id);
    let record = record(state, id, Terms { payments, output, fee, refund });
    jobs::close(state, id, JobStatus::Settled { height: record.height, record: record.digest() });
    state.journal.records.push(record.clone());
    state.emit(Event::JobSettled { record, tx });
}

/// Who judged what it held, and judged that it could not be answered, was wrong.
fn note_false_alarms(state: &mut State, id: JobId) {
    let job = state.tables.jobs.get(&id).expect("a job that is being paid has a row");
    let wrong: Vec<_> =
        job.failures.iter().filter(|(_, reason)| reason.is_judgement()).map(|(worker, _)| *worker).collect();
    for worker in wrong {
        change_standing(state, worker, Reputation::FALSE_ALARM, |row| row.false_alarms += 1);
    }
}

fn pay_fee(state: &mut State, id: JobId, total: Amount) -> Amount {
    let fee = portion(total, state.meta.params.fee);
    let phase = Phase::at(state.height(), state.meta.params.blocks_per_month);
    state.pay_fee(Pot::Escrow(id), phase.split(fee));
    fee
}

/// What a settlement adds to the order.
struct Terms {
    payments: Vec<Payment>,
    output: Hash32,
    fee: Amount,
    refund: Amount,
}

fn record(state: &State, id: JobId, terms: Terms) -> SettlementRecord {
    let spec = &state.tables.jobs.get(&id).expect("a job that is being paid has a row").spec;
    SettlementRecord {
        chain: spec.chain,
        job: id,
        client: spec.client,
        model: spec.model,
        input: spec.input,
        output: terms.output,
        assurance: spec.assurance,
        payments: terms.payments,
        fee: terms.fee,
        refund: terms.refund,
        height: state.height(),
    }
}
