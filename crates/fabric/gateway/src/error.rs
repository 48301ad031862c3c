//! What a client is told when something is refused.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ciro_api::NodeError;
use ciro_api::code;
use ciro_api::http::Problem;
use ciro_types::text::Escaped;
use serde::Serialize;
use std::time::Duration;

/// A refusal, and the status that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// What the client is told.
    pub problem: Problem,
    status: u16,
}

/// What is counted of a refusal: its code, which stays with the answer on its way out.
#[derive(Clone)]
pub(crate) struct Code(pub(crate) String);

impl Code {
    /// Whether the client did nothing wrong: to ask for what is not there yet is how one waits for it.
    pub(crate) fn is_wait(&self) -> bool {
        self.0 == code::NOT_YET
    }
}

#[derive(Serialize)]
struct Body {
    error: Problem,
}

impl ApiError {
    fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        // A message may repeat what a request said.
        let message = Escaped(&message.into()).to_string();
        let problem = Problem { code: code.into(), message, hint: None, retry_after_ms: None };
        Self { problem, status: status.as_u16() }
    }

    /// The request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code::BAD_REQUEST, message)
    }

    /// There is no such thing.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code::NOT_FOUND, format!("no such {what}"))
    }

    /// The route takes other methods only.
    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, code::METHOD_NOT_ALLOWED, "the route does not take this method")
    }

    /// It will exist, but does not yet.
    pub fn not_yet(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code::NOT_YET, message)
    }

    /// The caller did not sign the request, or not well.
    pub fn unsigned(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code::UNSIGNED, message)
            .hint("sign it: Authorization: Ciro <account>:<until>:<signature>, see GET /v1/openapi.json")
    }

    /// The caller may not have this, whoever it is.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code::FORBIDDEN, message)
    }

    /// The request came through a page, or under a name, that this gateway does not answer to.
    pub fn misdirected(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code::MISDIRECTED, message)
            .hint("no page may talk to a gateway; `ciro up --host NAME` adds a name that a proxy forwards")
    }

    /// The body did not come within its time.
    pub fn too_slow(message: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, code::TOO_SLOW, message).retry_after(Duration::from_secs(1))
    }

    /// The body is declared as something else.
    pub fn unsupported(expected: &str, got: &str) -> Self {
        let message = format!("expected content-type {expected}, got {got:?}");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code::UNSUPPORTED, message)
    }

    /// The client took its part; others are served meanwhile.
    pub fn too_many(message: impl Into<String>, wait: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code::TOO_MANY, message).retry_after(wait)
    }

    /// The body is longer than the network's limits allow.
    pub fn too_large(limit: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, code::TOO_LARGE, format!("expected a body of at most {limit} bytes"))
    }

    /// The head of the request is longer than it may be.
    pub fn head_too_large(limit: usize) -> Self {
        let message = format!("expected a head of at most {limit} bytes");
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, code::TOO_LARGE, message)
    }

    /// The ledger or the market says no.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code::REFUSED, message)
    }

    /// The node cannot answer now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, message).hint("try again")
    }

    /// The body that says it.
    pub(crate) fn to_json(&self) -> String {
        // The type has no maps with foreign keys, so this cannot fail.
        serde_json::to_string(&Body { error: self.problem.clone() }).unwrap_or_default()
    }

    /// Adds when to try again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.problem.retry_after_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Adds what to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.problem.hint = Some(hint.into());
        self
    }
}

impl From<NodeError> for ApiError {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Refused { reason } => Self::refused(reason),
            NodeError::Nonce { reason } => Self::new(StatusCode::CONFLICT, code::NONCE, reason)
                .hint("once GET /v1/accounts/{account} shows a nonce above this one's, sign again with its next_nonce"),
            NodeError::Pruned { reason } => Self::new(StatusCode::GONE, code::PRUNED, reason)
                .hint("a network that is run with --archive keeps all; settlements are kept anyway"),
            NodeError::Invalid { reason } => Self::bad_request(reason),
            NodeError::Quota { reason, wait_ms } => Self::too_many(reason, Duration::from_millis(wait_ms)),
            NodeError::Unavailable { .. } => Self::unavailable(error.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // The header knows seconds only, and zero would mean at once.
        let wait =
            self.problem.retry_after_ms.map(|ms| (header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000).max(1))));
        let code = Code(self.problem.code.clone());
        let mut response = (status, Json(Body { error: self.problem })).into_response();
        response.extensions_mut().insert(code);
        response.headers_mut().extend::<Option<(HeaderName, HeaderValue)>>(wait);
        response
    }
}
