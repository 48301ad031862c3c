//! The second face of a validator that signs two things at once.

use crate::cast::Place;
use ciro_consensus::vote::Proposal;
use ciro_consensus::{Block, BlockHeader, Message, SealedBlock, Signed, SignedProposal, Vote, txs_root};
use ciro_state::{Action, SignedTx, TokenAction, TxBody};
use ciro_types::{Amount, ChainId, Nonce, encode};
use ciro_validator::wire::Wire;

/// Another statement in place of the one in `bytes`, signed as well and just as well formed; none if there is nothing
/// to contradict. `nonce` is the next one of the liar's account.
#[must_use]
pub fn contradict(liar: Place, chain: ChainId, nonce: Nonce, bytes: &[u8]) -> Option<Vec<u8>> {
    let Ok(Wire::Consensus(message)) = Wire::from_bytes(bytes) else { return None };
    let lie = match message {
        Message::Vote(vote) if vote.body.validator == liar.account() => {
            // A vote for nothing becomes one for a block that does not exist; any other becomes one for nothing.
            let block = vote.body.block.is_none().then_some(ciro_types::BlockId([7; 32]));
            Message::Vote(Signed::sign(Vote { block, ..vote.body }, chain, &liar.key()))
        }
        Message::Proposal(proposal) if proposal.statement.body.proposer == liar.account() => {
            Message::Proposal(other_proposal(liar, chain, nonce, &proposal)?)
        }
        Message::Vote(_)
        | Message::Proposal(_)
        | Message::Polka(_)
        | Message::Round(_)
        | Message::Status(_)
        | Message::SyncRequest(_)
        | Message::SyncResponse(_) => return None,
    };
    Some(Wire::Consensus(lie).to_bytes())
}

/// A block that every honest validator would accept, with one transaction more or all of them less.
fn other_proposal(liar: Place, chain: ChainId, nonce: Nonce, proposal: &SignedProposal) -> Option<SignedProposal> {
    let txs = if proposal.block.txs().is_empty() { vec![futile_tx(liar, chain, nonce)] } else { Vec::new() };
    let header = BlockHeader { txs_root: txs_root(&txs), ..proposal.block.header().clone() };
    let block = SealedBlock::seal(Block { header, txs }).ok()?;
    let body = Proposal { block: block.id(), ..proposal.statement.body.clone() };
    Some(SignedProposal { statement: Signed::sign(body, chain, &liar.key()), block })
}

/// A transaction that may be in a block and moves nothing but its fee.
fn futile_tx(liar: Place, chain: ChainId, nonce: Nonce) -> Vec<u8> {
    let action = Action::Token(TokenAction::Transfer { to: liar.account(), amount: Amount::ONE });
    let body = TxBody { chain, sender: liar.account(), nonce, action };
    encode(&SignedTx::sign(body, &liar.key()))
}
