//! One file per attacker, and the list of all.

mod bad_requests;
mod bait;
mod black_hole;
mod body_hoarder;
mod bombs;
mod colluding_pair;
mod descriptor_eater;
mod equivocator;
mod flood;
mod free_rows;
mod gap_flood;
mod input_hoarder;
mod rebinding_page;
mod receipt_thief;
mod replayed_refusal;
mod request_flood;
mod slow_body;
mod spoofed_name;
mod sse_hoarder;
mod stale_nonce;
mod tie_breaker;
mod torn_row;
mod zero_proof;

use crate::cmd::attack::attacker::Attacker;

/// Every attacker of a node.
pub(crate) const ATTACKERS: [Attacker; 24] = [
    bad_requests::ATTACKER,
    black_hole::ATTACKER,
    body_hoarder::ATTACKER,
    bombs::RANK,
    bombs::TERM,
    colluding_pair::ATTACKER,
    descriptor_eater::ATTACKER,
    equivocator::ATTACKER,
    flood::ATTACKER,
    flood::RACER,
    free_rows::ATTACKER,
    gap_flood::ATTACKER,
    input_hoarder::ATTACKER,
    rebinding_page::ATTACKER,
    receipt_thief::ATTACKER,
    replayed_refusal::ATTACKER,
    request_flood::ATTACKER,
    slow_body::ATTACKER,
    sse_hoarder::ATTACKER,
    spoofed_name::ATTACKER,
    stale_nonce::ATTACKER,
    tie_breaker::ATTACKER,
    torn_row::ATTACKER,
    zero_proof::ATTACKER,
];
