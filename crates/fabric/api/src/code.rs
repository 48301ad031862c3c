//! Codes of refusals, for programs. The set is fixed.

/// The request makes no sense.
pub const BAD_REQUEST: &str = "bad_request";
/// There is no such thing.
pub const NOT_FOUND: &str = "not_found";
/// The route takes other methods only.
pub const METHOD_NOT_ALLOWED: &str = "method_not_allowed";
/// It will exist, but does not yet.
pub const NOT_YET: &str = "not_yet";
/// The caller did not sign the request, or not well.
pub const UNSIGNED: &str = "unsigned";
/// The caller may not have this, whoever it is.
pub const FORBIDDEN: &str = "forbidden";
/// The request came through a page, or under a name, that the gateway does not answer to.
pub const MISDIRECTED: &str = "misdirected";
/// The body did not come within its time.
pub const TOO_SLOW: &str = "too_slow";
/// The body is declared as something else.
pub const UNSUPPORTED: &str = "unsupported";
/// The client took its part; others are served meanwhile.
pub const TOO_MANY: &str = "too_many";
/// Head or body is longer than it may be.
pub const TOO_LARGE: &str = "too_large";
/// The ledger or the market says no.
pub const REFUSED: &str = "refused";
/// Another transaction has the nonce, or is before it.
pub const NONCE: &str = "nonce";
/// It was kept once and is no longer.
pub const PRUNED: &str = "pruned";
/// The node could not say.
pub const UNAVAILABLE: &str = "unavailable";
