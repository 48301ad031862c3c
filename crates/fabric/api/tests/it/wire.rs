//! Messages are read as they were written, or refused with a reason, and their bytes stay as they are.

use ciro_api::wire::MessageError;
use ciro_api::{
    Answer, BlockNews, Client, Command, Done, Grant, Message, NodeError, Offered, Predicate, Query, Question, Refusal,
    Relaxation, Turned, TxNews, UploadId, UploadKind, Verdict, WIRE_VERSION, ask,
};
use ciro_crypto::{Keypair, hash};
use ciro_state::{CommittedEvent, Event, EventPosition, SignedLease, TxError};
use ciro_types::{
    AccountId, Amount, Assurance, BlockId, CapabilityFlags, ChainId, Hash32, Height, JobId, JobSpec, JobType, Lease,
    LeaseToken, MemoryMib, ModelId, Nonce, Requirements, TxId,
};
use std::collections::BTreeMap;

fn queries() -> Vec<Query> {
    let (account, job) = (AccountId([1; 32]), JobId([2; 32]));
    let requirements = Requirements { flags: CapabilityFlags(3), memory: MemoryMib(4_096), ..Requirements::default() };
    let from = EventPosition { height: Height(7), index: 3 };
    vec![
        ask::Status {}.into(),
        ask::Params {}.into(),
        ask::Standing { account }.into(),
        ask::Account { account }.into(),
        ask::Workers {}.into(),
        ask::Model { model: ModelId([3; 32]) }.into(),
        ask::Job { job }.into(),
        ask::JobStatus { job }.into(),
        ask::Fate { tx: TxId([4; 32]) }.into(),
        ask::HoldsInput { input: Hash32([5; 32]) }.into(),
        ask::HoldsModel { model: ModelId([3; 32]) }.into(),
        ask::Offers { requirements, count: 2 }.into(),
        ask::StakeAtRisk { assurance: Assurance::A2, workers: vec![account] }.into(),
        ask::Latency { assurance: Assurance::A4 }.into(),
        ask::Receipt { job }.into(),
        ask::Block { height: Height(9) }.into(),
        ask::Events { from, limit: 256 }.into(),
    ]
}

fn answers() -> Vec<Result<Answer, NodeError>> {
    let nearest = vec![Relaxation::Wait, Relaxation::Pay { price: Amount(5) }];
    let refusal = Refusal { workers: 3, failing: BTreeMap::from([(Predicate::Free, 2)]), nearest };
    vec![
        Ok(Answer::HoldsModel(true)),
        Ok(Answer::Offers(Ok(vec![Offered { worker: AccountId([6; 32]), price: Amount(5) }]))),
        Ok(Answer::Offers(Err(refusal))),
        Ok(Answer::Fate(Some(Err(NodeError::Nonce { reason: "taken".into() })))),
        Err(NodeError::Quota { reason: "full".into(), wait_ms: 1_500 }),
    ]
}

fn commands() -> Vec<Command> {
    let (upload, client) = (UploadId(8), Client::Address([127, 0, 0, 1].into()));
    vec![
        Command::Open { kind: UploadKind::Model, client },
        Command::Open { kind: UploadKind::Input, client: Client::Account(AccountId([1; 32])) },
        Command::Append { upload, bytes: vec![1, 2, 3] },
        Command::Keep { upload },
        Command::Abandon { upload },
        Command::Tidy,
    ]
}

fn messages() -> Vec<Message> {
    let done = vec![Ok(Done::Opened(UploadId(8))), Ok(Done::Appended), Ok(Done::KeptInput(Hash32([5; 32])))];
    let numbered = (0..).zip(queries()).map(|(id, query)| Message::Query { id, query });
    let answered = (0..).zip(answers()).map(|(id, answer)| Message::Answer { id, answer: Box::new(answer) });
    let told = (0..).zip(commands()).map(|(id, command)| Message::Command { id, command });
    let done = (0..).zip(done).map(|(id, done)| Message::Done { id, done });
    numbered.chain(answered).chain(told).chain(done).collect()
}

/// Messages that came after the first ones were frozen.
fn news() -> Vec<Message> {
    let (worker, job, tx) = (AccountId([6; 32]), JobId([2; 32]), TxId([4; 32]));
    let position = EventPosition { height: Height(7), index: 0 };
    let event = Event::OfferWithdrawn { worker, sequence: 2 };
    let block = BlockNews {
        height: Height(7),
        id: BlockId([8; 32]),
        txs: vec![TxNews { id: tx, refusal: None }, TxNews { id: tx, refusal: Some(TxError::ZeroAmount) }],
        nonces: BTreeMap::from([(worker, Nonce(3))]),
        events: vec![CommittedEvent { position, event }],
    };
    let told = NodeError::Unavailable { reason: "full".into() };
    let verdicts = [
        Ok(()),
        Err(Turned::Invalid { error: TxError::ZeroAmount, told: told.clone() }),
        Err(Turned::Later { blocks: 2, told: told.clone() }),
        Err(Turned::Void { told }),
    ];
    let spec = JobSpec {
        chain: ChainId([1; 32]),
        client: AccountId([1; 32]),
        nonce: Nonce(5),
        job_type: JobType::AIInference,
        model: ModelId([3; 32]),
        input: Hash32([5; 32]),
        assurance: Assurance::A4,
        max_price: Amount(9),
        deadline: Height(99),
        requirements: Requirements::default(),
    };
    let (token, expires) = (LeaseToken(11), Height(20));
    let lease = Lease { job, worker, price: Amount(4), token, expires };
    let lease = SignedLease::sign(lease, &Keypair::from_seed([9; 32]), spec.chain);
    let mut news = vec![Message::Block(Box::new(block)), Message::Head { height: Height(7) }];
    news.extend(verdicts.map(|result| Message::Verdict(Box::new(Verdict { tx, result }))));
    news.push(Message::Grant(Box::new(Grant { lease, spec })));
    news.push(Message::Query { id: 1, query: ask::Waits { job }.into() });
    news
}

#[test]
fn every_message_is_read_as_it_was_written() {
    for message in messages().into_iter().chain(news()) {
        assert_eq!(Message::from_bytes(&message.to_bytes(), 1 << 16), Ok(message));
    }
}

#[test]
fn the_bytes_of_this_version_stay_as_they_are() {
    let bytes: Vec<u8> = messages().iter().flat_map(Message::to_bytes).collect();
    let frozen = "1076003bba96c125b3b10e6d45c95499883e5ea13d3bf08a0f049f8511b4f4d8";
    assert_eq!((WIRE_VERSION, hash("ciro/test/wire", &bytes).to_string().as_str()), (1, frozen));
}

#[test]
fn the_bytes_of_news_stay_as_they_are() {
    let bytes: Vec<u8> = news().iter().flat_map(Message::to_bytes).collect();
    let frozen = "d3f3b2444643fdac50f77241a53fe42f09e58175032e245a463fac6194387c35";
    assert_eq!(hash("ciro/test/wire", &bytes).to_string().as_str(), frozen);
}

#[test]
fn another_version_is_named_and_not_read_further() {
    for (bytes, error) in [
        (vec![], MessageError::Short { got: 0 }),
        (vec![1], MessageError::Short { got: 1 }),
        (vec![2, 0, 255, 255], MessageError::Version { got: 2 }),
    ] {
        assert_eq!(Message::from_bytes(&bytes, 1 << 16), Err(error));
    }
}

#[test]
fn a_message_that_is_cut_or_too_long_is_refused() {
    for bytes in messages().iter().chain(&news()).map(Message::to_bytes) {
        for end in 2..bytes.len() {
            assert!(matches!(Message::from_bytes(&bytes[..end], 1 << 16), Err(MessageError::Malformed(_))));
        }
        assert!(Message::from_bytes(&[bytes.as_slice(), &[0]].concat(), 1 << 16).is_err());
        assert!(Message::from_bytes(&bytes, bytes.len() - 1).is_err());
        assert!(Message::from_bytes(&bytes, bytes.len()).is_ok());
    }
}

#[test]
fn an_answer_to_another_question_is_none() {
    assert_eq!(ask::HoldsModel::take(Answer::HoldsModel(true)), Some(true));
    assert_eq!(ask::HoldsInput::take(Answer::HoldsModel(true)), None);
}
