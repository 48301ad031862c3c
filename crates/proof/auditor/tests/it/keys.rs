//! A key is data: proofs are verified by its bytes alone, and bytes that are no key are refused.

use crate::replay::{Frozen, Subject, files};
use ciro_auditor::{AuditedModel, Limits, Statement};
use ciro_relation::{Column, Instance, Misfit, Source};
use ciro_transcript::{Transcript as _, Writer};
use ciro_verifier::{Assertion, Key, KeyError, VerifyingKey};
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

/// Whoever could choose the integers after the challenges could choose others that fit at the points that were drawn.
#[test]
fn challenges_depend_on_the_integers_that_are_verified_and_not_on_their_bytes_alone() {
    let mut tried = 0;
    for (name, subject, _) in frozen() {
        let (model, statement) = audited(&subject);
        let honest = model.assertion(&statement).expect("an assertion");
        let drawn = |assertion: &Assertion<'_>| {
            let mut transcript = Writer::new("test");
            model.key().absorb(&mut transcript, assertion);
            transcript.challenge("first")
        };
        for of_inputs in [true, false] {
            let mut other = honest.clone();
            let Instance { inputs, outputs } = &mut other.instance;
            let side = if of_inputs { inputs } else { outputs };
            let Some(integer) = side.iter_mut().flatten().next() else { continue };
            *integer ^= 1;
            tried += 1;
            assert_ne!(drawn(&honest), drawn(&other), "{name}");
        }
    }
    assert!(tried > 20);
}

/// A part that many columns share would be checked for each of them.
#[test]
fn a_part_that_two_columns_are_made_of_is_refused() {
    let (_, subject, _) = frozen().min_by_key(|(_, subject, _)| subject.program.len()).expect("a frozen proof");
    let mut key = audited(&subject).0.key().key().clone();
    let is_public = |column: &&Column| matches!(column.source, Source::Public(_));
    let public = key.relation.columns.iter().find(is_public).expect("a public column").clone();
    key.relation.columns.push(public);
    let told = Key::decode(&key.encode(), &Limits::VERIFY).map(|_| ());
    assert!(matches!(told, Err(KeyError::Misfit(Misfit { what: "columns before it of its source", .. }))), "{told:?}");
}
