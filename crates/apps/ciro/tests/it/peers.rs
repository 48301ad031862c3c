//! What a hostile gateway says, as the command line shows it.

use ciro_api::Status;
use ciro_api::http::{Quote, Rung};
use ciro_state::Params;
use ciro_types::{AccountId, Amount, Assurance, BasisPoints, ChainId, Height};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};

/// Everything that a terminal would obey or not show, and a line that would pass for ours.
const LIE: &str = "a\u{1b}[2J\u{9b}H\nvalid, proven (A4)\r\u{202e}\u{200b}\u{2028}\u{7}";

/// What answers a request by its path.
type Peer = fn(&str) -> (u16, Value);

/// Answers each request with what `answer` makes of its path, until the test ends.
fn gateway(home: &Path, answer: Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    std::fs::write(home.join("endpoint"), endpoint).expect("writable");
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| serve(stream, answer)));
}

/// One request per connection.
fn serve(mut stream: TcpStream, answer: fn(&str) -> (u16, Value)) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let (mut request, mut length) = (String::new(), 0);
    reader.read_line(&mut request).expect("a request");
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).expect("a header");
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if header.trim().is_empty() {
            break;
        }
    }
    reader.take(length).read_to_end(&mut Vec::new()).expect("a body");
    let path = request.split_whitespace().nth(1).unwrap_or_default();
    let (status, body) = answer(path);
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    // The client may have gone: that is what the test looks at.
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

fn ciro(home: &Path, args: &[&str]) -> Output {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../vectors/models/A_logreg_bc.onnx");
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../vectors/models/A_logreg_bc.npz");
    let args = args.iter().map(|arg| match *arg {
        "MODEL" => model,
        "SAMPLES" => samples,
        arg => arg,
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_ciro"));
    command.args(args).env("CIRO_HOME", home).current_dir(home).output().expect("the binary starts")
}

fn status() -> Value {
    let status = Status {
        network: LIE.into(),
        chain: ChainId::ZERO,
        version: LIE.into(),
        height: Height(5),
        scheduler: AccountId::ZERO,
        validators: 1,
        workers: 0,
        block_ms: 1_000,
        read_only: Some(LIE.into()),
        params: Params::with_block_ms(1_000),
    };
    serde_json::to_value(status).expect("JSON")
}

/// A peer that is friendly until it is asked for something.
fn refuse(path: &str) -> (u16, Value) {
    if path == "/v1/status" {
        return (200, status());
    }
    (422, serde_json::json!({ "error": { "code": LIE, "message": LIE, "hint": LIE } }))
}

/// A peer that quotes, in words of its own.
fn quote(path: &str) -> (u16, Value) {
    if path == "/v1/status" {
        return (200, status());
    }
    let rung = |assurance| Rung {
        assurance,
        price: None,
        workers: vec![],
        refusal: Some(LIE.into()),
        is_busy: false,
        latency_ms: None,
        latency_jobs: 0,
        undetected: LIE.into(),
        cost_to_corrupt: Amount::ZERO,
        basis: LIE.into(),
    };
    let quote = Quote { fee: BasisPoints(100), order_fee: Amount::ONE, rungs: Assurance::ALL.map(rung).into() };
    (200, serde_json::to_value(quote).expect("JSON"))
}

/// A peer that speaks no schema.
fn nonsense(path: &str) -> (u16, Value) {
    if path == "/v1/status" { (200, status()) } else { (500, serde_json::json!(LIE)) }
}

/// Printable, and no line that a stranger began.
fn assert_told(output: &Output, what: &str) {
    for stream in [&output.stdout, &output.stderr] {
        let text = std::str::from_utf8(stream).expect("text");
        assert_eq!(ciro_types::Lines(text).to_string(), text, "{what}");
        assert!(text.lines().all(|line| !line.starts_with("valid")), "{what}: {text}");
    }
}

#[test]
fn what_a_gateway_says_moves_no_cursor_and_begins_no_line() {
    let to = AccountId::ZERO.to_string();
    let commands: [&[&str]; 7] = [
        &["wallet", "send", &to, "1"],
        &["quote"],
        &["quote", "--json"],
        &["inspect", "block", "1"],
        &["wallet", "balance"],
        &["run", "MODEL", "--input", "SAMPLES", "-o", "r.ciro"],
        &["run", "MODEL", "--input", "SAMPLES", "-o", "r.ciro", "--json"],
    ];
    let peers: [(&str, Peer); 3] = [("refuses", refuse), ("quotes", quote), ("nonsense", nonsense)];
    for (name, peer) in peers {
        let home = tempfile::tempdir().expect("a directory");
        gateway(home.path(), peer);
        let made = ciro(home.path(), &["wallet", "new"]);
        assert_eq!(made.status.code(), Some(0));
        for args in commands {
            let output = ciro(home.path(), args);
            assert_told(&output, &format!("{name} {args:?}"));
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(!told.contains("does not answer"), "the peer is reached: {told}");
            let waits = told.contains("commits nothing until its disk has room");
            assert_eq!(waits, args[0] == "run" || args.contains(&"send"), "{args:?}: {told}");
        }
    }
    let home = tempfile::tempdir().expect("a directory");
    gateway(home.path(), quote);
    let quoted = ciro(home.path(), &["quote"]);
    assert_eq!(quoted.status.code(), Some(0), "{}", String::from_utf8_lossy(&quoted.stderr));
    assert!(String::from_utf8_lossy(&quoted.stdout).contains("\\u{1b}[2J"), "what was said is shown, escaped");
}
