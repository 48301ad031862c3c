//! Which values of a plan become values of the program.

use super::map::Map;
use crate::error::CompileError;
use crate::plan::{Id, Kind, Plan, Step};

/// What the program has to hold.
pub(super) struct Analysis {
    /// Values that something reads as numbers or reveals.
    needed: Vec<bool>,
    /// Needed values that become part of the affine step reading them.
    absorbed: Vec<bool>,
    /// Inputs that trees compare.
    ordered: Vec<bool>,
    /// Inputs whose elements may have scales of their own.
    scaled_apart: Vec<bool>,
}

impl Analysis {
    /// Refuses an input that feeds both trees and arithmetic, and trees on anything but (scaled) inputs.
    pub(super) fn of(plan: &Plan) -> Result<Self, CompileError> {
        let count = plan.inputs.len() + plan.steps.len();
        let mut readers = vec![0usize; count];
        let mut analysis = Self {
            needed: vec![false; count],
            absorbed: vec![false; count],
            ordered: vec![false; plan.inputs.len()],
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
                analysis.read(plan, step, &mut readers)?;
            }
        }
        for (i, step) in plan.steps.iter().enumerate() {
            if analysis.needed[plan.id_of(i)] {
                analysis.absorb(plan, step, &readers);
            }
        }
        Ok(analysis)
    }

    fn read(&mut self, plan: &Plan, step: &Step, readers: &mut [usize]) -> Result<(), CompileError> {
        if matches!(step.kind, Kind::Trees(_)) {
            return self.compare(plan, step);
        }
        for &operand in &step.operands {
            self.needed[operand] = true;
            readers[operand] += 1;
            if !matches!(step.kind, Kind::Affine(_) | Kind::Elem(_) | Kind::Relu) {
                self.keep_together(plan, operand);
            }
            if self.ordered.get(operand) == Some(&true) {
                return Err(both_ways(step));
            }
        }
        Ok(())
    }

    fn keep_together(&mut self, plan: &Plan, id: Id) {
        if id < plan.inputs.len() {
            self.scaled_apart[id] = false;
        }
    }

    fn compare(&mut self, plan: &Plan, step: &Step) -> Result<(), CompileError> {
        let (input, _) = element_steps(plan, step.operands[0]);
        if input >= plan.inputs.len() {
            let operator = plan.step(input).map_or_else(String::new, |s| s.at.operator.clone());
            return Err(CompileError::Form {
                at: step.at.clone(),
                what: format!("trees on the result of {operator}"),
                hint: "trees compare inputs as they are, or after Scaler, Add, Sub, Mul or Div with constants".into(),
            });
        }
        if self.needed[input] {
            return Err(both_ways(step));
        }
        self.ordered[input] = true;
        Ok(())
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

    /// Whether an input is read by trees.
    pub(super) fn is_ordered(&self, input: Id) -> bool {
        self.ordered[input]
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

fn both_ways(step: &Step) -> CompileError {
    CompileError::Form {
        at: step.at.clone(),
        what: "an input that both trees and arithmetic read".into(),
        hint: "give the trees an input of their own".into(),
    }
}

/// The value before all element-wise steps that lead to `id`, and those steps in order.
pub(super) fn element_steps(plan: &Plan, mut id: Id) -> (Id, Vec<&crate::plan::Elem>) {
    let mut steps = Vec::new();
    while let Some(Step { kind: Kind::Elem(elem), operands, .. }) = plan.step(id) {
        steps.push(elem);
        id = operands[0];
    }
    steps.reverse();
    (id, steps)
}
