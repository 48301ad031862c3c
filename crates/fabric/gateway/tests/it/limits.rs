//! What one client may take, and what happens to one that takes more. Over real sockets where connections matter.

use crate::api::{call, code, gateway, get, post, post_json, run, send, signed};
use crate::node::{TestNode, client};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use ciro_api::signed::authorization;
use ciro_crypto::Keypair;
use ciro_gateway::{Limits, Settings, serve};
use ciro_state::{Action, TokenAction};
use ciro_telemetry::Metrics;
use ciro_types::{AccountId, Amount, Height};
use futures_util::StreamExt as _;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

fn limits() -> Limits {
    Limits::for_descriptors(1_024)
}

fn with_limits(node: TestNode, limits: Limits) -> Router {
    ciro_gateway::router(Arc::new(node), Settings { limits, hosts: BTreeSet::new(), metrics: Arc::default() })
}

/// Runs `test` against a gateway on a socket of its own.
fn on_a_socket<T>(limits: Limits, test: impl AsyncFnOnce(SocketAddr) -> T) -> T {
    counted_on_a_socket(limits, &Arc::default(), test)
}

/// As [`on_a_socket`], with its counters.
fn counted_on_a_socket<T>(limits: Limits, metrics: &Arc<Metrics>, test: impl AsyncFnOnce(SocketAddr) -> T) -> T {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let (stop, stopped) = oneshot::channel::<()>();
        let settings = Settings { limits, hosts: BTreeSet::new(), metrics: Arc::clone(metrics) };
        let server = serve(listener, Arc::new(TestNode::new()), settings, async move { drop(stopped.await) });
        let client = async {
            let result = test(address).await;
            drop(stop);
            result
        };
        let (served, result) = futures_util::future::join(server, client).await;
        served.expect("serves");
        result
    })
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("the gateway listens")
}

/// What the gateway says before it closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A connection that is reset has been closed as well.
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8_lossy(&text).into_owned()
}

async fn status_of(address: SocketAddr) -> String {
    let mut stream = connect(address).await;
    stream.write_all(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.expect("writes");
    rest(&mut stream).await
}

#[test]
fn idle_connections_and_half_heads_do_not_keep_others_out() {
    let limits = Limits { connections: 8, connections_per_address: 8, ..limits() };
    on_a_socket(limits, async |address| {
        let mut held = Vec::new();
        for n in 0..40 {
            let mut stream = connect(address).await;
            if n % 2 == 0 {
                stream.write_all(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX-A: ").await.expect("writes");
            }
            held.push(stream);
            assert!(status_of(address).await.starts_with("HTTP/1.1 200"), "{n} are held");
        }
        assert_eq!(rest(&mut held[1]).await, "", "the first ones have been closed");
    });
}

#[test]
fn a_target_in_absolute_form_names_the_server_as_host_does() {
    on_a_socket(limits(), async |address| {
        for (target, expected) in [("http://evil.example", "403"), ("http://localhost:1", "200"), ("", "200")] {
            let mut stream = connect(address).await;
            let head = format!("GET {target}/v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await.expect("writes");
            let answer = rest(&mut stream).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{target}: {answer}");
        }
    });
}

#[test]
fn forged_signatures_cost_their_address_and_nobody_who_signs_well_elsewhere() {
    let limits = Limits { forgeries_per_second: 0, forgeries_burst: 4, ..limits() };
    let node = TestNode::new();
    let (chain, until) = (node.chain(), Height(10));
    let router = with_limits(node, limits);
    run(async {
        let ask = async |chain| {
            let signed = authorization(&client(), chain, "GET", "/v1/status", until);
            let request = Request::get("/v1/status").header(header::AUTHORIZATION, signed).body(Body::empty());
            call(&router, request.expect("a request")).await.0
        };
        for _ in 0..8 {
            assert_eq!(ask(chain).await, StatusCode::OK, "good ones are not charged");
        }
        for _ in 0..4 {
            assert_eq!(ask(ciro_types::ChainId([0; 32])).await, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(ask(chain).await, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(get(&router, "/v1/status").await.0, StatusCode::OK, "unsigned requests are counted apart");
    });
}

#[test]
fn a_head_that_does_not_end_is_answered_and_an_idle_connection_closed() {
    let limits = Limits { head_patience: Duration::from_millis(50), ..limits() };
    on_a_socket(limits, async |address| {
        let mut idle = connect(address).await;
        assert_eq!(rest(&mut idle).await, "");
        let mut slow = connect(address).await;
        slow.write_all(b"GET /v1/status HTTP/1.1\r\nHost: local").await.expect("writes");
        let answer = rest(&mut slow).await;
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"too_slow\""), "{answer}");
        assert!(answer.contains("retry-after: 1"), "{answer}");
    });
}

#[test]
fn each_way_in_which_a_connection_ends_is_counted() {
    let limits = Limits { head_patience: Duration::from_millis(50), connections: 1, ..limits() };
    let metrics = Arc::<Metrics>::default();
    counted_on_a_socket(limits, &metrics, async |address| {
        assert!(status_of(address).await.starts_with("HTTP/1.1 200"));
        assert_eq!(rest(&mut connect(address).await).await, "", "nothing was said in time");
        let mut noise = connect(address).await;
        noise.write_all(b"\0\0\0\0\r\n\r\n").await.expect("writes");
        rest(&mut noise).await;
        let (mut first, mut second) = (connect(address).await, connect(address).await);
        assert_eq!(rest(&mut first).await, "", "it made room");
        rest(&mut second).await;
    });
    let text = metrics.text();
    for (reason, count) in [("done", 1), ("slow", 2), ("broken", 1), ("displaced", 1)] {
        let line = format!("ciro_connections_closed_total{{reason=\"{reason}\"}} {count}");
        assert!(text.lines().any(|got| got == line), "expected {line}, got\n{text}");
    }
    assert!(text.contains("ciro_requests_total{route=\"/v1/status\",status=\"200\"} 1"), "{text}");
}

#[test]
fn a_kept_connection_is_as_impatient_as_a_new_one() {
    let limits = Limits { head_patience: Duration::from_millis(50), ..limits() };
    on_a_socket(limits, async |address| {
        let mut stream = connect(address).await;
        stream.write_all(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("writes");
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("408"), "served once, then closed: {answer}");
    });
}

#[test]
fn a_body_that_does_not_come_is_answered_with_its_pace() {
    let limits = Limits { body_grace: Duration::from_millis(50), ..limits() };
    on_a_socket(limits, async |address| {
        for path in ["/v1/models", "/v1/inputs"] {
            let mut stream = connect(address).await;
            let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nabc");
            stream.write_all(head.as_bytes()).await.expect("writes");
            let answer = rest(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("got 3 bytes"), "{answer}");
        }
    });
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    on_a_socket(limits(), async |address| {
        let mut stream = connect(address).await;
        let head = format!("GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX-A: {}\r\n\r\n", "a".repeat(20_000));
        stream.write_all(head.as_bytes()).await.expect("writes");
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        let error: serde_json::Value = serde_json::from_str(body).expect("one JSON body, and nothing behind it");
        assert_eq!(error["error"]["code"], "too_large", "{answer}");
        assert!(error["error"]["message"].as_str().is_some_and(|message| message.contains("16384 bytes")), "{answer}");
    });
}

#[test]
fn a_stream_nobody_reads_is_closed() {
    let limits = Limits { stall_patience: Duration::from_millis(50), connections_per_address: 2, ..limits() };
    on_a_socket(limits, async |address| {
        let mut stream = connect(address).await;
        // Answers pile up until nothing fits any more, and then the connection ends under the writer.
        let request = b"GET /v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(64);
        while stream.write_all(&request).await.is_ok() {}
        assert!(status_of(address).await.starts_with("HTTP/1.1 200"));
    });
}

#[test]
fn no_page_and_no_other_name_reaches_any_route() {
    let router = gateway(Arc::new(TestNode::new()));
    let bad = [
        ("host", "evil.example"),
        ("host", "127.0.0.1.evil.example:8700"),
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ];
    run(async {
        for route in ciro_gateway::routes() {
            for (name, value) in bad {
                let request = Request::builder().method(route.method).uri(route.path.replace(['{', '}'], ""));
                let request = request.header(name, value).header(header::CONTENT_TYPE, "application/octet-stream");
                let (status, body) = call(&router, request.body(Body::empty()).expect("a request")).await;
                assert_eq!((status, code(&body)), (StatusCode::FORBIDDEN, "misdirected"), "{} {value}", route.path);
            }
        }
    });
}

#[test]
fn a_client_that_asks_too_often_is_told_when_to_come_again_and_a_funded_account_is_not_hurt() {
    let node = Arc::new(TestNode::new());
    let limits = Limits { units_per_second: 1, units_burst: 4, ..limits() };
    let router =
        ciro_gateway::router(node.clone(), Settings { limits, hosts: BTreeSet::new(), metrics: Arc::default() });
    run(async {
        for _ in 0..4 {
            assert_eq!(get(&router, "/v1/status").await.0, StatusCode::OK);
        }
        let refused = send(&router, Request::get("/v1/status").body(Body::empty()).expect("a request")).await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()), Some("1"));

        let ask = async |key: &Keypair| {
            let authorization = authorization(key, node.chain(), "GET", "/v1/status", Height(9));
            let request = Request::get("/v1/status").header(header::AUTHORIZATION, authorization);
            call(&router, request.body(Body::empty()).expect("a request")).await.0
        };
        assert_eq!(ask(&client()).await, StatusCode::OK, "it has money, and a budget of its own");
        let penniless = Keypair::from_seed([99; 32]);
        assert_eq!(ask(&penniless).await, StatusCode::TOO_MANY_REQUESTS, "keys cost nothing");
    });
}

#[test]
fn a_signature_that_does_not_fit_is_refused_everywhere() {
    let node = Arc::new(TestNode::new());
    let router = gateway(node.clone());
    run(async {
        let other_path = authorization(&client(), node.chain(), "GET", "/v1/workers", Height(9));
        for value in ["Ciro x", "Basic abc", &other_path] {
            let request = Request::get("/v1/status").header(header::AUTHORIZATION, value);
            let (status, body) = call(&router, request.body(Body::empty()).expect("a request")).await;
            assert_eq!((status, code(&body)), (StatusCode::UNAUTHORIZED, "unsigned"), "{value}");
        }
    });
}

fn transfer(node: &TestNode, nonce: u64) -> Value {
    signed(node, nonce, Action::Token(TokenAction::Transfer { to: AccountId([3; 32]), amount: Amount(1) }))
}

#[test]
fn waiting_submissions_hold_no_thread_and_an_account_holds_so_many() {
    let mut node = TestNode::new();
    node.stuck = Some(Mutex::default());
    let node = Arc::new(node);
    let limits = Limits { waiting: 8, waiting_per_account: 5, questions: 1, ..limits() };
    let router =
        ciro_gateway::router(node.clone(), Settings { limits, hosts: BTreeSet::new(), metrics: Arc::default() });
    run(async {
        let submit = async |nonce| post_json(&router, "/v1/transactions", &transfer(&node, nonce)).await;
        // They come in any order, and none of them may be behind a gap of nonces.
        let waiting = futures_util::future::join_all([0; 5].map(submit));
        let others = async {
            // The one thread for questions is free although five clients wait.
            while node.stuck.as_ref().expect("it is stuck").lock().expect("not poisoned").len() < 5 {
                assert_eq!(get(&router, "/v1/status").await.0, StatusCode::OK);
            }
            let (status, body) = submit(0).await;
            assert_eq!((status, code(&body)), (StatusCode::TOO_MANY_REQUESTS, "too_many"));
            node.stuck.as_ref().expect("it is stuck").lock().expect("not poisoned").clear();
        };
        let (answers, ()) = futures_util::future::join(waiting, others).await;
        for (status, body) in answers {
            assert_eq!((status, code(&body)), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
        }
    });
}

#[test]
fn what_waits_behind_a_gap_is_answered_at_once_and_holds_no_place() {
    let mut node = TestNode::new();
    node.stuck = Some(Mutex::default());
    let node = Arc::new(node);
    let limits = Limits { waiting: 1, waiting_per_account: 1, ..limits() };
    let router =
        ciro_gateway::router(node.clone(), Settings { limits, hosts: BTreeSet::new(), metrics: Arc::default() });
    run(async {
        for nonce in 1..9 {
            let (status, body) = post_json(&router, "/v1/transactions", &transfer(&node, nonce)).await;
            assert_eq!((status, code(&body)), (StatusCode::CONFLICT, "nonce"), "{nonce}");
        }
        let first = transfer(&node, 0);
        let waiting = post_json(&router, "/v1/transactions", &first);
        let ends = async {
            while node.stuck.as_ref().expect("it is stuck").lock().expect("not poisoned").is_empty() {
                tokio::task::yield_now().await;
            }
            node.stuck.as_ref().expect("it is stuck").lock().expect("not poisoned").clear();
        };
        let ((status, _), ()) = futures_util::future::join(waiting, ends).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "it had a place, and its node went away");
    });
}

/// Sends the head of an upload that is as long as a model may be, and its first bytes.
async fn begin_upload(address: SocketAddr, bytes: usize) -> TcpStream {
    let mut stream = connect(address).await;
    let head = "POST /v1/models HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("writes");
    // A gateway that has dropped it already takes no more.
    let _ = stream.write_all(&vec![b'M'; bytes]).await;
    stream
}

#[test]
fn bytes_that_came_fast_buy_a_body_no_silence() {
    let limits = Limits {
        body_grace: Duration::from_millis(200),
        body_credit: Duration::from_millis(200),
        body_rate: 1_000,
        ..limits()
    };
    on_a_socket(limits, async |address| {
        // A megabyte at a rate of a thousand bytes a second would earn a quarter of an hour.
        let mut stream = begin_upload(address, 1_000_000).await;
        let answer = tokio::time::timeout(Duration::from_secs(20), rest(&mut stream)).await.expect("it is dropped");
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    });
}

#[test]
fn where_all_places_for_uploads_are_held_a_slow_one_makes_way() {
    let limits = Limits { uploads: 2, uploads_per_client: 2, body_credit: Duration::from_secs(60), ..limits() };
    let router = with_limits(TestNode::new(), limits);
    let node = TestNode::new();
    run(async {
        let silent = || Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let held = || post(&router, "/v1/inputs", "application/octet-stream", silent());
        let honest = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let authorization = authorization(&client(), node.chain(), "POST", "/v1/inputs", Height(9));
            let request = Request::post("/v1/inputs")
                .header(header::AUTHORIZATION, authorization)
                .header(header::CONTENT_TYPE, "application/octet-stream");
            call(&router, request.body(Body::from(vec![7; 100_000])).expect("a request")).await.0
        };
        let ended = async { futures_util::future::select(Box::pin(held()), Box::pin(held())).await.factor_first().0 };
        // Two of one address hold all; an account with money comes after them and needs one.
        let ((status, body), honest) = futures_util::future::join(ended, honest).await;
        assert_eq!((status, code(&body)), (StatusCode::TOO_MANY_REQUESTS, "too_many"), "{body}");
        assert_eq!(honest, StatusCode::OK);
    });
}

#[test]
fn long_transactions_of_one_client_fill_its_part_of_the_memory_alone() {
    let limits = Limits { body_memory: 400_000, ..limits() };
    let router = with_limits(TestNode::new(), limits);
    run(async {
        let open = |bytes: usize| {
            let first = futures_util::stream::once(async move { Ok::<_, std::io::Error>(vec![b' '; bytes]) });
            Body::from_stream(first.chain(futures_util::stream::pending()))
        };
        let held = post(&router, "/v1/transactions", "application/json", open(300_000));
        let next = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let long = post(&router, "/v1/transactions", "application/json", vec![b' '; 200_000]).await;
            let short = post(&router, "/v1/transactions", "application/json", vec![b' '; 2_000]).await;
            (long, short)
        };
        let next = Box::pin(next);
        let held = Box::pin(held);
        let futures_util::future::Either::Left(((long, short), _)) = futures_util::future::select(next, held).await
        else {
            panic!("the first body never ends")
        };
        assert_eq!((long.0, code(&long.1)), (StatusCode::TOO_MANY_REQUESTS, "too_many"));
        assert_eq!((short.0, code(&short.1)), (StatusCode::BAD_REQUEST, "bad_request"), "short ones need no room");
    });
}

#[test]
fn nobody_waits_in_the_name_of_another() {
    let node = Arc::new(TestNode::new());
    let router = gateway(node.clone());
    run(async {
        let mut forged = transfer(&node, 0)["tx"].as_str().expect("hexadecimal").to_string();
        forged.replace_range(forged.len() - 2.., "00");
        let (status, body) = post_json(&router, "/v1/transactions", &serde_json::json!({ "tx": forged })).await;
        assert_eq!((status, code(&body)), (StatusCode::BAD_REQUEST, "bad_request"));
        assert!(body["error"]["message"].as_str().is_some_and(|message| message.contains("signature")), "{body}");
    });
}

#[test]
fn event_streams_are_counted_and_come_back() {
    let router = with_limits(TestNode::new(), Limits { streams: 8, streams_per_client: 2, ..limits() });
    run(async {
        let open = || send(&router, Request::get("/v1/events").body(Body::empty()).expect("a request"));
        let held = [open().await, open().await];
        assert!(held.iter().all(|response| response.status() == StatusCode::OK));
        assert_eq!(open().await.status(), StatusCode::TOO_MANY_REQUESTS);
        drop(held);
        assert_eq!(open().await.status(), StatusCode::OK);
    });
}

#[test]
fn a_reader_that_lags_is_told_where_to_go_on() {
    let node = Arc::new(TestNode::new());
    let limits = Limits { lag_patience: Duration::ZERO, ..limits() };
    let router =
        ciro_gateway::router(node.clone(), Settings { limits, hosts: BTreeSet::new(), metrics: Arc::default() });
    run(async {
        for nonce in 0..2 {
            assert_eq!(post_json(&router, "/v1/transactions", &transfer(&node, nonce)).await.0, StatusCode::OK);
        }
        let events = send(&router, Request::get("/v1/events").body(Body::empty()).expect("a request")).await;
        let text = text_of(events).await;
        assert!(text.starts_with("id: 1.0\n") && text.contains("event: lagged\ndata: {\"resume\":\"1.1\"}"), "{text}");
    });
}

async fn text_of(response: Response<Body>) -> String {
    let pieces: Vec<_> = response.into_body().into_data_stream().collect().await;
    pieces.into_iter().map(|piece| String::from_utf8_lossy(&piece.expect("no error")).into_owned()).collect()
}

#[test]
fn uploads_flow_through_a_buffer_and_count_against_their_client() {
    let node = TestNode::new();
    let pieces = Arc::clone(&node.uploads);
    let limits = Limits { upload_buffer: 10_000, bytes_per_second: 1, bytes_burst: 1_100_000, ..limits() };
    let router = with_limits(node, limits);
    run(async {
        let chunks = futures_util::stream::iter((0..1_000).map(|_| Ok::<_, std::io::Error>(vec![7_u8; 1_000])));
        let (status, _) = post(&router, "/v1/inputs", "application/octet-stream", Body::from_stream(chunks)).await;
        assert_eq!(status, StatusCode::OK);
        let longest = pieces.lock().expect("not poisoned").iter().copied().max();
        assert!(longest.is_some_and(|longest| longest < 11_000), "{longest:?}");
        let (status, body) = post(&router, "/v1/inputs", "application/octet-stream", vec![0; 200_000]).await;
        assert_eq!((status, code(&body)), (StatusCode::TOO_MANY_REQUESTS, "too_many"), "it has sent enough for now");
    });
}

#[test]
fn a_receipt_is_for_nobody_who_does_not_sign() {
    let router = gateway(Arc::new(TestNode::new()));
    run(async {
        let (status, body) = get(&router, &format!("/v1/jobs/{}/receipt", "1".repeat(64))).await;
        assert_eq!((status, code(&body)), (StatusCode::UNAUTHORIZED, "unsigned"));
    });
}
