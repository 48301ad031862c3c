//! Keys, blobs, the data directory and the outbox, each by itself.

use ciro_crypto::Keypair;
use ciro_engine::SubmitError;
use ciro_network::{BlobStore, KeyFileError, Layout, LayoutError, Outbox, create_key, load_key, load_or_create_key};
use ciro_state::{Action, SignedTx, TxError};
use ciro_types::{AccountId, Amount, ChainId, Hash32, Height, JobId, ModelId, Nonce};
use ciro_worker::{BlobError, Blobs as _};
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_key_is_made_once_kept_private_and_read_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("keys").join("worker-0.json");
    let made = load_or_create_key(&path).expect("makes");
    assert_eq!(load_or_create_key(&path).expect("reads").account(), made.account());
    assert!(matches!(create_key(&path), Err(KeyFileError::Exists { .. })));
    let mode = std::fs::metadata(&path).expect("exists").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("chmod works");
    assert!(matches!(load_key(&path), Err(KeyFileError::Exposed { got: 0o640, .. })));
}

#[test]
fn a_key_file_whose_account_and_seed_disagree_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("key.json");
    let made = create_key(&path).expect("makes").account();
    let text = std::fs::read_to_string(&path).expect("readable").replace(&made.to_string(), &"0".repeat(64));
    std::fs::write(&path, text).expect("writable");
    assert!(matches!(load_key(&path), Err(KeyFileError::Malformed { .. })));
}

#[test]
fn blobs_come_back_whole_or_not_at_all() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = BlobStore::open(directory.path()).expect("opens");
    let name = store.put_input(b"an input").expect("stores");
    store.put_model(ModelId([1; 32]), b"a model").expect("stores");
    assert_eq!(store.input(name), Ok(b"an input".to_vec()));
    assert_eq!(store.model(ModelId([1; 32])), Ok(b"a model".to_vec()));
    assert!(matches!(store.input(Hash32([0; 32])), Err(BlobError::Missing { .. })));

    let path = directory.path().join("inputs").join(name.to_string());
    let mut content = std::fs::read(&path).expect("readable");
    *content.last_mut().expect("not empty") ^= 1;
    std::fs::write(&path, &content).expect("writable");
    assert!(matches!(store.input(name), Err(BlobError::Damaged { .. })));
    std::fs::write(&path, &content[..7]).expect("writable");
    assert!(matches!(store.input(name), Err(BlobError::Damaged { .. })));

    store.put_input(b"an input").expect("a damaged blob is replaced");
    assert_eq!(store.input(name), Ok(b"an input".to_vec()));
}

#[test]
fn a_data_directory_has_one_owner() {
    let directory = tempfile::tempdir().expect("a directory");
    let layout = Layout::new(directory.path());
    let held = layout.acquire().expect("free");
    assert!(matches!(layout.acquire(), Err(LayoutError::Held { .. })));
    drop(held);
    layout.acquire().expect("free again");
}

const CHAIN: ChainId = ChainId([1; 32]);

fn outbox(actions: u8) -> Outbox {
    let mut outbox = Outbox::new(CHAIN, Keypair::from_seed([5; 32]), Nonce(7), Height(10));
    for n in 0..actions {
        let to = AccountId([n; 32]);
        outbox.push(Some(JobId([n; 32])), Action::Transfer { to, amount: Amount(1) });
    }
    outbox
}

fn nonces(txs: &[SignedTx]) -> Vec<u64> {
    txs.iter().map(|tx| tx.body.nonce.0).collect()
}

#[test]
fn transactions_leave_in_order_of_nonce_and_once() {
    let mut outbox = outbox(3);
    let txs = outbox.flush();
    assert_eq!(nonces(&txs), [7, 8, 9]);
    assert!(txs.iter().all(|tx| tx.verify_signature().is_ok()));
    assert_eq!(outbox.flush(), []);
    let refused = outbox.on_block(Height(11), [(txs[0].id(), None)]);
    assert_eq!((refused, outbox.len()), (vec![], 2));
    assert_eq!(outbox.flush(), [], "the others are under way with the right nonces");
}

#[test]
fn a_refused_transaction_shifts_the_nonces_behind_it() {
    let mut outbox = outbox(3);
    let txs = outbox.flush();
    let refused = outbox.on_block(Height(11), [(txs[0].id(), Some(TxError::ZeroAmount))]);
    assert_eq!(refused, [(JobId([0; 32]), TxError::ZeroAmount)]);
    assert_eq!(nonces(&outbox.flush()), [7, 8]);
}

#[test]
fn a_wrong_nonce_is_repaired_and_a_lost_transaction_is_sent_again() {
    let mut outbox = outbox(1);
    let tx = outbox.flush().remove(0);
    let error = SubmitError::NonceUsed { expected: Nonce(9), got: Nonce(7) };
    assert_eq!(outbox.on_refused(tx.id(), error), None);
    assert_eq!(nonces(&outbox.flush()), [9]);
    for height in 12..40 {
        assert_eq!(outbox.on_block(Height(height), []), []);
    }
    assert_eq!(nonces(&outbox.flush()), [9], "silence is not inclusion");
}

#[test]
fn what_finds_no_room_is_sent_again_and_what_is_invalid_is_not() {
    let mut outbox = outbox(2);
    let txs = outbox.flush();
    assert_eq!(outbox.on_refused(txs[0].id(), SubmitError::PoolFull), None);
    let refused = outbox.on_refused(txs[1].id(), SubmitError::Invalid(TxError::ZeroAmount));
    assert_eq!(refused, Some((JobId([1; 32]), TxError::ZeroAmount)));
    assert_eq!(outbox.flush(), txs[..1]);
}

#[test]
fn a_transaction_that_a_refusal_and_then_its_block_tell_of_counts_once() {
    let mut outbox = outbox(2);
    let txs = outbox.flush();
    let error = SubmitError::NonceUsed { expected: Nonce(8), got: Nonce(7) };
    assert_eq!(outbox.on_refused(txs[0].id(), error), None);
    assert_eq!(outbox.on_block(Height(11), [(txs[0].id(), None)]), []);
    assert_eq!((outbox.flush(), outbox.len()), (vec![], 1), "the other is under way with the right nonce");
}
