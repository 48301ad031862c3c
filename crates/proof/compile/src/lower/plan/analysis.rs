//! Which values of a plan become values of the program.

use super::map::Map;
use crate::graph::forest::Ensemble;
use crate::graph::plan::sources::sources;
use crate::graph::plan::{Id, Kind, Plan, Step};

/// What the program has to hold.
pub(super) struct Analysis {
    /// Values that something reads as numbers or reveals.
    needed: Vec<bool>,
    /// Needed values that become part of the affine step reading them.
    absorbed: Vec<bool>,
    /// Inputs that trees compare and nothing computes with.
    ordered: Vec<bool>,
    /// Inputs that trees compare.
    compared: Vec<bool>,
    /// Inputs whose elements may have scales of their own.
    scaled_apart: Vec<bool>,
}

impl Analysis {
    pub(super) fn of(plan: &Plan) -> Self {
        let count = plan.inputs.len() + plan.steps.len();
        let mut readers = vec![0usize; count];
        let mut analysis = Self {
            needed: vec![false; count],
            absorbed: vec![false; count],
            ordered: vec![false; plan.inputs.len()],
            compared: vec![false; plan.inputs.len()],
            scaled_apart: vec![true; plan.inputs.len()],
        };
        for output in &plan.outputs {
            analysis.needed[output.value] = true;
            // An output is a reader that absorbs nothing.
            readers[output.value] += 2;
            analysis.keep_together(plan, output.value);
        }
        for (i, step) in plan.steps.iter().enumerate().rev() {
            if analysis.needed[plan.id_of(i)] {
                analysis.read(plan, step, &mut readers);
            }
        }
        analysis.compared.clone_from(&analysis.ordered);
        let Self { ordered, needed, .. } = &mut analysis;
        ordered.iter_mut().zip(needed).for_each(|(ordered, needed)| *ordered &= !*needed);
        for (i, step) in plan.steps.iter().enumerate() {
            if analysis.needed[plan.id_of(i)] {
                analysis.absorb(plan, step, &readers);
            }
        }
        analysis
    }

    fn read(&mut self, plan: &Plan, step: &Step, readers: &mut [usize]) {
        if let Kind::Trees(forest) = &step.kind {
            return self.compare(plan, (step, forest), readers);
        }
        for &operand in &step.operands {
            self.needed[operand] = true;
            readers[operand] += 1;
            let by_element = matches!(step.kind, Kind::Filled(_) | Kind::Elem(_) | Kind::Relu | Kind::Mul);
            if !by_element && !matches!(step.kind, Kind::Affine(_) | Kind::Pick(_)) {
                self.keep_together(plan, operand);
            }
        }
    }

    fn keep_together(&mut self, plan: &Plan, id: Id) {
        if id < plan.inputs.len() {
            self.scaled_apart[id] = false;
        }
    }

    fn compare(&mut self, plan: &Plan, (step, forest): (&Step, &Ensemble), readers: &mut [usize]) {
        for source in sources(plan, step, forest).values() {
            match self.ordered.get_mut(source.value) {
                Some(ordered) => *ordered = true,
                None => self.needed[source.value] = true,
            }
            // A forest absorbs nothing.
            readers[source.value] += 2;
        }
    }

    fn absorb(&mut self, plan: &Plan, step: &Step, readers: &[usize]) {
        if !matches!(step.kind, Kind::Affine(_) | Kind::Elem(_)) {
            return;
        }
        let operand = step.operands[0];
        let Some(producer) = plan.step(operand) else {
            return;
        };
        let worthwhile = match (&producer.kind, &step.kind) {
            (Kind::Affine(first), Kind::Affine(second)) => {
                let (k, m, n) = (first.weight.len() / first.n, first.n, second.n);
                k * n <= k * m + m * n
            }
            (Kind::Affine(_) | Kind::Elem(_), _) => true,
            _ => false,
        };
        self.absorbed[operand] = worthwhile && readers[operand] == 1;
    }

    /// Whether a step's value is computed by nodes of its own.
    pub(super) fn computed(&self, id: Id) -> bool {
        self.needed[id] && !self.absorbed[id]
    }

    /// Whether a value is an input that only trees read.
    pub(super) fn is_ordered(&self, id: Id) -> bool {
        self.ordered.get(id) == Some(&true)
    }

    /// Whether a value is an input that trees compare.
    pub(super) fn is_compared(&self, input: Id) -> bool {
        self.compared[input]
    }

    /// Whether an input's elements may have scales of their own.
    pub(super) fn scaled_apart(&self, input: Id) -> bool {
        self.scaled_apart[input]
    }

    /// The affine step `id` and all that it absorbs as one map, with the value that the map reads.
    pub(super) fn chain(&self, plan: &Plan, id: Id) -> (Id, Map) {
        let mut maps = Vec::new();
        let mut source = id;
        while let Some((step, map)) = plan.step(source).and_then(|step| Some((step, Map::of(step)?))) {
            maps.push(map);
            source = step.operands[0];
            if !self.absorbed[source] {
                break;
            }
        }
        let whole = maps.into_iter().rev().reduce(|first, next| first.then(&next));
        (source, whole.unwrap_or(Map::Diagonal { w: vec![], b: vec![] }))
    }

    /// The affine map that reads a value first, if the first reader is affine.
    pub(super) fn first_map(&self, plan: &Plan, id: Id) -> Option<Map> {
        let ends = (0..plan.steps.len()).map(|i| plan.id_of(i)).filter(|&end| self.computed(end));
        let affine = ends.filter(|&end| plan.step(end).is_some_and(|step| Map::of(step).is_some()));
        affine.map(|end| self.chain(plan, end)).find(|(source, _)| *source == id).map(|(_, map)| map)
    }
}
