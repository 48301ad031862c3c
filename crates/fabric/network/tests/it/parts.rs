//! Keys, blobs and the data directory, each by itself.

use ciro_network::{BlobStore, KeyFileError, Layout, LayoutError, create_key, load_key, load_or_create_key};
use ciro_types::{Hash32, ModelId};
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

    std::fs::remove_file(&path).expect("there");
    std::os::unix::fs::symlink(&path, &path).expect("writable");
    assert!(matches!(store.input(name), Err(BlobError::Unreadable { .. })), "a fault of the machine, not of the blob");

    store.put_input(b"an input").expect("what cannot be read is replaced");
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
