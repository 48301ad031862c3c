//! The engine's traits for our types. Every type is a thin wrapper, because both sides are foreign to one another.

use crate::block::SealedBlock;
use crate::validators::ValidatorSet;
use crate::vote::{Proposal, Vote, VoteKind};
use arc_malachitebft_core_types as core;
use ciro_crypto::Signature;
use ciro_types::{AccountId, BlockId, Height};
use std::sync::Arc;

/// The engine's view of our network. Stateless: whose turn it is follows from the validator set alone.
#[derive(Clone, Debug)]
pub(crate) struct Ctx;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address(pub(crate) AccountId);

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.short())
    }
}

impl core::Address for Address {}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CoreHeight(pub(crate) u64);

impl std::fmt::Display for CoreHeight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl core::Height for CoreHeight {
    const ZERO: Self = Self(0);
    const INITIAL: Self = Self(1);

    fn increment_by(&self, n: u64) -> Self {
        Self(self.0 + n)
    }

    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.checked_sub(n).map(Self)
    }

    fn as_u64(&self) -> u64 {
        self.0
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoreValidator {
    address: Address,
    power: u64,
}

impl core::Validator<Ctx> for CoreValidator {
    fn address(&self) -> &Address {
        &self.address
    }

    fn public_key(&self) -> &AccountId {
        &self.address.0
    }

    fn voting_power(&self) -> u64 {
        self.power
    }
}

/// A validator set with its members in the engine's shape, in the same order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoreSet {
    pub(crate) set: ValidatorSet,
    members: Arc<[CoreValidator]>,
}

impl From<&ValidatorSet> for CoreSet {
    fn from(set: &ValidatorSet) -> Self {
        let member = |v: &crate::Validator| CoreValidator { address: Address(v.account), power: v.power };
        Self { set: set.clone(), members: set.members().iter().map(member).collect() }
    }
}

impl core::ValidatorSet<Ctx> for CoreSet {
    fn count(&self) -> usize {
        self.members.len()
    }

    fn total_voting_power(&self) -> u64 {
        self.set.total()
    }

    fn get_by_address(&self, address: &Address) -> Option<&CoreValidator> {
        let index = self.members.binary_search_by_key(address, |m| m.address).ok()?;
        self.members.get(index)
    }

    fn get_by_index(&self, index: usize) -> Option<&CoreValidator> {
        self.members.get(index)
    }
}

impl core::Value for SealedBlock {
    type Id = BlockId;

    fn id(&self) -> BlockId {
        Self::id(self)
    }
}

/// Our vote with the fields that the engine wants by reference in its own types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoreVote {
    kind: core::VoteType,
    height: CoreHeight,
    round: u32,
    value: core::NilOrVal<BlockId>,
    address: Address,
}

impl From<&Vote> for CoreVote {
    fn from(vote: &Vote) -> Self {
        let kind = match vote.kind {
            VoteKind::Prevote => core::VoteType::Prevote,
            VoteKind::Precommit => core::VoteType::Precommit,
        };
        let value = vote.block.map_or(core::NilOrVal::Nil, core::NilOrVal::Val);
        let (height, address) = (CoreHeight(vote.height.0), Address(vote.validator));
        Self { kind, height, round: vote.round, value, address }
    }
}

impl From<&CoreVote> for Vote {
    fn from(vote: &CoreVote) -> Self {
        let kind = match vote.kind {
            core::VoteType::Prevote => VoteKind::Prevote,
            core::VoteType::Precommit => VoteKind::Precommit,
        };
        let block = match vote.value {
            core::NilOrVal::Nil => None,
            core::NilOrVal::Val(id) => Some(id),
        };
        Self { kind, height: Height(vote.height.0), round: vote.round, block, validator: vote.address.0 }
    }
}

/// Vote extensions are disabled, so the engine never attaches one.
impl core::Vote<Ctx> for CoreVote {
    fn height(&self) -> CoreHeight {
        self.height
    }

    fn round(&self) -> core::Round {
        core::Round::new(self.round)
    }

    fn value(&self) -> &core::NilOrVal<BlockId> {
        &self.value
    }

    fn take_value(self) -> core::NilOrVal<BlockId> {
        self.value
    }

    fn vote_type(&self) -> core::VoteType {
        self.kind
    }

    fn validator_address(&self) -> &Address {
        &self.address
    }

    fn extension(&self) -> Option<&core::SignedExtension<Ctx>> {
        None
    }

    fn take_extension(&mut self) -> Option<core::SignedExtension<Ctx>> {
        None
    }

    fn extend(self, _: core::SignedExtension<Ctx>) -> Self {
        self
    }
}

/// Our proposal with its block. Equal if the signed statements are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoreProposal {
    height: CoreHeight,
    round: u32,
    pol_round: core::Round,
    block: SealedBlock,
    address: Address,
}

impl CoreProposal {
    pub(crate) fn new(statement: &Proposal, block: SealedBlock) -> Self {
        let pol_round = core::Round::from(statement.pol_round);
        let (height, address) = (CoreHeight(statement.height.0), Address(statement.proposer));
        Self { height, round: statement.round, pol_round, block, address }
    }

    pub(crate) fn statement(&self) -> Proposal {
        Proposal {
            height: Height(self.height.0),
            round: self.round,
            pol_round: self.pol_round.as_u32(),
            block: self.block.id(),
            proposer: self.address.0,
        }
    }

    pub(crate) fn block(&self) -> &SealedBlock {
        &self.block
    }
}

impl core::Proposal<Ctx> for CoreProposal {
    fn height(&self) -> CoreHeight {
        self.height
    }

    fn round(&self) -> core::Round {
        core::Round::new(self.round)
    }

    fn value(&self) -> &SealedBlock {
        &self.block
    }

    fn take_value(self) -> SealedBlock {
        self.block
    }

    fn pol_round(&self) -> core::Round {
        self.pol_round
    }

    fn validator_address(&self) -> &Address {
        &self.address
    }
}

/// Blocks are not streamed in parts, so no part is ever made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoPart {}

impl core::ProposalPart<Ctx> for NoPart {
    fn is_first(&self) -> bool {
        match *self {}
    }

    fn is_last(&self) -> bool {
        match *self {}
    }
}

/// Names our signature and key types to the engine, which never signs or verifies by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ed25519;

impl core::SigningScheme for Ed25519 {
    type DecodingError = std::array::TryFromSliceError;
    type Signature = Signature;
    type PublicKey = AccountId;
    type PrivateKey = ();

    fn decode_signature(bytes: &[u8]) -> Result<Signature, Self::DecodingError> {
        bytes.try_into().map(Signature)
    }

    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.0.to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<AccountId, Self::DecodingError> {
        bytes.try_into().map(AccountId)
    }

    fn encode_public_key(key: &AccountId) -> Vec<u8> {
        key.0.to_vec()
    }
}

impl core::Context for Ctx {
    type Address = Address;
    type Height = CoreHeight;
    type ProposalPart = NoPart;
    type Proposal = CoreProposal;
    type Validator = CoreValidator;
    type ValidatorSet = CoreSet;
    type Timeouts = core::LinearTimeouts;
    type Value = SealedBlock;
    type Vote = CoreVote;
    type Extension = ();
    type SigningScheme = Ed25519;

    fn select_proposer<'a>(&self, set: &'a CoreSet, height: CoreHeight, round: core::Round) -> &'a CoreValidator {
        &set.members[set.set.proposer_index(Height(height.0), round_number(round))]
    }

    fn new_proposal(
        &self,
        height: CoreHeight,
        round: core::Round,
        block: SealedBlock,
        pol_round: core::Round,
        address: Address,
    ) -> CoreProposal {
        CoreProposal { height, round: round_number(round), pol_round, block, address }
    }

    fn new_prevote(
        &self,
        height: CoreHeight,
        round: core::Round,
        value: core::NilOrVal<BlockId>,
        address: Address,
    ) -> CoreVote {
        CoreVote { kind: core::VoteType::Prevote, height, round: round_number(round), value, address }
    }

    fn new_precommit(
        &self,
        height: CoreHeight,
        round: core::Round,
        value: core::NilOrVal<BlockId>,
        address: Address,
    ) -> CoreVote {
        CoreVote { kind: core::VoteType::Precommit, height, round: round_number(round), value, address }
    }
}

/// The engine never votes or proposes outside a round, so an undefined one is taken for the first.
pub(crate) fn round_number(round: core::Round) -> u32 {
    round.as_u32().unwrap_or(0)
}
