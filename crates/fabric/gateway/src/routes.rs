//! The one list of routes.

use crate::node::Node;
use crate::{ApiError, events, quote, read, write};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get, post};
use std::future::Future;
use std::sync::Arc;
use tokio::net::TcpListener;

/// The node, shared by all handlers.
pub(crate) type Shared = Arc<dyn Node>;

/// Longest body of a request, bytes: a compiled model.
pub const BODY_BYTES_MAX: usize = 256 << 20;
/// Longest JSON body, bytes: a transaction in hexadecimal.
const JSON_BYTES_MAX: usize = 32 << 20;
/// Longest raw input, bytes. The network's own limit is checked besides.
const INPUT_BYTES_MAX: usize = 16 << 20;

const OPENAPI: &str = include_str!("../../../../api/openapi.json");

/// One route, its path as in the schema.
pub struct Route {
    /// Upper-case HTTP method.
    pub method: &'static str,
    /// Path with `{parameters}`.
    pub path: &'static str,
    handler: MethodRouter<Shared>,
}

/// Every route this gateway serves.
#[must_use]
pub fn routes() -> Vec<Route> {
    let get_route = |path, handler| Route { method: "GET", path, handler };
    let post_route = |path, handler| Route { method: "POST", path, handler };
    vec![
        get_route("/v1/openapi.json", get(async || ([("content-type", "application/json")], OPENAPI))),
        get_route("/v1/status", get(read::status)),
        get_route("/v1/accounts/{account}", get(read::account)),
        get_route("/v1/workers", get(read::workers)),
        get_route("/v1/models/{model}", get(read::model)),
        get_route("/v1/jobs/{job}", get(read::job)),
        get_route("/v1/jobs/{job}/receipt", get(read::receipt)),
        get_route("/v1/blocks/{height}", get(read::block)),
        get_route("/v1/quote", get(quote::quote)),
        get_route("/v1/events", get(events::stream)),
        post_route("/v1/transactions", post(write::transaction).layer(DefaultBodyLimit::max(JSON_BYTES_MAX))),
        post_route("/v1/jobs", post(write::job).layer(DefaultBodyLimit::max(JSON_BYTES_MAX))),
        post_route("/v1/models", post(write::model).layer(DefaultBodyLimit::max(BODY_BYTES_MAX))),
        post_route("/v1/inputs", post(write::input).layer(DefaultBodyLimit::max(INPUT_BYTES_MAX))),
    ]
}

/// The gateway in front of `node`.
pub fn router(node: Shared) -> Router {
    let merged = routes().into_iter().fold(Router::new(), |router, route| router.route(route.path, route.handler));
    merged
        .fallback(async || ApiError::not_found("route").hint("GET /v1/openapi.json lists them").into_response())
        .with_state(node)
}

/// Serves `node` on `listener` until `stop` completes; open event streams end with it.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    node: Shared,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(node)).with_graceful_shutdown(stop).await
}

/// Runs a blocking question to the node off the executor.
pub(crate) async fn ask<T: Send + 'static>(
    node: &Shared,
    question: impl FnOnce(&dyn Node) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let node = Arc::clone(node);
    match tokio::task::spawn_blocking(move || question(node.as_ref())).await {
        Ok(answer) => answer,
        Err(failure) => Err(ApiError::unavailable(failure.to_string())),
    }
}
