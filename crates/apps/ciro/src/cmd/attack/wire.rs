//! Requests as an attacker writes them: byte by byte, with any header, as slowly as it likes.

use serde_json::Value;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than every patience of a gateway.
const PATIENCE: Duration = Duration::from_secs(40);
/// Longest answer that is looked at, bytes.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// What a gateway answered. Status 0: it closed the connection without a word.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The code of a refusal, or an empty word.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_string()
    }

    /// The words of a refusal, or none.
    pub(crate) fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().to_string()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// A connection that gives up after a while.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// The head of a request whose connection ends with its answer.
pub(crate) fn head(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        text.push_str(&format!("Host: {address}\r\n"));
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text
}

/// Sends a whole request and reads the whole answer. What the transport says no to is an answer without a word.
pub(crate) fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) -> Reply {
    let length = body.map(|body| body.len().to_string());
    let mut headers = headers.to_vec();
    headers.extend(length.as_deref().map(|length| ("Content-Length", length)));
    let head = head(address, method, path, &headers);
    let exchange = || -> io::Result<Reply> {
        let mut stream = connect(address)?;
        stream.write_all(head.as_bytes())?;
        // A refusal may come before the body is taken.
        let _ = stream.write_all(body.unwrap_or_default());
        Ok(answer(&mut stream))
    };
    exchange().unwrap_or_default()
}

/// Reads an answer until the connection ends.
pub(crate) fn answer(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    // What came before a reset counts.
    let _ = stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes);
    parse(&bytes).unwrap_or_default()
}

fn parse(bytes: &[u8]) -> Option<Reply> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let status = std::str::from_utf8(bytes.get(9..12)?).ok()?.parse().ok()?;
    Some(Reply { status, body: bytes.get(end + 4..)?.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_and_silence_is_no_answer() {
        let reply = parse(b"HTTP/1.1 429 Too Many\r\nA: b\r\n\r\n{\"error\":{\"code\":\"too_many\"}}").expect("whole");
        assert_eq!((reply.status, reply.code().as_str()), (429, "too_many"));
        assert!(parse(b"").is_none() && parse(b"HTTP/1.1 200 OK\r\n").is_none());
    }
}
