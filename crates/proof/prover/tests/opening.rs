//! Openings of wrong values, of other polynomials, and with other rows, each rejected by the check that is there for it.

use ciro_pcs::{Opening, Params, PcsError, Profile, Security, Size, verify_opening};
use ciro_prover::opening::{Opened, open};
use ciro_prover::oracle::{BaseOracle, UNSALTED};
use ciro_sumcheck::{evaluate_base, suffix};
use ciro_transcript::{E, F, Reader, Segment, Transcript, Writer};
use p3_field::PrimeCharacteristicRing;

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
    fn new(vars: [u32; 2]) -> Self {
        let params = Params::new(&vars.map(Size::full), Security::Bits100, Profile::Native);
        let tables = [cells(1 << vars[0], 1), cells(1 << vars[1], 2)];
        let oracles = [0, 1].map(|i| BaseOracle::new(&tables[i], &params.first[i], &UNSALTED));
        let mut writer = Writer::new("point");
        let point = writer.challenges("point", vars[0].max(vars[1]) as usize);
        Self { params, tables, oracles, point }
    }

    fn opened(&self, tables: [&[F]; 2]) -> (Vec<u8>, Vec<Segment>) {
        let mut writer = Writer::new("opening");
        let opened = [0, 1].map(|i| Opened { table: tables[i], oracle: &self.oracles[i] });
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

fn settings() -> [Setting; 2] {
    let (short, long) = (Setting::new([8, 9]), Setting::new([16, 18]));
    assert!(short.params.tail.is_empty() && !long.params.tail.is_empty());
    [short, long]
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
