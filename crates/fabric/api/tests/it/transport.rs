//! A node is asked from elsewhere as it is asked here, whatever carries the bytes.

use ciro_api::transport::{FrameError, Reader, Remote, Writer, pipe, serve};
use ciro_api::{
    Answer, Asking as _, Command, Done, Fate, Message, Node, NodeError, Query, Until, UploadId, UploadKind, ask,
};
use ciro_crypto::Keypair;
use ciro_state::{Action, SignedTx, TokenAction, TxBody};
use ciro_types::{AccountId, Amount, Assurance, ChainId, Hash32, Height, Nonce};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use tokio::sync::{oneshot, watch};

/// A node that knows little. What becomes of a transaction is said when the test says so.
struct Small {
    head: watch::Sender<Height>,
    submitted: Mutex<Vec<(SignedTx, oneshot::Sender<Fate>)>>,
}

impl Node for Small {
    fn query(&self, query: Query) -> Result<Answer, NodeError> {
        if let Query::HoldsInput(ask::HoldsInput { input }) = query {
            return Ok(Answer::HoldsInput(input == Hash32([5; 32])));
        }
        Err(NodeError::Unavailable { reason: "not here".into() })
    }

    fn command(&self, command: Command) -> Result<Done, NodeError> {
        match command {
            Command::Submit { tx, until } => {
                let fate = self.submit(*tx, until)?.blocking_recv();
                fate.map_err(|_| NodeError::Unavailable { reason: "stopping".into() })?.map(Done::Submitted)
            }
            Command::Open { kind: UploadKind::Input, .. } => Ok(Done::Opened(UploadId(8))),
            _ => Err(NodeError::Invalid { reason: "not here".into() }),
        }
    }

    fn submit(&self, tx: SignedTx, _: Until) -> Result<oneshot::Receiver<Fate>, NodeError> {
        let (reply, fate) = oneshot::channel();
        self.submitted.lock().expect("no panic").push((tx, reply));
        Ok(fate)
    }

    fn committed(&self) -> watch::Receiver<Height> {
        self.head.subscribe()
    }
}

fn small() -> Arc<Small> {
    Arc::new(Small { head: watch::Sender::new(Height(3)), submitted: Mutex::default() })
}

/// The node, seen from the other end of two streams.
fn remote<W: Write + Send + 'static>(
    node: &Arc<Small>,
    (near_in, near_out): (impl Read + Send + 'static, W),
    (far_in, far_out): (impl Read + Send + 'static, impl Write + Send + 'static),
) -> Remote<W> {
    let node: Arc<dyn Node> = Arc::clone(node) as Arc<dyn Node>;
    std::thread::spawn(move || serve(&node, far_in, far_out).expect("ends between two messages"));
    Remote::connect(near_in, near_out)
}

fn tx() -> SignedTx {
    let key = Keypair::from_seed([1; 32]);
    let action = Action::Token(TokenAction::Transfer { to: AccountId([2; 32]), amount: Amount(1) });
    SignedTx::sign(TxBody { chain: ChainId([1; 32]), sender: key.account(), nonce: Nonce(0), action }, &key)
}

/// Asks everything that can be asked, and hears of blocks and of what became of a transaction.
fn converse(node: &Arc<Small>, far: &dyn Node) {
    assert_eq!(far.ask(ask::HoldsInput { input: Hash32([5; 32]) }), Ok(true));
    assert_eq!(far.ask(ask::HoldsInput { input: Hash32([6; 32]) }), Ok(false));
    let absent = NodeError::Unavailable { reason: "not here".into() };
    assert_eq!(far.ask(ask::Latency { assurance: Assurance::A4 }), Err(absent));
    let client = ciro_api::Client::Account(AccountId([1; 32]));
    assert_eq!(far.command(Command::Open { kind: UploadKind::Input, client }), Ok(Done::Opened(UploadId(8))));

    let fates = [tx(); 1].map(|tx| far.submit(tx, Until::Committed).expect("is taken"));
    // While it waits, other questions are answered.
    assert_eq!(far.ask(ask::HoldsInput { input: Hash32([5; 32]) }), Ok(true));
    let (sent, reply) = loop {
        if let Some(submitted) = node.submitted.lock().expect("no panic").pop() {
            break submitted;
        }
        std::thread::yield_now();
    };
    assert_eq!(sent, tx());
    reply.send(Ok(sent.id())).expect("somebody waits");
    for fate in fates {
        assert_eq!(fate.blocking_recv(), Ok(Ok(tx().id())));
    }

    let head = far.committed();
    node.head.send_replace(Height(4));
    while *head.borrow() != Height(4) {
        assert!(head.has_changed().is_ok(), "the node is there");
        std::thread::yield_now();
    }
}

#[test]
fn a_node_is_asked_alike_over_a_pipe_and_over_a_socket() {
    let node = small();
    let ((near_in, far_out), (far_in, near_out)) = (pipe(), pipe());
    converse(&node, &remote(&node, (near_in, near_out), (far_in, far_out)));

    let node = small();
    let (near, far) = UnixStream::pair().expect("sockets");
    let clone = |socket: &UnixStream| socket.try_clone().expect("clones");
    converse(&node, &remote(&node, (clone(&near), near), (clone(&far), far)));
}

#[test]
fn who_waits_is_told_that_the_other_side_is_gone() {
    let ((near_in, far_out), (far_in, near_out)) = (pipe(), pipe());
    let far = Remote::connect(near_in, near_out);
    let fate = far.submit(tx(), Until::Committed).expect("is sent");
    drop((far_in, far_out));
    assert!(fate.blocking_recv().is_err(), "the channel closes without a word");
    assert!(matches!(far.ask(ask::Status {}), Err(NodeError::Unavailable { .. })));
}

#[test]
fn a_frame_that_is_cut_or_too_long_ends_the_stream() {
    let mut bytes = Vec::new();
    Writer::new(&mut bytes).send(&Message::Head { height: Height(9) }).expect("there is room");
    let mut whole = Reader::new(bytes.as_slice());
    assert_eq!(whole.receive().expect("is a message"), Some(Message::Head { height: Height(9) }));
    assert_eq!(whole.receive().expect("ends well"), None);
    for end in 4..bytes.len() {
        assert!(matches!(Reader::new(&bytes[..end]).receive(), Err(FrameError::Message(_))), "cut at {end}");
    }
    let long = u32::MAX.to_le_bytes();
    assert!(matches!(Reader::new(long.as_slice()).receive(), Err(FrameError::TooLong { .. })));
}

/// A node whose answers are longer than a message, and that fails on commands.
struct Broken;

impl Node for Broken {
    fn query(&self, _: Query) -> Result<Answer, NodeError> {
        Err(NodeError::Unavailable { reason: "x".repeat(65 << 20) })
    }

    fn command(&self, _: Command) -> Result<Done, NodeError> {
        panic!("a defect of the node")
    }

    fn submit(&self, _: SignedTx, _: Until) -> Result<oneshot::Receiver<Fate>, NodeError> {
        panic!("a defect of the node")
    }

    fn committed(&self) -> watch::Receiver<Height> {
        watch::channel(Height(1)).1
    }
}

#[test]
fn whoever_asks_is_told_of_an_answer_that_is_too_long_and_of_a_defect() {
    let ((near_in, far_out), (far_in, near_out)) = (pipe(), pipe());
    let node: Arc<dyn Node> = Arc::new(Broken);
    std::thread::spawn(move || serve(&node, far_in, far_out));
    let far = Remote::connect(near_in, near_out);
    let told = far.ask(ask::Status {}).expect_err("too long").to_string();
    assert!(told.contains("ask for less"), "{told}");
    for _ in 0..300 {
        let told = far.command(Command::Tidy).expect_err("a defect").to_string();
        assert!(told.contains("the node failed on it"), "{told}");
    }
}

#[test]
fn transactions_that_wait_leave_room_for_questions() {
    let node = small();
    let ((near_in, far_out), (far_in, near_out)) = (pipe(), pipe());
    let far = remote(&node, (near_in, near_out), (far_in, far_out));
    let _fates: Vec<_> = (0..256).map(|_| far.submit(tx(), Until::Committed).expect("is taken")).collect();
    assert_eq!(far.ask(ask::HoldsInput { input: Hash32([5; 32]) }), Ok(true));
}

#[test]
fn a_length_that_is_cut_is_no_end_of_the_stream() {
    assert!(matches!(Reader::new(&[][..]).receive(), Ok(None)));
    for end in 1..4 {
        assert!(matches!(Reader::new(&[9u8, 0, 0][..end]).receive(), Err(FrameError::Io(_))), "cut at {end}");
    }
}
