//! The numbers a network chooses at genesis. Times are in blocks: the ledger has no clock.

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{Amount, BasisPoints};
use serde::{Deserialize, Serialize};

/// The highest protocol fee a network may choose (FEATURES, C1).
pub const MAX_FEE: BasisPoints = BasisPoints(1_000);

/// The longest span of blocks a parameter may name. Sums of a few of these and any height stay far below 2⁶⁴.
pub const MAX_SPAN: u64 = 1 << 40;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// What a genesis fixes for the life of the network.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Params {
    /// Protocol fee on top of what workers are paid.
    pub fee: BasisPoints,
    /// Stake below which a worker takes no part.
    pub min_stake: Amount,
    /// The smallest price of an offer or a lease. A job's `max_price` must pay its workers this and the fee.
    pub min_price: Amount,
    /// What every transaction pays before it is executed, refused ones included.
    pub tx_fee: Amount,
    /// What each byte of a transaction adds to that.
    pub tx_byte_fee: Amount,
    /// What each unit of verification adds: about a microsecond of one core of every validator.
    pub tx_unit_fee: Amount,
    /// What a row that stays for good costs whoever makes it: an account by a transfer, a worker by its registration.
    pub row_fee: Amount,
    /// The most units a model's proof may cost to verify. A registration pays for as many.
    pub max_proof_units: u64,
    /// The most memory that verifying a model's proof may take, bytes.
    pub max_proof_memory: u64,
    /// What each byte of a registered model keeps back from its owner until the model is removed.
    pub model_byte_deposit: Amount,
    /// What each byte of its weights keeps back: shelves keep them for as long as jobs name the model.
    pub weight_byte_deposit: Amount,
    /// Active stake that must stand behind each slot of an offer.
    pub slot_stake: Amount,
    /// How many times the prices of its open A2 seats a worker's active stake must be.
    pub seat_cover: u64,
    /// Blocks a lease must have been able to run before its end counts against its worker.
    pub min_lease_blocks: u64,
    /// Blocks between asking for stake and getting it.
    pub unstake_delay: u64,
    /// The furthest a job's deadline may lie ahead. Below `unstake_delay`, so that stake outlives every dispute.
    pub max_job_blocks: u64,
    /// The longest a lease may still run when it is presented, and so the time a cancellation waits.
    pub max_lease_blocks: u64,
    /// The furthest an offer's expiry may lie ahead.
    pub max_offer_blocks: u64,
    /// Blocks after which a job that nobody answered needs no lease.
    pub open_window: u64,
    /// Blocks an A2 worker has to open its commitment.
    pub reveal_window: u64,
    /// How long an ended job stays readable in the state after its deadline.
    pub retention_blocks: u64,
    /// One month of the fee schedule.
    pub blocks_per_month: u64,
    /// How many workers must say that a job cannot be answered before it is refunded.
    pub fail_quorum: u32,
    /// Longest program, bytes.
    pub max_program_bytes: u32,
    /// Longest raw input, bytes.
    pub max_input_bytes: u32,
    /// Longest raw output, bytes.
    pub max_output_bytes: u32,
    /// Longest proof, bytes.
    pub max_proof_bytes: u32,
    /// Longest evidence of an equivocation, bytes.
    pub max_evidence_bytes: u32,
    /// Longest label of an offer, bytes.
    pub max_label_bytes: u32,
}

/// Why a set of parameters was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    /// The fee is above [`MAX_FEE`].
    #[error("protocol fee: expected at most {expected} basis points, got {got}")]
    Fee {
        /// The cap.
        expected: BasisPoints,
        /// What was asked.
        got: BasisPoints,
    },
    /// A parameter that must be positive is zero.
    #[error("parameter {name}: expected at least 1, got 0")]
    Zero {
        /// Which one.
        name: &'static str,
    },
    /// Two parameters contradict one another.
    #[error("parameter {name}: expected below {limit_name} = {expected}, got {got}")]
    NotBelow {
        /// The one that is too large.
        name: &'static str,
        /// The one it must stay below.
        limit_name: &'static str,
        /// The limit's value.
        expected: u64,
        /// The value.
        got: u64,
    },
}

impl Params {
    /// The published defaults for a network that makes a block every `block_ms` milliseconds.
    /// Where time does not decide, the values are those of FEATURES.
    #[must_use]
    pub const fn with_block_ms(block_ms: u64) -> Self {
        Self {
            fee: MAX_FEE,
            min_stake: Amount::ciro(100),
            min_price: Amount::ciro(1),
            tx_fee: Amount(Amount::ONE.0 / 10_000),
            tx_byte_fee: Amount(Amount::ONE.0 / 10_000_000),
            tx_unit_fee: Amount(Amount::ONE.0 / 10_000_000),
            row_fee: Amount(Amount::ONE.0 / 400),
            max_proof_units: 50_000,
            max_proof_memory: 64 << 20,
            model_byte_deposit: Amount(Amount::ONE.0 / 100_000),
            weight_byte_deposit: Amount(Amount::ONE.0 / 10_000_000),
            slot_stake: Amount::ciro(25),
            seat_cover: 20,
            min_lease_blocks: blocks(4_000, block_ms),
            unstake_delay: blocks(7 * DAY_MS, block_ms),
            max_job_blocks: blocks(DAY_MS, block_ms),
            max_lease_blocks: blocks(10 * MINUTE_MS, block_ms),
            max_offer_blocks: blocks(DAY_MS, block_ms),
            open_window: blocks(2 * MINUTE_MS, block_ms),
            reveal_window: blocks(MINUTE_MS, block_ms),
            retention_blocks: blocks(HOUR_MS, block_ms),
            blocks_per_month: blocks(30 * DAY_MS, block_ms),
            fail_quorum: 2,
            max_program_bytes: 4 << 20,
            max_input_bytes: 1 << 20,
            max_output_bytes: 1 << 20,
            max_proof_bytes: 4 << 20,
            max_evidence_bytes: 64 << 10,
            max_label_bytes: 128,
        }
    }

    /// Bytes above which no transaction of this network can be valid: a settlement's three fields, or a program, and
    /// room for the fixed-size rest.
    #[must_use]
    pub const fn max_tx_bytes(&self) -> usize {
        const FIXED_PART: usize = 4 << 10;
        let settlement = self.max_input_bytes as usize + self.max_output_bytes as usize + self.max_proof_bytes as usize;
        let program = self.max_program_bytes as usize;
        let evidence = self.max_evidence_bytes as usize + self.max_label_bytes as usize;
        let largest = if settlement > program { settlement } else { program };
        largest + evidence + FIXED_PART
    }

    /// Checks that the parameters make sense together.
    ///
    /// # Errors
    /// [`ParamsError`] naming the first parameter that does not.
    pub fn check(&self) -> Result<(), ParamsError> {
        if self.fee > MAX_FEE {
            return Err(ParamsError::Fee { expected: MAX_FEE, got: self.fee });
        }
        self.check_positive()?;
        self.check_spans()?;
        check_below(("max_job_blocks", self.max_job_blocks), ("unstake_delay", self.unstake_delay))?;
        check_below(("min_lease_blocks", self.min_lease_blocks), ("max_lease_blocks", self.max_lease_blocks))?;
        check_below(("reveal_window", self.reveal_window), ("max_job_blocks", self.max_job_blocks))
    }

    fn check_spans(&self) -> Result<(), ParamsError> {
        let spans = [
            ("unstake_delay", self.unstake_delay),
            ("max_lease_blocks", self.max_lease_blocks),
            ("max_offer_blocks", self.max_offer_blocks),
            ("open_window", self.open_window),
            ("retention_blocks", self.retention_blocks),
        ];
        spans.into_iter().try_for_each(|span| check_below(span, ("MAX_SPAN", MAX_SPAN)))
    }

    fn check_positive(&self) -> Result<(), ParamsError> {
        let positive = [
            ("min_stake", self.min_stake.0 == 0),
            ("min_price", self.min_price.0 == 0),
            ("tx_fee", self.tx_fee.0 == 0),
            ("slot_stake", self.slot_stake.0 == 0),
            ("seat_cover", self.seat_cover == 0),
            ("max_job_blocks", self.max_job_blocks == 0),
            ("max_lease_blocks", self.max_lease_blocks == 0),
            ("max_offer_blocks", self.max_offer_blocks == 0),
            ("open_window", self.open_window == 0),
            ("reveal_window", self.reveal_window == 0),
            ("blocks_per_month", self.blocks_per_month == 0),
            ("fail_quorum", self.fail_quorum == 0),
        ];
        match positive.into_iter().find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => Err(ParamsError::Zero { name }),
            None => Ok(()),
        }
    }
}

/// Whole blocks in `span_ms`, at least one. A block time of zero counts as one millisecond.
const fn blocks(span_ms: u64, block_ms: u64) -> u64 {
    let blocks = span_ms / if block_ms == 0 { 1 } else { block_ms };
    if blocks == 0 { 1 } else { blocks }
}

fn check_below(value: (&'static str, u64), limit: (&'static str, u64)) -> Result<(), ParamsError> {
    let ((name, got), (limit_name, expected)) = (value, limit);
    if got < expected { Ok(()) } else { Err(ParamsError::NotBelow { name, limit_name, expected, got }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_accepted_at_any_block_time() {
        for block_ms in [1, 20, 1_000, 60_000] {
            assert_eq!(Params::with_block_ms(block_ms).check(), Ok(()), "{block_ms} ms");
        }
    }

    #[test]
    fn seven_days_are_counted_in_blocks_of_the_network() {
        assert_eq!(Params::with_block_ms(1_000).unstake_delay, 604_800);
        assert_eq!(Params::with_block_ms(500).unstake_delay, 1_209_600);
    }

    #[test]
    fn a_fee_above_the_cap_is_refused() {
        let params = Params { fee: BasisPoints(1_001), ..Params::with_block_ms(1_000) };
        assert_eq!(params.check(), Err(ParamsError::Fee { expected: MAX_FEE, got: BasisPoints(1_001) }));
    }

    #[test]
    fn a_job_that_could_outlive_the_stake_is_refused() {
        let params = Params { max_job_blocks: 604_800, ..Params::with_block_ms(1_000) };
        assert!(matches!(params.check(), Err(ParamsError::NotBelow { name: "max_job_blocks", .. })));
    }

    #[test]
    fn a_span_that_could_overflow_a_height_is_refused() {
        let params = Params { open_window: MAX_SPAN, ..Params::with_block_ms(1_000) };
        assert!(matches!(params.check(), Err(ParamsError::NotBelow { name: "open_window", .. })));
    }

    #[test]
    fn zero_windows_are_refused_by_name() {
        let params = Params { reveal_window: 0, ..Params::with_block_ms(1_000) };
        assert_eq!(params.check(), Err(ParamsError::Zero { name: "reveal_window" }));
    }
}
