//! What every request passes before its handler: names, origins, content types, signatures, budgets.
//!
//! A page in a browser on this machine can reach the gateway. It cannot choose the `Host` header, so a name that an attacker
//! made point here (DNS rebinding) is refused by name. It cannot hide its `Origin`, so a request that another page makes is
//! refused too; and it cannot sign.

use crate::budget::cost;
use crate::caller::{Caller, Claim, FUNDED};
use crate::error::{ApiError, Code};
use crate::gateway::Gateway;
use crate::hall::Seat;
use axum::extract::{MatchedPath, Request, State as Extract};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use ciro_api::{Asking as _, Client, Standing, ask};
use ciro_telemetry::Metrics;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The connection that a request came through.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) seat: Arc<Seat>,
}

/// What answers must not become in a browser.
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// What of a request decides whether it is let in. The body stays behind: it cannot be shared between threads.
struct Call {
    method: Method,
    /// With the query: what is signed.
    path: String,
    /// Who pays unless a funded account signed.
    address: Client,
    claim: Option<Claim>,
    price: u64,
}

pub(crate) async fn guard(Extract(gateway): Extract<Arc<Gateway>>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let admitted = match Call::read(&gateway, &request) {
        Ok(call) => call.admit(&gateway).await,
        Err(refusal) => Err(refusal),
    };
    let mut response = match admitted {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    };
    response.headers_mut().extend(HEADERS);
    note(&gateway.settings.metrics, route.as_ref().map_or("none", MatchedPath::as_str), &response, begun.elapsed());
    response
}

/// Counts an answer, and puts it into the log.
fn note(metrics: &Metrics, route: &str, response: &Response, took: Duration) {
    let status = response.status().as_u16();
    metrics.request(route, status, took);
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match response.extensions().get::<Code>() {
        Some(code) if !code.is_wait() => {
            let Code(code) = code;
            metrics.refusal(code);
            tracing::info!(target: "ciro::requests", route, status, code, ms, "refused");
        }
        Some(_) | None => tracing::debug!(target: "ciro::requests", route, status, ms, "answered"),
    }
}

impl Call {
    /// Checks what needs no node.
    fn read(gateway: &Gateway, request: &Request) -> Result<Self, ApiError> {
        let (headers, method, uri) = (request.headers(), request.method(), request.uri());
        check_host(headers, &gateway.settings.hosts)?;
        if let Some(authority) = uri.authority() {
            // Of a target in absolute form the server is named there, whatever Host says (RFC 9112, 3.2.2).
            check_name("the request's target", authority.as_str(), &gateway.settings.hosts)?;
        }
        check_origin(headers)?;
        if method == Method::POST {
            check_content_type(uri.path(), headers)?;
        }
        let signed = headers.get(header::AUTHORIZATION);
        // Only tests call the router without a connection.
        let address = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.address);
        Ok(Self {
            method: method.clone(),
            path: uri.path_and_query().map_or_else(String::new, ToString::to_string),
            address: Client::Address(address),
            claim: signed.map(|value| Claim::parse(value.to_str().unwrap_or_default())).transpose()?,
            price: cost(method.as_str(), uri.path()),
        })
    }

    /// Finds out who calls, and charges it.
    async fn admit(self, gateway: &Gateway) -> Result<Caller, ApiError> {
        let price = self.price;
        let caller = self.identify(gateway).await?;
        gateway.budgets.spend_units(&caller.client, price, Instant::now()).map_err(|wait| {
            ApiError::too_many("this client has asked for more than it may for now", wait)
                .hint("wait, or sign your requests: a funded account has a budget of its own")
        })?;
        Ok(caller)
    }

    async fn identify(self, gateway: &Gateway) -> Result<Caller, ApiError> {
        let Self { method, path, address, claim, .. } = self;
        let Some(claim) = claim else { return Ok(Caller { client: address, account: None }) };
        gateway.budgets.spend_forgery(&address, Instant::now()).map_err(|wait| {
            ApiError::too_many("this address has sent more signatures that do not hold than it may for now", wait)
        })?;
        let (account, is_funded) = gateway
            .with_node(move |node| {
                let standing = node.ask(ask::Standing { account: claim.account() })?;
                Ok((claim.check(standing.chain, method.as_str(), &path, standing.height)?, is_funded(&standing)))
            })
            .await?;
        gateway.budgets.forgive_forgery(&address, Instant::now());
        let client = if is_funded { Client::Account(account) } else { address };
        Ok(Caller { client, account: Some(account) })
    }
}

/// The name under which the gateway was called must be one of its own.
fn check_host(headers: &HeaderMap, hosts: &BTreeSet<String>) -> Result<(), ApiError> {
    let mut named = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (named.next().and_then(|host| host.to_str().ok()), named.next()) else {
        return Err(ApiError::misdirected("expected exactly one Host header"));
    };
    check_name("Host", host, hosts)
}

fn check_name(place: &str, host: &str, hosts: &BTreeSet<String>) -> Result<(), ApiError> {
    let name = without_port(host).map(str::to_ascii_lowercase);
    if name.is_some_and(|name| is_loopback(&name) || hosts.contains(&name)) {
        return Ok(());
    }
    Err(ApiError::misdirected(format!("expected a name of this gateway in {place}, got {host:?}")))
}

fn is_loopback(name: &str) -> bool {
    // An IPv6 address without brackets is no host (RFC 3986, 3.2.2): its last group would pass for a port.
    let v6 = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match v6 {
        Some(address) => address.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback()),
        None => name == "localhost" || name.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback()),
    }
}

/// The name in a host, if what follows it is a port or nothing.
fn without_port(host: &str) -> Option<&str> {
    match host.rsplit_once(':') {
        Some((_, rest)) if rest.contains(']') => Some(host),
        Some((name, port)) => {
            let is_port = port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse::<u16>().is_ok();
            is_port.then_some(name)
        }
        None => Some(host),
    }
}

/// A page may talk to the gateway only if the gateway itself served it, which it does not do yet.
fn check_origin(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(&header::HOST).unwrap_or_default();
    for origin in headers.get_all(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or("?");
        if !is_own_origin(origin, host) {
            return Err(ApiError::misdirected(format!("a page of the origin {origin:?} made this request")));
        }
    }
    for site in headers.get_all("sec-fetch-site") {
        let site = site.to_str().unwrap_or("?");
        if !matches!(site, "same-origin" | "none") {
            return Err(ApiError::misdirected(format!("a {site} page made this request")));
        }
    }
    Ok(())
}

/// Whether a page of `origin` was served by this gateway under the name of `host`. On this machine it speaks no TLS; a proxy in front
/// of it may.
fn is_own_origin(origin: &str, host: &str) -> bool {
    let is_local = without_port(host).is_some_and(|name| is_loopback(&name.to_ascii_lowercase()));
    match origin.split_once("://") {
        Some(("http", authority)) => authority == host,
        Some(("https", authority)) => authority == host && !is_local,
        Some(_) | None => false,
    }
}

/// A body that says what it is says the right thing. One that says nothing is octets (RFC 9110, 8.3).
fn check_content_type(path: &str, headers: &HeaderMap) -> Result<(), ApiError> {
    let (expected, may_be_absent) = match path {
        "/v1/models" | "/v1/inputs" => ("application/octet-stream", true),
        _ => ("application/json", false),
    };
    let got = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    let kind = got.map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match kind {
        None if may_be_absent => Ok(()),
        Some(kind) if kind == expected => Ok(()),
        None | Some(_) => Err(ApiError::unsupported(expected, got.unwrap_or_default())),
    }
}

fn is_funded(standing: &Standing) -> bool {
    standing.balance >= FUNDED || standing.stake >= FUNDED
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_names_of_loopback_and_of_the_operator_are_answered() {
        let hosts = BTreeSet::from(["ciro.example".to_string()]);
        for good in
            ["localhost", "LOCALHOST:8700", "127.0.0.1:1", "127.8.8.8", "[::1]:8700", "[::1]", "ciro.example:443"]
        {
            assert_eq!(check_host(&headers(&[("host", good)]), &hosts), Ok(()), "{good}");
        }
        let names =
            ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]", "x", "::1:1"];
        let ports =
            ["localhost:abc", "localhost:", "localhost:65536", "localhost:+1", "[::1]:80evil", "[::1]x", "[::1]:"];
        for bad in names.into_iter().chain(ports).chain(["evil@localhost:80", "localhost:80@evil.example"]) {
            assert!(check_host(&headers(&[("host", bad)]), &hosts).is_err(), "{bad}");
        }
        assert!(check_host(&headers(&[]), &hosts).is_err(), "none");
        let mut two = headers(&[("host", "localhost")]);
        two.append("host", HeaderValue::from_static("evil.example"));
        assert!(check_host(&two, &hosts).is_err(), "two");
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let with = |name, value| headers(&[("host", "localhost:8700"), (name, value)]);
        assert_eq!(check_origin(&headers(&[("host", "localhost:8700")])), Ok(()));
        assert_eq!(check_origin(&with("origin", "http://localhost:8700")), Ok(()));
        for site in ["same-origin", "none"] {
            assert_eq!(check_origin(&with("sec-fetch-site", site)), Ok(()));
        }
        let foreign = ["null", "http://localhost:3000", "http://evil.example", "localhost:8700", ""];
        for origin in foreign.into_iter().chain(["https://localhost:8700", "ftp://localhost:8700"]) {
            assert!(check_origin(&with("origin", origin)).is_err(), "{origin}");
        }
        for site in ["cross-site", "same-site", "new"] {
            assert!(check_origin(&with("sec-fetch-site", site)).is_err(), "{site}");
        }
    }

    #[test]
    fn every_header_of_a_kind_counts_and_a_proxy_may_speak_tls() {
        let mut both = headers(&[("host", "localhost"), ("sec-fetch-site", "none")]);
        both.append("sec-fetch-site", HeaderValue::from_static("cross-site"));
        assert!(check_origin(&both).is_err());
        for origin in ["http://ciro.example", "https://ciro.example"] {
            assert_eq!(check_origin(&headers(&[("host", "ciro.example"), ("origin", origin)])), Ok(()), "{origin}");
        }
    }

    #[test]
    fn bodies_are_what_their_route_takes() {
        let kind = |value| headers(&[("content-type", value)]);
        assert_eq!(check_content_type("/v1/jobs", &kind("application/json; charset=utf-8")), Ok(()));
        assert_eq!(check_content_type("/v1/inputs", &headers(&[])), Ok(()));
        for (path, value) in
            [("/v1/jobs", "text/plain"), ("/v1/inputs", "text/plain"), ("/v1/models", "application/json")]
        {
            assert!(check_content_type(path, &kind(value)).is_err(), "{path} {value}");
        }
        assert!(check_content_type("/v1/transactions", &headers(&[])).is_err());
    }
}
