//! Openings of wrong values, of other polynomials, and with other rows, each rejected by the check that is there for it.

use ciro_pcs::{Opening, Params, PcsError, Profile, Security, Size, verify_opening};
use ciro_prover::opening::{Opened, open};
use ciro_prover::oracle::{BaseOracle, UNSALTED};
use ciro_sumcheck::{evaluate_base, suffix};
use ciro_transcript::field::E_BYTES;
use ciro_transcript::{E, F, ReadError, Reader, Segment, Transcript, Writer};
use p3_field::PrimeCharacteristicRing;
use std::collections::BTreeMap;

struct Setting {
    params: Params,
    tables: [Vec<F>; 2],
    oracles: [BaseOracle; 2],
    point: Vec<E>,
}

fn cells(len: usize, seed: u32) -> Vec<F> {
    (0..len as u32).map(|i| F::from_u32((i ^ seed).wrapping_mul(2_654_435_761) >> 2)).collect()
}

impl Setting {
    /// Polynomials of these many variables.
    fn new(vars: [u32; 2], security: Security) -> Self {
        let params = Params::new(&vars.map(Size::full), security, Profile::Native);
        let tables = [cells(1 << vars[0], 1), cells(1 << vars[1], 2)];
        let oracles = [0, 1].map(|i| BaseOracle::new(&tables[i], &params.first[i], &UNSALTED));
        let mut writer = Writer::new("point");
        let point = writer.challenges("point", vars[0].max(vars[1]) as usize);
        Self { params, tables, oracles, point }
    }

    fn opened(&self, tables: [&[F]; 2]) -> (Vec<u8>, Vec<Segment>) {
        let mut writer = Writer::new("opening");
        let opened = [0, 1].map(|i| Opened { cells: tables[i].into(), oracle: &self.oracles[i] });
        open(&mut writer, &self.params, &opened, &self.point);
        writer.finish()
    }

    fn honest(&self) -> (Vec<u8>, Vec<Segment>) {
        self.opened([&self.tables[0], &self.tables[1]])
    }

    /// The verdict on a proof of the values of these tables.
    fn verdict(&self, tables: [&[F]; 2], proof: &[u8]) -> Result<(), PcsError> {
        let value = |i: usize| evaluate_base(tables[i], suffix(&self.point, tables[i].len().ilog2() as usize));
        let openings = [0, 1].map(|i| Opening { root: self.oracles[i].root(), value: value(i) });
        verify_opening(&mut Reader::new("opening", proof), &self.params, &openings, &self.point)
    }
}

fn settings() -> [Setting; 3] {
    let (short, long) = (Setting::new([8, 9], Security::Bits100), Setting::new([16, 18], Security::Bits100));
    let hard = Setting::new([16, 18], Security::Bits128);
    assert!(short.params.tail.is_empty() && !long.params.tail.is_empty() && !hard.params.tail.is_empty());
    [short, long, hard]
}

/// Each proof of work of a 128-bit opening, with a nonce that is none.
#[test]
fn each_proof_of_work_is_checked() {
    let setting = Setting::new([16, 18], Security::Bits128);
    let (proof, segments) = setting.honest();
    let tables = [setting.tables[0].as_slice(), &setting.tables[1]];
    let mut checked = BTreeMap::new();
    for segment in segments.iter().filter(|s| s.label.ends_with("work")) {
        let mut changed = proof.clone();
        changed[segment.start + 4] ^= 1;
        match setting.verdict(tables, &changed) {
            Err(PcsError::Read(ReadError::Ungrinded { label, .. })) => assert_eq!(label, segment.label),
            other => panic!("{}: {other:?}", segment.label),
        }
        *checked.entry(segment.label).or_insert(0) += 1;
    }
    let [tail] = setting.params.tail.as_slice() else { panic!("one oracle in the tail") };
    assert_eq!(checked, BTreeMap::from([("fold work", tail.fold), ("join work", 1), ("work", 2)]));
}

/// Both samples of a tail oracle are claims of their own.
#[test]
fn each_sample_of_a_tail_oracle_is_bound() {
    let setting = Setting::new([16, 18], Security::Bits128);
    let (proof, segments) = setting.honest();
    let tables = [setting.tables[0].as_slice(), &setting.tables[1]];
    let samples = segments.iter().find(|s| s.label == "out-of-domain").expect("a tail oracle is sampled");
    assert_eq!(samples.end - samples.start, 2 * E_BYTES);
    for at in [samples.start, samples.start + E_BYTES] {
        let mut changed = proof.clone();
        changed[at] ^= 1;
        assert!(setting.verdict(tables, &changed).is_err());
    }
}

#[test]
fn another_value_contradicts_the_final_polynomial() {
    for setting in settings() {
        let (proof, _) = setting.honest();
        let tables = [setting.tables[0].as_slice(), &setting.tables[1]];
        assert_eq!(setting.verdict(tables, &proof), Ok(()));
        let other = cells(tables[1].len(), 3);
        assert_eq!(setting.verdict([tables[0], &other], &proof), Err(PcsError::FinalClaim));
    }
}

/// The prover computes with another polynomial than the committed one, and opens the commitment honestly.
#[test]
fn another_polynomial_contradicts_the_queries() {
    for setting in settings() {
        let other = cells(setting.tables[1].len(), 3);
        let tables = [setting.tables[0].as_slice(), &other];
        let (proof, _) = setting.opened(tables);
        let error = setting.verdict(tables, &proof).expect_err("another polynomial");
        let expected = if setting.params.tail.is_empty() {
            matches!(error, PcsError::FinalQuery { .. })
        } else {
            // Queries of the first oracles are claims on the next one there.
            error == PcsError::FinalClaim
        };
        assert!(expected, "{error:?}");
    }
}

#[test]
fn rows_that_are_not_committed_are_rejected_by_oracle() {
    for setting in settings() {
        let (proof, segments) = setting.honest();
        let tables = [setting.tables[0].as_slice(), &setting.tables[1]];
        for label in ["rows", "paths"] {
            for (oracle, segment) in segments.iter().filter(|s| s.label == label).enumerate() {
                if segment.start < segment.end {
                    let mut changed = proof.clone();
                    changed[segment.start] ^= 1;
                    assert_eq!(setting.verdict(tables, &changed), Err(PcsError::Root { oracle }), "{label}");
                }
            }
        }
    }
}
