//! The polynomials of one proof and their commitments.

use crate::constants::Constants;
use crate::kernel::cells::Cells;
use crate::key::ProvingKey;
use crate::opening::Opened;
use crate::oracle::BaseOracle;
use crate::witness::Witness;
use ciro_auditor::{ProofContext, Shown, Statement};
use ciro_graph::{Disclosure, RawInput, RawOutput, Visibility};
use ciro_pcs::Round;
use ciro_relation::{Knowledge, Poly, Space};
use ciro_transcript::{Digest, F};
use ciro_types::Hash32;
use std::sync::Arc;

/// A polynomial of one proof.
#[derive(Clone)]
struct Part {
    space: Space,
    table: Table,
    /// None for one that the verifier holds itself.
    oracle: Option<Arc<BaseOracle>>,
}

/// What a polynomial is made of.
#[derive(Clone)]
enum Table {
    /// The constants of the model.
    Model(Arc<Constants>),
    /// Cells of this proof.
    Made(Arc<Vec<F>>),
}

/// All polynomials of one proof, in the relation's order.
pub struct Commitments(Vec<Part>);

impl Commitments {
    /// Commits to what a witness holds; the model's polynomial is the key's.
    #[must_use]
    pub fn new(key: &ProvingKey, witness: &Witness) -> Self {
        let (relation, params) = (key.verifying().relation(), key.verifying().params());
        let mut rounds = params.first.iter();
        let parts = relation.spaces.iter().map(|&space| {
            let round = if space.known == Knowledge::Cells { None } else { rounds.next() };
            Part::new(key, witness, space, round)
        });
        Self(parts.collect())
    }

    /// The root of a polynomial's commitment, if it has one.
    #[must_use]
    pub fn root(&self, poly: Poly) -> Option<Digest> {
        let part = self.0.iter().find(|part| part.space.poly == poly)?;
        part.oracle.as_ref().map(|oracle| oracle.root())
    }

    /// What is stated of this input and output: as much as `visibility` shows of them.
    #[must_use]
    pub fn statement(
        &self,
        visibility: &Visibility,
        input: &RawInput,
        output: &RawOutput,
        context: &ProofContext,
    ) -> Statement {
        Statement {
            input: self.shown(visibility.input, input, Poly::Input),
            output: self.shown(visibility.output, output, Poly::Output),
            context: *context,
        }
    }

    fn shown<T: Clone>(&self, disclosure: Disclosure, value: &T, poly: Poly) -> Shown<T> {
        match disclosure {
            Disclosure::Public => Shown::Public(value.clone()),
            Disclosure::Committed => Shown::Committed(Hash32(self.root(poly).unwrap_or_default())),
            Disclosure::Private => Shown::Private,
        }
    }

    /// Some of them.
    #[must_use]
    pub fn only(&self, polys: &[Poly]) -> Self {
        Self(self.0.iter().filter(|part| polys.contains(&part.space.poly)).cloned().collect())
    }

    /// The cells of all polynomials, in order.
    pub fn cells(&self) -> Vec<Cells<'_>> {
        self.0.iter().map(Part::cells).collect()
    }

    /// Those that the proof opens, in order.
    pub fn opened(&self) -> Vec<Opened<'_>> {
        let opened = |part| Some(Opened { cells: Part::cells(part), oracle: part.oracle.as_deref()? });
        self.0.iter().filter_map(opened).collect()
    }
}

impl Part {
    fn new(key: &ProvingKey, witness: &Witness, space: Space, round: Option<&Round>) -> Self {
        if space.poly == Poly::Model {
            return Self { space, table: Table::Model(Arc::clone(&key.constants)), oracle: key.oracle.clone() };
        }
        let table = Arc::new(witness.polynomial(key.verifying().relation(), space.poly));
        let seed = witness.seed().of(space.poly);
        let oracle = round.map(|round| Arc::new(BaseOracle::new(table.as_ref(), round, &seed)));
        Self { space, table: Table::Made(table), oracle }
    }

    fn cells(&self) -> Cells<'_> {
        match &self.table {
            Table::Model(constants) => constants.polynomial(),
            Table::Made(table) => Cells::Elements(table),
        }
    }
}
