//! Connections: accepted while there is room, closed when they keep the gateway waiting.

use crate::error::ApiError;
use crate::gateway::{Gateway, Settings};
use crate::guard::Peer;
use crate::hall::{Guest, Hall, Seat};
use crate::limits::Limits;
use crate::routes::router_of;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use ciro_api::{Command, Node};
use futures_util::FutureExt as _;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Sleep;
use tower_service::Service as _;

/// After a connection could not be accepted: descriptors come back when others are closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// How often the node is asked to tidy up.
const TIDY_PERIOD: Duration = Duration::from_secs(60);

/// Serves `node` on `listener` until `stop` completes and the connections that are open then have ended.
///
/// # Errors
/// If the router cannot be served.
pub async fn serve(
    listener: TcpListener,
    node: Arc<dyn Node>,
    settings: Settings,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let hall = Hall::new(&settings.limits);
    let gateway = Gateway::new(node, settings);
    let server = Server { router: router_of(Arc::clone(&gateway)), gateway, stopping: watch::channel(false).0 };
    let mut connections = JoinSet::new();
    connections.spawn(tidy(Arc::clone(&server.gateway), server.stopping.subscribe()));
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            // Ended connections are forgotten as they end.
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => match hall.admit(address.ip(), Instant::now()) {
                    Some(guest) => drop(connections.spawn(server.serve_connection(stream, address, guest))),
                    None => {
                        turn_away(&stream);
                        server.gateway.settings.metrics.closed(Close::NoRoom.name());
                    }
                },
                Err(_) => {
                    hall.clear_one(Instant::now());
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    server.stopping.send_replace(true);
    while connections.join_next().await.is_some() {}
    Ok(())
}

async fn tidy(gateway: Arc<Gateway>, mut stopping: watch::Receiver<bool>) {
    while tokio::time::timeout(TIDY_PERIOD, stopping.changed()).await.is_err() {
        // What could not be removed now is tried again in a minute.
        let _ = gateway.command(Command::Tidy).await;
    }
}

/// Says in one packet that there is no room, without waiting for the request.
fn turn_away(stream: &TcpStream) {
    let error = ApiError::too_many("every connection is being served", Duration::from_secs(1));
    // A client that does not take it notices that the connection ends.
    let _ = stream.try_write(&packet("503 Service Unavailable", &error));
}

/// A whole response for a client whose request was not read.
fn packet(status: &str, error: &ApiError) -> Vec<u8> {
    let body = error.to_json();
    let length = body.len();
    let head = "content-type: application/json\r\nretry-after: 1\r\nconnection: close";
    format!("HTTP/1.1 {status}\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Close {
    /// The client, or the answer, was done with it.
    Done,
    /// It broke, or spoke no HTTP.
    Broken,
    /// A head, a body or an answer took too long.
    Slow,
    /// Its place went to somebody who waited.
    Displaced,
    /// The gateway stops.
    Stopping,
    /// Every place was being served.
    NoRoom,
}

impl Close {
    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Broken => "broken",
            Self::Slow => "slow",
            Self::Displaced => "displaced",
            Self::Stopping => "stopping",
            Self::NoRoom => "no_room",
        }
    }

    /// How a connection ended that ended by itself.
    fn of(end: &Result<(), hyper::Error>, seat: &Seat) -> Self {
        match end {
            _ if seat.is_slow() => Self::Slow,
            Ok(()) => Self::Done,
            Err(_) => Self::Broken,
        }
    }
}

struct Server {
    router: axum::Router,
    gateway: Arc<Gateway>,
    stopping: watch::Sender<bool>,
}

impl Server {
    fn serve_connection(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        guest: Guest,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (router, mut stopping) = (self.router.clone(), self.stopping.subscribe());
        let (limits, metrics) = (self.gateway.settings.limits.clone(), Arc::clone(&self.gateway.settings.metrics));
        async move {
            let seat = Arc::clone(&guest.seat);
            let io = TokioIo::new(Patient::new(stream, Arc::clone(&seat), &limits));
            let peer = Peer { address: address.ip(), seat: Arc::clone(&seat) };
            let service = hyper::service::service_fn(move |request| answer(router.clone(), request, peer.clone()));
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                // The stream itself is impatient: it can answer before it closes.
                .header_read_timeout(None)
                .max_buf_size(limits.head_bytes)
                .serve_connection(io, service);
            let mut connection = pin!(connection);
            tokio::select! {
                end = connection.as_mut() => return metrics.closed(Close::of(&end, &seat).name()),
                () = seat.asked_to_leave() => return metrics.closed(Close::Displaced.name()),
                _ = stopping.wait_for(|stopping| *stopping) => {}
            }
            connection.as_mut().graceful_shutdown();
            // It is cut off anyway.
            let _ = connection.await;
            metrics.closed(Close::Stopping.name());
            drop(guest);
        }
    }
}

/// Answers a request, and notes when the client has to do something next.
async fn answer(router: axum::Router, request: Request<Incoming>, peer: Peer) -> Result<Response<Body>, Infallible> {
    let seat = Arc::clone(&peer.seat);
    seat.at_work();
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(peer);
    let response = router.clone().call(request).await?;
    seat.at_work();
    Ok(response.map(|body| Body::new(Tail { body, seat })))
}

/// The body of an answer. Once it is gone, the next request may come.
struct Tail {
    body: Body,
    seat: Arc<Seat>,
}

impl hyper::body::Body for Tail {
    type Data = axum::body::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.seat.awaiting_head(Instant::now());
    }
}

/// The first bytes of what hyper answers to a head that is too long. No route answers with this status.
const HEAD_REFUSAL: &[u8] = b"HTTP/1.1 431 ";

/// A stream that waits for its client only so long, and says why where hyper refuses a head without a word.
struct Patient {
    stream: TcpStream,
    head_bytes: usize,
    seat: Arc<Seat>,
    head_patience: Duration,
    stall_patience: Duration,
    head_timer: Pin<Box<Sleep>>,
    stall_timer: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn new(stream: TcpStream, seat: Arc<Seat>, limits: &Limits) -> Self {
        let (head_patience, stall_patience) = (limits.head_patience, limits.stall_patience);
        let head_timer = Box::pin(tokio::time::sleep(head_patience));
        let head_bytes = limits.head_bytes;
        Self { stream, head_bytes, seat, head_patience, stall_patience, head_timer, stall_timer: None }
    }

    /// Takes hyper's bare refusal of a head, and sends one with a reason. The connection ends after it.
    fn explain(&self, refusal: &[u8]) -> io::Result<usize> {
        let error = ApiError::head_too_large(self.head_bytes);
        // A client that takes nothing hears nothing.
        let _ = self.stream.try_write(&packet("431 Request Header Fields Too Large", &error));
        Ok(refusal.len())
    }

    /// Ready when the head that is awaited should have come.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let Some((since, is_begun)) = self.seat.head() else { return Poll::Pending };
        let deadline = tokio::time::Instant::from_std(since + self.head_patience);
        if self.head_timer.deadline() != deadline {
            self.head_timer.as_mut().reset(deadline);
        }
        if self.head_timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        if is_begun {
            let seconds = self.head_patience.as_secs();
            let error = ApiError::too_slow(format!("expected the head of the request within {seconds} s"));
            let _ = self.stream.try_write(&packet("408 Request Timeout", &error));
        }
        self.seat.gave_up();
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    /// Passes on what writing said, or ends a client that takes nothing.
    fn watch_stall<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.stall_timer.take().is_some() {
                self.seat.stalled(None);
            }
            return written;
        }
        let patience = self.stall_patience;
        let timer = self.stall_timer.get_or_insert_with(|| {
            self.seat.stalled(Some(Instant::now()));
            Box::pin(tokio::time::sleep(patience))
        });
        timer.poll_unpin(cx).map(|()| {
            self.seat.gave_up();
            Err(io::ErrorKind::TimedOut.into())
        })
    }
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Pending => self.poll_head(cx).map(Err),
            ready => {
                if buf.filled().len() > before {
                    self.seat.heard();
                }
                ready
            }
        }
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.starts_with(HEAD_REFUSAL) {
            return Poll::Ready(self.explain(buf));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch_stall(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(refusal) = bufs.first().filter(|first| first.starts_with(HEAD_REFUSAL)) {
            return Poll::Ready(self.explain(refusal));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch_stall(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
