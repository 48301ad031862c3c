//! Keys, blobs and the data directory, each by itself.

use ciro_api::Client;
use ciro_exec::{BlobError, Blobs as _};
use ciro_node::{
    BlobStore, BlobStoreError, KeyFileError, Kind, Layout, LayoutError, Quotas, create_key, load_key,
    load_or_create_key,
};
use ciro_types::{AccountId, Hash32, ModelId};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

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
    let store = BlobStore::open(directory.path(), &Quotas::default()).expect("opens");
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

    std::fs::remove_file(&path).expect("there");
    std::os::unix::fs::symlink(&path, &path).expect("writable");
    assert!(matches!(store.input(name), Err(BlobError::Unreadable { .. })), "a fault of the machine, not of the blob");

    store.put_input(b"an input").expect("what cannot be read is replaced");
    assert_eq!(store.input(name), Ok(b"an input".to_vec()));
}

#[test]
fn blobs_are_readable_by_their_owner_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = BlobStore::open(directory.path(), &Quotas::default()).expect("opens");
    let name = store.put_input(b"an input").expect("stores");
    let folder = directory.path().join("inputs");
    let mode = |path: &Path| std::fs::metadata(path).expect("exists").permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join(name.to_string()))), (0o700, 0o600));
}

#[test]
fn trouble_of_this_machine_says_nothing_of_a_blob() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = BlobStore::open(directory.path(), &Quotas::default()).expect("opens");
    // A read that fails for another reason than the file's absence or content, as one without descriptors does.
    std::fs::create_dir(directory.path().join("inputs").join(Hash32([5; 32]).to_string())).expect("makes");
    assert!(matches!(store.input(Hash32([5; 32])), Err(BlobError::Unreadable { .. })));
}

fn names(directory: &Path, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(directory.join(folder)).expect("readable");
    entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn an_upload_that_is_cut_off_leaves_nothing_behind_also_after_a_crash() {
    let directory = tempfile::tempdir().expect("a directory");
    let quotas = Quotas { inputs: 5_000, ..Quotas::default() };
    let store = BlobStore::open(directory.path(), &quotas).expect("opens");
    let mut cut = store.intake(Kind::Input, None);
    cut.write(&[1; 4_500]).expect("writes");
    assert_eq!(names(directory.path(), "inputs").len(), 1);
    assert!(matches!(store.put_input(b"123"), Err(BlobStoreError::Full { .. })), "its bytes are counted as they come");
    drop(cut);
    assert_eq!(names(directory.path(), "inputs"), Vec::<String>::new());
    store.put_input(b"123").expect("there is room again");

    std::fs::write(directory.path().join("inputs").join("7.part"), b"half").expect("writes");
    BlobStore::open(directory.path(), &quotas).expect("opens");
    assert_eq!(names(directory.path(), "inputs").len(), 1, "only the whole one");
}

#[test]
fn what_no_order_refers_to_is_removed_after_a_while() {
    let directory = tempfile::tempdir().expect("a directory");
    let quotas = Quotas { age: Duration::from_secs(10), ..Quotas::default() };
    let store = BlobStore::open(directory.path(), &quotas).expect("opens");
    let [ordered, junk] = [&b"ordered"[..], b"junk"].map(|bytes| store.put_input(bytes).expect("stores"));
    let later = |seconds| Instant::now() + Duration::from_secs(seconds);
    let refers = |name: &str| name == ordered.to_string();
    store.sweep(Kind::Input, later(9), refers).expect("sweeps");
    assert!(store.input(junk).is_ok());
    store.sweep(Kind::Input, later(11), refers).expect("sweeps");
    assert!(matches!(store.input(junk), Err(BlobError::Missing { .. })));
    assert_eq!(store.input(ordered), Ok(b"ordered".to_vec()));
}

#[test]
fn many_small_blobs_are_charged_a_block_each_and_make_room_for_a_newcomer() {
    let directory = tempfile::tempdir().expect("a directory");
    let quotas = Quotas { inputs: 10 * 4_096, inputs_per_client: 8 * 4_096, blobs: 9, ..Quotas::default() };
    let store = BlobStore::open(directory.path(), &quotas).expect("opens");
    let put = |client: &Client, n: u8| {
        let mut intake = store.intake(Kind::Input, Some(client.clone()));
        intake.write(&[n])?;
        intake.keep_input()
    };
    let [hoarder, honest] = [1, 2].map(|n| Client::Account(AccountId([n; 32])));
    let first = put(&hoarder, 0).expect("room");
    for n in 1..8 {
        put(&hoarder, n).expect("room");
    }
    assert!(matches!(put(&hoarder, 8), Err(BlobStoreError::Full { .. })), "its own part is full");
    let mine = [100, 101].map(|n| put(&honest, n).expect("room is made"));
    assert!(mine.iter().all(|name| store.input(*name).is_ok()));
    assert!(matches!(store.input(first), Err(BlobError::Missing { .. })), "the hoarder's oldest went");
    assert_eq!(names(directory.path(), "inputs").len(), 9);
}

#[test]
fn a_blob_is_held_while_its_file_is_what_was_written() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = BlobStore::open(directory.path(), &Quotas::default()).expect("opens");
    let id = ModelId([1; 32]);
    let holds = || store.holds(Kind::Model, &id.to_string());
    assert!(!holds());
    store.put_model(id, b"a model").expect("stores");
    assert!(holds() && holds());
    let path = directory.path().join("models").join(id.to_string());
    std::fs::write(&path, [7; 39]).expect("writable");
    assert!(!holds(), "another file of the same length");
    store.put_model(id, b"a model").expect("what is damaged is replaced");
    assert!(holds());
    std::fs::remove_file(&path).expect("there");
    assert!(!holds());
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
