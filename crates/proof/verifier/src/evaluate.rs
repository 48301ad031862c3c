//! What the verifier evaluates itself: public columns and the matrices of gathers, each once at a point. And when.
//!
//! Checks that evaluate much are put off until everything cheap has passed: the proof's length, all proofs of work, the hashes of the
//! opening. A proof that is none is refused before anything long begins. A relation of which little is evaluated is checked phase by
//! phase, so that an error names the first phase that rejects. Either way all checks are made.

use crate::error::VerifyError;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;
use ciro_relation::{ColId, Instance, Relation};
use ciro_transcript::E;
use p3_field::PrimeCharacteristicRing;

/// Evaluates public columns and gathers, and keeps every value.
pub struct Evaluator<'a> {
    relation: &'a Relation,
    instance: &'a Instance,
    columns: BTreeMap<(ColId, Vec<E>), E>,
    /// By gather, and both of its points.
    gathers: BTreeMap<(usize, Vec<E>, Vec<E>), E>,
}

/// A column where a phase reads it: what was sent for it, if it is not public.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The column.
    pub col: ColId,
    /// One coordinate per variable of the column.
    pub point: Vec<E>,
    /// The value that was sent, of the column seen if this one is a view.
    pub sent: Option<E>,
}

impl<'a> Evaluator<'a> {
    /// Nothing is evaluated yet.
    #[must_use]
    pub fn new(relation: &'a Relation, instance: &'a Instance) -> Self {
        Self { relation, instance, columns: BTreeMap::new(), gathers: BTreeMap::new() }
    }

    /// What must hold.
    #[must_use]
    pub fn relation(&self) -> &'a Relation {
        self.relation
    }

    /// The value of a column, as it was sent, or evaluated. For a view, it is the value seen times the factor that the view's repeated
    /// dimensions make.
    pub fn value(&mut self, col: ColId, point: &[E], sent: Option<E>) -> E {
        let relation = self.relation;
        let Some(view) = relation.view(col) else {
            return sent.unwrap_or_else(|| self.public(col, point.to_vec()));
        };
        let seen = sent.unwrap_or_else(|| self.public(view.of, view.point(point)));
        view.factor(point) * seen
    }

    /// The value of what a phase read.
    pub fn read(&mut self, reading: &Reading) -> E {
        self.value(reading.col, &reading.point, reading.sent)
    }

    /// The value of a public column; zero for one that is not.
    fn public(&mut self, col: ColId, point: Vec<E>) -> E {
        let (relation, instance) = (self.relation, self.instance);
        let evaluate = |point: &[E]| relation.public_column(col).map_or(E::ZERO, |of| of.evaluate(instance, point));
        once(&mut self.columns, (col, point), |(_, point)| evaluate(point))
    }

    /// S(r, σ) of a gather.
    pub fn gather(&mut self, gather: usize, r: &[E], sigma: &[E]) -> E {
        let relation = self.relation;
        let weight = |r: &[E], sigma: &[E]| relation.gathers.get(gather).map_or(E::ZERO, |g| g.weight(r, sigma));
        once(&mut self.gathers, (gather, r.to_vec(), sigma.to_vec()), |(_, r, sigma)| weight(r, sigma))
    }
}

/// The value of a key, made when it is first asked for.
fn once<K: Ord>(known: &mut BTreeMap<K, E>, key: K, make: impl FnOnce(&K) -> E) -> E {
    match known.entry(key) {
        Entry::Occupied(entry) => *entry.get(),
        Entry::Vacant(entry) => {
            let value = make(entry.key());
            *entry.insert(value)
        }
    }
}

type Check<'a> = Box<dyn FnOnce(&mut Evaluator<'a>) -> Result<(), VerifyError> + 'a>;

/// The checks of a proof's phases.
pub struct Checks<'a> {
    evaluator: Evaluator<'a>,
    /// `None` if each is made at once.
    waiting: Option<Vec<Check<'a>>>,
}

impl<'a> Checks<'a> {
    /// Makes each check at once, or puts all off.
    #[must_use]
    pub fn new(evaluator: Evaluator<'a>, are_put_off: bool) -> Self {
        Self { evaluator, waiting: are_put_off.then(Vec::new) }
    }

    /// Makes a check, or puts it off.
    ///
    /// # Errors
    /// As the check, if it is made.
    pub fn add(
        &mut self,
        check: impl FnOnce(&mut Evaluator<'a>) -> Result<(), VerifyError> + 'a,
    ) -> Result<(), VerifyError> {
        match &mut self.waiting {
            None => check(&mut self.evaluator),
            Some(waiting) => {
                waiting.push(Box::new(check));
                Ok(())
            }
        }
    }

    /// Makes the checks that were put off, in order.
    ///
    /// # Errors
    /// As the first that fails.
    pub fn finish(mut self) -> Result<(), VerifyError> {
        self.waiting.into_iter().flatten().try_for_each(|check| check(&mut self.evaluator))
    }
}
