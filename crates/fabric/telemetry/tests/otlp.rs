//! A collector gets what the filter lets through, as OTLP over HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

/// The request line, headers and body of one request to `listener`, which is answered with nothing.
fn collect(listener: &TcpListener) -> (String, Vec<u8>) {
    let (mut stream, _) = listener.accept().expect("a connection");
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).expect("a line") > 0, "the headers end");
    }
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; length.expect("a length").parse().expect("a number")];
    reader.read_exact(&mut body).expect("a body");
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").expect("an answer");
    (head, body)
}

fn contains(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_collector_gets_the_records_that_the_filter_lets_through() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let collector = format!("http://{}/", listener.local_addr().expect("an address"));
    let got = thread::spawn(move || collect(&listener));
    let export = ciro_telemetry::log::start_with("info", None, &collector).expect("starts");
    tracing::info!(target: "ciro::jobs", height = 7, job = "0f0e", "settled");
    tracing::debug!(target: "ciro::jobs", "hidden");
    drop(export);
    let (head, body) = got.join().expect("a request");
    assert!(head.starts_with("POST /v1/logs HTTP/1.1\r\n") && head.contains("application/x-protobuf"), "{head}");
    for text in ["service.name", "ciro::jobs", "height", "job", "0f0e", "settled", "INFO"] {
        assert!(contains(&body, text), "{text} is missing");
    }
    assert!(!contains(&body, "hidden"));
    let again = ciro_telemetry::log::start_with("info", None, &collector).err().map(|error| error.to_string());
    assert_eq!(again.as_deref(), Some("a log has been started already"));
}

#[test]
fn what_is_no_url_is_refused_by_name() {
    let error = ciro_telemetry::log::start_with("info", None, "no url").expect_err("no collector").to_string();
    assert!(error.contains("got \"no url\""), "{error}");
}
