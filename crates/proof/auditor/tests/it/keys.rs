//! A key is data: proofs are verified by its bytes alone, and bytes that are no key are refused.

use crate::replay::{Frozen, Subject, files};
use ciro_auditor::{AuditedModel, Limits, Statement};
use ciro_verifier::{Key, KeyError, VerifyingKey};
use std::fmt::Write as _;
use std::path::Path;

/// The frozen proofs: name, subject, proof.
fn frozen() -> impl Iterator<Item = (String, Subject, Vec<u8>)> {
    let files = files();
    let names: Vec<String> = files.keys().filter_map(|name| name.strip_suffix(".proof")).map(String::from).collect();
    names.into_iter().map(move |name| {
        let frozen = Frozen::read(&files, &name);
        (name, borsh::from_slice(&frozen.subject).expect("a subject"), frozen.proof)
    })
}

fn audited(subject: &Subject) -> (AuditedModel, Statement) {
    let model = AuditedModel::of(&subject.program, &subject.weights).expect("a key");
    let shown = &model.program().visibility;
    let statement = Statement::decode(shown, &subject.input, &subject.output, subject.context).expect("a statement");
    (model, statement)
}

#[test]
fn a_proof_is_verified_by_the_bytes_of_its_key() {
    for (name, subject, proof) in frozen() {
        let (model, statement) = audited(&subject);
        let bytes = model.key().key().encode();
        let key = Key::decode(&bytes, &Limits::VERIFY).expect("its own bytes");
        assert_eq!((key.digest(), key.encode()), (model.digest(), bytes), "{name}");
        let key = VerifyingKey::new(key, &Limits::VERIFY).expect("a key that costs little");
        let assertion = model.assertion(&statement).expect("an assertion");
        assert_eq!(key.verify(&assertion, &proof), Ok(()), "{name}");
        assert_eq!(key.proof_bytes(), model.proof_bytes(), "{name}");
    }
}

/// Gadgets that change change keys, and identities with them: never by accident. `CIRO_UPDATE=1` writes the file anew.
#[test]
fn digests_are_frozen() {
    let mut digests = String::new();
    for (name, subject, _) in frozen() {
        let (model, _) = audited(&subject);
        writeln!(digests, "{name} {}", model.digest()).expect("text");
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/keys.txt");
    if std::env::var_os("CIRO_UPDATE").is_some() {
        std::fs::write(&file, &digests).expect("the file can be written");
    }
    assert_eq!(digests, std::fs::read_to_string(&file).expect("the file is there"));
}

/// Of each damaged key, what is read has one encoding and another digest. Nothing panics, also where it is used.
#[test]
fn damaged_keys_are_refused_or_other_keys() {
    let (_, subject, proof) = frozen().min_by_key(|(_, subject, _)| subject.program.len()).expect("a frozen proof");
    let (model, statement) = audited(&subject);
    let (bytes, assertion) = (model.key().key().encode(), model.assertion(&statement).expect("an assertion"));
    let mut read = 0;
    for at in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            let Ok(key) = Key::decode(&damaged, &Limits::LEDGER) else { continue };
            read += 1;
            assert!(key.encode() == damaged, "byte {at} has a second encoding");
            assert_ne!(key.digest(), model.digest(), "byte {at} is not part of the digest");
            if let Ok(key) = VerifyingKey::new(key, &Limits::LEDGER) {
                _ = key.verify(&assertion, &proof);
            }
        }
    }
    assert!(read > 0, "numbers inside are data: some damage makes another key");
}

#[test]
fn bytes_that_cost_too_much_are_not_read() {
    let little = Limits { units: 1_000, ..Limits::VERIFY };
    assert!(matches!(Key::decode(&vec![0; 1 << 20], &little), Err(KeyError::TooCostly(_))));
    assert!(matches!(Key::decode(&[], &Limits::VERIFY), Err(KeyError::Decode(_))));
}
