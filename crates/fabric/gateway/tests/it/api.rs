//! Requests as clients send them, good and bad.

use crate::node::{TestNode, client, elsewhere};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::Response;
use ciro_api::Refusal;
use ciro_api::signed::authorization;
use ciro_crypto::Keypair;
use ciro_gateway::{Limits, Settings};
use ciro_state::{Action, JobAction, ModelAction, SignedTx, TokenAction, TxBody, job_id};
use ciro_types::{
    AccountId, Amount, Assurance, Hash32, Height, JobSpec, JobType, ModelId, ModelRoots, Nonce, Requirements, encode,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use tower::ServiceExt as _;

/// Runs one test on its own executor.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an executor").block_on(test)
}

/// A router as one client on this machine sees it.
pub(crate) fn gateway(node: Arc<TestNode>) -> Router {
    let settings = Settings { limits: Limits::for_descriptors(1_024), hosts: BTreeSet::new(), metrics: Arc::default() };
    ciro_gateway::router(elsewhere(node), settings)
}

pub(crate) async fn send(router: &Router, mut request: Request<Body>) -> Response {
    let host = HeaderValue::from_static("127.0.0.1:8700");
    request.headers_mut().entry(header::HOST).or_insert(host);
    router.clone().oneshot(request).await.expect("the router answers")
}

pub(crate) async fn call(router: &Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = send(router, request).await;
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.expect("a short body");
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

pub(crate) async fn get(router: &Router, path: &str) -> (StatusCode, Value) {
    call(router, Request::get(path).body(Body::empty()).expect("a request")).await
}

pub(crate) async fn post(router: &Router, path: &str, kind: &str, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = Request::post(path).header("content-type", kind).body(body.into());
    call(router, request.expect("a request")).await
}

pub(crate) async fn post_json(router: &Router, path: &str, body: &Value) -> (StatusCode, Value) {
    post(router, path, "application/json", body.to_string()).await
}

pub(crate) fn signed(node: &TestNode, nonce: u64, action: Action) -> Value {
    let key = client();
    let body = TxBody { chain: node.chain(), sender: key.account(), nonce: Nonce(nonce), action };
    json!({ "tx": hex::encode(encode(&SignedTx::sign(body, &key))) })
}

fn register(node: &TestNode) -> Value {
    signed(
        node,
        0,
        Action::Model(ModelAction::Register {
            program: vec![1],
            roots: ModelRoots { key: Hash32([8; 32]), weights: Hash32([8; 32]) },
        }),
    )
}

fn spec(node: &TestNode) -> JobSpec {
    JobSpec {
        chain: node.chain(),
        client: client().account(),
        nonce: Nonce(0),
        job_type: JobType::AIInference,
        model: ciro_state::model_id(&[1], &ModelRoots { key: Hash32([8; 32]), weights: Hash32([8; 32]) }),
        input: Hash32([4; 32]),
        assurance: Assurance::A4,
        max_price: Amount::ciro(11),
        deadline: Height(1_000),
        requirements: Requirements::default(),
    }
}

/// A request for a receipt, signed by `key`.
pub(crate) fn receipt_request(node: &TestNode, key: &Keypair, job: &str) -> Request<Body> {
    let path = format!("/v1/jobs/{job}/receipt");
    let until = Height(node.status().height.0 + 10);
    let signed = authorization(key, node.chain(), "GET", &path, until);
    Request::get(path).header(header::AUTHORIZATION, signed).body(Body::empty()).expect("a request")
}

fn amount(value: &Value) -> Amount {
    value.as_str().expect("an amount").parse().expect("digits")
}

pub(crate) fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap_or_default()
}

#[test]
fn an_order_is_charged_once_however_often_it_is_sent() {
    let node = Arc::new(TestNode::new());
    let router = gateway(node.clone());
    run(async {
        assert_eq!(post_json(&router, "/v1/transactions", &register(&node)).await.0, StatusCode::OK);
        let spec = spec(&node);
        let order = signed(&node, 1, Action::Job(JobAction::Submit { spec: spec.clone() }));
        let (status, first) = post_json(&router, "/v1/jobs", &order).await;
        assert_eq!((status, first["job"].as_str()), (StatusCode::CREATED, Some(&*job_id(&spec).to_string())));
        let (status, again) = post_json(&router, "/v1/jobs", &order).await;
        assert_eq!((status, &again["job"], &again["known"]), (StatusCode::OK, &first["job"], &json!("Open")));

        let account = client().account();
        let (_, view) = get(&router, &format!("/v1/accounts/{account}")).await;
        let (paid, balance) = (node.fees(), amount(&view["balance"]));
        assert_eq!(balance.0 + paid.0, Amount::ciro(989).0, "the escrow, the fees and the deposit, each once");
        let (_, job) = get(&router, &format!("/v1/jobs/{}", job_id(&spec))).await;
        assert_eq!((&job["status"], &job["escrow"]), (&json!("Open"), &json!("11")));
        assert_eq!(job["waits_because"], "no worker has a standing offer");
    });
}

#[test]
fn an_order_whose_input_or_model_is_not_here_is_refused_on_either_route() {
    let lacking = [(true, false, "POST /v1/inputs"), (false, true, "POST /v1/models")];
    for (lacks_inputs, lacks_models, remedy) in lacking {
        let mut node = TestNode::new();
        (node.lacks_inputs, node.lacks_models) = (lacks_inputs, lacks_models);
        let node = Arc::new(node);
        let router = gateway(node.clone());
        run(async {
            let (status, _) = post_json(&router, "/v1/transactions", &register(&node)).await;
            assert_eq!(status, StatusCode::OK, "a registration brings its model later");
            let order = signed(&node, 1, Action::Job(JobAction::Submit { spec: spec(&node) }));
            for path in ["/v1/jobs", "/v1/transactions"] {
                let (status, body) = post_json(&router, path, &order).await;
                assert_eq!((status, code(&body)), (StatusCode::UNPROCESSABLE_ENTITY, "refused"), "{path}");
                assert!(body["error"]["hint"].as_str().is_some_and(|hint| hint.contains(remedy)), "{body}");
            }
            let model = spec(&node).model;
            let (_, view) = get(&router, &format!("/v1/models/{model}")).await;
            assert_eq!((&view["is_stored"], &view["is_retired"]), (&json!(!lacks_models), &json!(false)));
        });
    }
}

#[test]
fn an_open_job_has_no_receipt_yet_and_an_unknown_one_never() {
    let node = Arc::new(TestNode::new());
    let router = gateway(node.clone());
    run(async {
        post_json(&router, "/v1/transactions", &register(&node)).await;
        let spec = spec(&node);
        post_json(&router, "/v1/jobs", &signed(&node, 1, Action::Job(JobAction::Submit { spec: spec.clone() }))).await;
        let ask = async |job: &str| call(&router, receipt_request(&node, &client(), job)).await;
        let (status, body) = ask(&job_id(&spec).to_string()).await;
        assert_eq!((status, code(&body)), (StatusCode::CONFLICT, "not_yet"));
        let (status, body) = ask(&"0".repeat(64)).await;
        assert_eq!((status, code(&body)), (StatusCode::NOT_FOUND, "not_found"));
        let counters = metrics(&router).await;
        assert!(counters.contains("ciro_refusals_total{code=\"not_found\"} 1"), "{counters}");
        assert!(!counters.contains("not_yet"), "waiting is no offence: {counters}");
    });
}

#[test]
fn what_the_ledger_refuses_is_refused_in_its_words() {
    let node = Arc::new(TestNode::new());
    let router = gateway(node.clone());
    run(async {
        let to = AccountId([3; 32]);
        let poor = signed(&node, 0, Action::Token(TokenAction::Transfer { to, amount: Amount::ciro(5_000) }));
        let (status, body) = post_json(&router, "/v1/transactions", &poor).await;
        assert_eq!((status, code(&body)), (StatusCode::UNPROCESSABLE_ENTITY, "refused"));
        assert!(body["error"]["message"].as_str().is_some_and(|m| m.contains("balance")), "{body}");

        let transfer = signed(&node, 0, Action::Token(TokenAction::Transfer { to, amount: Amount::ciro(5) }));
        let (status, body) = post_json(&router, "/v1/jobs", &transfer).await;
        assert_eq!((status, code(&body)), (StatusCode::BAD_REQUEST, "bad_request"), "no order");
    });
}

#[test]
fn malformed_input_is_refused_with_a_code_and_never_a_crash() {
    let router = gateway(Arc::new(TestNode::new()));
    let bodies = [r#""#, "{", "[]", "{}", r#"{"tx": 1}"#, r#"{"tx": "zz"}"#, r#"{"tx": "00"}"#, "\u{0}\u{0}"];
    run(async {
        for body in bodies {
            for path in ["/v1/transactions", "/v1/jobs"] {
                let (status, answer) = post(&router, path, "application/json", body).await;
                assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "bad_request"), "{path} {body:?}");
            }
        }
        let (status, _) = post(&router, "/v1/jobs", "text/plain", r#"{"tx": "00"}"#).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        for path in ["/v1/accounts/xyz", "/v1/jobs/1", "/v1/blocks/-1", "/v1/quote?memory=lots", "/v1/quote?gpu=1"] {
            let (status, answer) = get(&router, path).await;
            assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "bad_request"), "{path}");
        }
        let (status, answer) = get(&router, "/v1/quote?gpu%E2%80%AE=1").await;
        let said = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!((status, said), (StatusCode::BAD_REQUEST, r#"unknown parameter "gpu\u{202e}""#));
        for path in ["/", "/v1/nothing", "/v1/blocks/99", &format!("/v1/models/{}", "0".repeat(64))] {
            let (status, answer) = get(&router, path).await;
            assert_eq!((status, code(&answer)), (StatusCode::NOT_FOUND, "not_found"), "{path}");
        }
        let (status, answer) = get(&router, "/v1/events?from=1.4294967295").await;
        assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "bad_request"));
    });
}

#[test]
fn bodies_have_limits() {
    let router = gateway(Arc::new(TestNode::new()));
    run(async {
        let limit = ciro_state::Params::with_block_ms(100).max_input_bytes as usize;
        let (status, _) = post(&router, "/v1/inputs", "application/octet-stream", vec![0; limit]).await;
        assert_eq!(status, StatusCode::OK);
        for length in [limit + 1, 17 << 20] {
            let (status, body) = post(&router, "/v1/inputs", "application/octet-stream", vec![0; length]).await;
            assert_eq!((status, code(&body)), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"), "{length}");
        }
        let (status, body) = post(&router, "/v1/jobs", "application/json", vec![b' '; 33 << 20]).await;
        assert_eq!((status, code(&body)), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    });
}

#[test]
fn models_and_inputs_are_named_by_what_they_are() {
    let router = gateway(Arc::new(TestNode::new()));
    run(async {
        let octets = "application/octet-stream";
        let (_, body) = post(&router, "/v1/inputs", octets, "abc").await;
        assert_eq!(body["input"], ciro_state::input_hash(b"abc").to_string());
        let (_, body) = post(&router, "/v1/models", octets, "M").await;
        assert_eq!((&body["model"], &body["is_registered"]), (&json!(ModelId([7; 32])), &json!(false)));
        let (status, body) = post(&router, "/v1/models", octets, "x").await;
        assert_eq!((status, code(&body)), (StatusCode::BAD_REQUEST, "bad_request"));
    });
}

#[test]
fn a_quote_prices_every_rung_with_the_fee_and_says_what_it_is_worth() {
    let router = gateway(Arc::new(TestNode::new()));
    run(async {
        let (status, quote) = get(&router, "/v1/quote?memory=64").await;
        assert_eq!(status, StatusCode::OK);
        let price = |rung: usize| quote["rungs"][rung]["price"].as_str().map(String::from);
        assert_eq!(price(0).as_deref(), Some("11"), "10 and the fee");
        assert_eq!(price(1).as_deref(), Some("26.4"), "two workers at the price of the dearer, and the fee");
        assert_eq!(quote["rungs"][2]["latency_ms"], 80);
        assert_eq!(quote["rungs"][0]["latency_ms"], Value::Null);
        assert_eq!(quote["rungs"][2]["cost_to_corrupt"], "60", "two thirds of the validators' stake");
    });
}

#[test]
fn a_quote_nobody_can_serve_says_why() {
    let mut node = TestNode::new();
    node.offers = Err(Refusal::default());
    let router = gateway(Arc::new(node));
    run(async {
        let (_, quote) = get(&router, "/v1/quote").await;
        assert_eq!(quote["rungs"][0]["price"], Value::Null);
        assert_eq!(quote["rungs"][0]["refusal"], "no worker has a standing offer");
    });
}

/// Reads server-sent events until `count` have come.
async fn events(router: &Router, request: Request<Body>, count: usize) -> Vec<(String, Value)> {
    use futures_util::StreamExt as _;
    let response = send(router, request).await;
    let mut body = response.into_body().into_data_stream();
    let (mut text, mut found) = (String::new(), Vec::new());
    while found.len() < count {
        let chunk = body.next().await.expect("the stream goes on").expect("no error");
        text.push_str(std::str::from_utf8(&chunk).expect("text"));
        while let Some((message, rest)) = text.clone().split_once("\n\n") {
            let field = |name: &str| message.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if let (Some(id), Some(data)) = (field("id:"), field("data:")) {
                found.push((id.to_string(), serde_json::from_str(data).expect("JSON")));
            }
            text = rest.to_string();
        }
    }
    found
}

#[test]
fn events_stream_from_any_position_and_resume_after_the_last_one_seen() {
    let node = Arc::new(TestNode::new());
    let router = gateway(node.clone());
    let request = |uri: &str| Request::get(uri).body(Body::empty()).expect("a request");
    run(async {
        post_json(&router, "/v1/transactions", &register(&node)).await;
        let order = signed(&node, 1, Action::Job(JobAction::Submit { spec: spec(&node) }));
        post_json(&router, "/v1/jobs", &order).await;

        let all = events(&router, request("/v1/events"), 4).await;
        let kinds: Vec<_> = all.iter().map(|(_, event)| event["event"]["event"].as_str().unwrap_or_default()).collect();
        assert_eq!(kinds, ["FeePaid", "ModelRegistered", "FeePaid", "JobOpened"]);
        let later = events(&router, request(&format!("/v1/events?from={}", all[1].0)), 1).await;
        assert_eq!(later[0], all[1]);

        let mut resumed = request("/v1/events");
        resumed.headers_mut().insert("last-event-id", all[0].0.parse().expect("a header"));
        assert_eq!(events(&router, resumed, 1).await[0], all[1]);
    });
}

#[test]
fn a_waiting_stream_wakes_when_a_block_is_committed() {
    let node = Arc::new(TestNode::new());
    let router = gateway(node.clone());
    run(async {
        let request = Request::get("/v1/events").body(Body::empty()).expect("a request");
        let waiting = events(&router, request, 1);
        let (found, _) =
            futures_util::future::join(waiting, post_json(&router, "/v1/transactions", &register(&node))).await;
        assert_eq!(found[0].1["event"]["event"], "FeePaid");
    });
    assert_eq!(node.status().height, Height(1));
}

/// All counters of a gateway.
async fn metrics(router: &Router) -> String {
    let response = send(router, Request::get("/metrics").body(Body::empty()).expect("a request")).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], ciro_telemetry::metrics::CONTENT_TYPE);
    let bytes = to_bytes(response.into_body(), 1 << 20).await.expect("a short body");
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn refusals_are_counted_by_the_code_that_the_client_was_told_and_routes_by_their_names() {
    run(async {
        let router = gateway(Arc::new(TestNode::new()));
        assert_eq!(get(&router, &format!("/v1/jobs/{}", "11".repeat(32))).await.0, StatusCode::NOT_FOUND);
        assert_eq!(get(&router, "/v1/jobs/none").await.0, StatusCode::BAD_REQUEST);
        assert_eq!(get(&router, "/what/a/stranger/wrote").await.0, StatusCode::NOT_FOUND);
        let text = metrics(&router).await;
        for line in [
            "ciro_requests_total{route=\"/v1/jobs/{job}\",status=\"404\"} 1",
            "ciro_requests_total{route=\"/v1/jobs/{job}\",status=\"400\"} 1",
            "ciro_requests_total{route=\"none\",status=\"404\"} 1",
            "ciro_refusals_total{code=\"not_found\"} 2",
            "ciro_refusals_total{code=\"bad_request\"} 1",
        ] {
            assert!(text.lines().any(|got| got == line), "expected {line}, got\n{text}");
        }
        assert!(!text.contains("stranger"), "{text}");
    });
}
