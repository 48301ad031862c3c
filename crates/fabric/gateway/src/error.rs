//! What a client is told when something is refused.

use crate::node::NodeError;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// A refusal: `code` for programs, `message` and `hint` for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// One of a fixed set; see the schema.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(skip)]
    status: u16,
}

#[derive(Serialize)]
struct Body {
    error: ApiError,
}

impl ApiError {
    fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), hint: None, status: status.as_u16() }
    }

    /// The request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// There is no such thing.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("no such {what}"))
    }

    /// It will exist, but does not yet.
    pub fn not_yet(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "not_yet", message)
    }

    /// The body is longer than the network's limits allow.
    pub fn too_large(limit: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("expected a body of at most {limit} bytes"))
    }

    /// The ledger or the market says no.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", message)
    }

    /// The node cannot answer now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message).hint("try again")
    }

    /// Adds what to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<NodeError> for ApiError {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Refused { reason } => Self::refused(reason),
            NodeError::Nonce { reason } => Self::new(StatusCode::CONFLICT, "nonce", reason)
                .hint("once GET /v1/accounts/{account} shows a nonce above this one's, sign again with its next_nonce"),
            NodeError::Pruned { reason } => Self::new(StatusCode::GONE, "pruned", reason)
                .hint("a network that is run with --archive keeps all; settlements are kept anyway"),
            NodeError::Invalid { reason } => Self::bad_request(reason),
            NodeError::Unavailable { .. } => Self::unavailable(error.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(Body { error: self })).into_response()
    }
}
