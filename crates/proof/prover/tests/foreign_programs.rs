//! A program comes from a stranger: whatever its bytes are, a validator gets a key or a typed error, never a panic.

mod common;

use ciro_relation::builder::VARS_MAX;
use ciro_types::{Hash32, encode};
use ciro_verifier::VerifyingKey;
use common::cases;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mutated_programs_never_panic(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        thread_local!(static PROGRAMS: Vec<Vec<u8>> = cases().iter().map(|c| encode(&c.model.program)).collect());
        let mut bytes = PROGRAMS.with(|p| p[which.index(p.len())].clone());
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(key) = VerifyingKey::new(&bytes, Hash32::ZERO) {
            prop_assert!(key.relation().vars_max() <= VARS_MAX);
        }
    }

    #[test]
    fn mutated_statements_and_proofs_never_panic(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        thread_local!(static CASES: Vec<common::Case> = cases());
        CASES.with(|cases| {
            let case = &cases[which.index(cases.len())];
            let mut proof = case.proof.bytes.clone();
            for (at, value) in edits {
                let at = at.index(proof.len());
                proof[at] = value;
            }
            proof.truncate(cut.index(proof.len() + 1));
            let accepted = case.key.verifying().verify(&case.statement, &proof).is_ok();
            prop_assert_eq!(accepted, proof == case.proof.bytes);
            Ok(())
        })?;
    }
}
