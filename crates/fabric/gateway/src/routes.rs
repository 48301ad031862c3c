//! The one list of routes.

use crate::gateway::{Gateway, Settings, Shared};
use crate::guard::guard;
use crate::{ApiError, events, quote, read, write};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get, post};
use ciro_api::Node;
use std::sync::Arc;

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
        get_route("/metrics", get(read::metrics)),
        post_route("/v1/transactions", post(write::transaction)),
        post_route("/v1/jobs", post(write::job)),
        post_route("/v1/models", post(write::model)),
        post_route("/v1/inputs", post(write::input)),
    ]
}

/// The gateway in front of `node`.
pub fn router(node: Arc<dyn Node>, settings: Settings) -> Router {
    router_of(Gateway::new(node, settings))
}

pub(crate) fn router_of(gateway: Shared) -> Router {
    let merged = routes().into_iter().fold(Router::new(), |router, route| router.route(route.path, route.handler));
    merged
        .fallback(async || ApiError::not_found("route").hint("GET /v1/openapi.json lists them").into_response())
        .method_not_allowed_fallback(async || ApiError::method_not_allowed().into_response())
        .layer(from_fn_with_state(Arc::clone(&gateway), guard))
        .with_state(gateway)
}
