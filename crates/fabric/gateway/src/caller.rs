//! Who sends a request: an address, or an account that signed it.
//!
//! [`ciro_api::signed`] says what a signature covers.

use crate::error::ApiError;
use ciro_api::Client;
use ciro_api::signed::{DOMAIN, SCHEME, SIGNED_BLOCKS, message};
use ciro_crypto::{Signature, verify};
use ciro_types::{AccountId, Amount, ChainId, Height};

/// What an account must hold to have budgets of its own; whoever makes keys without end pays for each.
pub const FUNDED: Amount = Amount::ONE;

/// The sender of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose budgets it uses.
    pub client: Client,
    /// Who signed it, funded or not.
    pub account: Option<AccountId>,
}

/// A signature that a request carries, read and not checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    account: AccountId,
    until: Height,
    signature: Signature,
}

impl Claim {
    /// Reads the header's value.
    pub(crate) fn parse(value: &str) -> Result<Self, ApiError> {
        Self::parts(value).ok_or_else(|| {
            ApiError::unsigned("expected `Authorization: Ciro <account>:<until>:<signature>`, got something else")
        })
    }

    fn parts(value: &str) -> Option<Self> {
        let mut parts = value.strip_prefix(SCHEME)?.split(':');
        let (account, until, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let mut bytes = [0; 64];
        hex::decode_to_slice(signature, &mut bytes).ok()?;
        let claim =
            Self { account: account.parse().ok()?, until: Height(until.parse().ok()?), signature: Signature(bytes) };
        parts.next().is_none().then_some(claim)
    }

    /// The account that is said to have signed.
    pub(crate) const fn account(&self) -> AccountId {
        self.account
    }

    /// The account that signed, if the signature is for this request and still good at `now`.
    pub(crate) fn check(&self, chain: ChainId, method: &str, path: &str, now: Height) -> Result<AccountId, ApiError> {
        let latest = Height(now.0.saturating_add(SIGNED_BLOCKS));
        if self.until < now || self.until > latest {
            let (until, reason) = (self.until, format!("expected a height from {now} to {latest}"));
            return Err(ApiError::unsigned(format!("the signature is good until {until}: {reason}")));
        }
        verify(self.account, DOMAIN, chain, message(method, path, self.until), &self.signature)
            .map_err(|e| ApiError::unsigned(e.to_string()))?;
        Ok(self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_api::signed::authorization;
    use ciro_crypto::Keypair;

    const CHAIN: ChainId = ChainId([3; 32]);
    const PATH: &str = "/v1/jobs/1/receipt";

    fn signed(until: u64) -> (Keypair, String) {
        let key = Keypair::from_seed([1; 32]);
        let header = authorization(&key, CHAIN, "GET", PATH, Height(until));
        (key, header)
    }

    #[test]
    fn a_signature_is_good_for_one_request_on_one_chain_for_a_while() {
        let (key, header) = signed(50);
        let claim = Claim::parse(&header).expect("well formed");
        assert_eq!(claim.check(CHAIN, "GET", PATH, Height(50)), Ok(key.account()));
        assert!(claim.check(CHAIN, "GET", PATH, Height(51)).is_err(), "it has run out");
        assert!(claim.check(CHAIN, "POST", PATH, Height(50)).is_err());
        assert!(claim.check(CHAIN, "GET", "/v1/jobs/2/receipt", Height(50)).is_err());
        assert!(claim.check(ChainId([4; 32]), "GET", PATH, Height(50)).is_err());
        let eternal = Claim::parse(&signed(u64::MAX).1).expect("well formed");
        assert!(eternal.check(CHAIN, "GET", PATH, Height(u64::MAX - SIGNED_BLOCKS - 1)).is_err(), "too far ahead");
    }

    #[test]
    fn another_account_cannot_take_a_signature_over() {
        let (_, header) = signed(50);
        let other = Keypair::from_seed([2; 32]).account();
        let signature = header.rsplit(':').next().expect("a signature");
        let claim = Claim::parse(&format!("Ciro {other}:50:{signature}")).expect("well formed");
        assert!(claim.check(CHAIN, "GET", PATH, Height(1)).is_err());
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        let (_, header) = signed(50);
        for value in ["", "Ciro", "Ciro ::", "Bearer x", &header[1..], &format!("{header}:1"), &format!("{header}00")] {
            assert!(Claim::parse(value).is_err(), "{value:?}");
        }
    }
}
