//! How a request to a gateway is signed.
//!
//! A signed request carries
//!
//! ```text
//! Authorization: Ciro <account>:<until>:<signature>
//! ```
//!
//! `account` and `signature` in hexadecimal digits, `until` the last height at which it is accepted, at most [`SIGNED_BLOCKS`]
//! ahead. Signed is, under `ciro/request/v1` and the chain, the hash of method, path with query, and `until`. So a request
//! that is overheard can be repeated for a while, but neither turned into another one nor used elsewhere.

use ciro_crypto::{Keypair, hash_encoded};
use ciro_types::{ChainId, Hash32, Height};

/// Blocks for which a signed request may be accepted: minutes under load, hours on an idle network.
pub const SIGNED_BLOCKS: u64 = 4_096;

/// What the header begins with.
pub const SCHEME: &str = "Ciro ";
/// Under which requests are signed.
pub const DOMAIN: &str = "ciro/request/v1";

/// The header that signs a request of `key` to `path`, query included, until `until`.
#[must_use]
pub fn authorization(key: &Keypair, chain: ChainId, method: &str, path: &str, until: Height) -> String {
    let signature = key.sign(DOMAIN, chain, message(method, path, until));
    format!("{SCHEME}{}:{until}:{}", key.account(), hex::encode(signature.0))
}

/// What is signed.
#[must_use]
pub fn message(method: &str, path: &str, until: Height) -> Hash32 {
    hash_encoded(DOMAIN, &(method, path, until))
}
