//! Functions of a model's columns: each column by itself, at a scale of its own. What reads all of them at one scale would see little of
//! ratios that stand beside amounts.

use crate::graph::plan::{Id, Kind, Plan, Step};

/// Most columns that have a function by themselves.
const MOST: usize = 256;

/// The plan with functions of several columns taken apart.
pub(crate) fn by_column(plan: &Plan) -> Plan {
    let mut new_id: Vec<Id> = (0..plan.inputs.len()).collect();
    let mut made = Plan { steps: vec![], ..plan.clone() };
    for step in &plan.steps {
        let step = Step { operands: step.operands.iter().map(|&x| new_id[x]).collect(), ..step.clone() };
        let id = if is_of_columns(&made, &step) { taken_apart(&mut made, &step) } else { push(&mut made, step) };
        new_id.push(id);
    }
    made.outputs.iter_mut().for_each(|output| output.value = new_id[output.value]);
    made.zeroed.iter_mut().for_each(|id| *id = new_id[*id]);
    made
}

fn push(plan: &mut Plan, step: Step) -> Id {
    plan.steps.push(step);
    plan.id_of(plan.steps.len() - 1)
}

/// Whether a step is a function of several elements of an input, moved and scaled at most.
fn is_of_columns(plan: &Plan, step: &Step) -> bool {
    let mut id = step.operands.first().copied().unwrap_or(0);
    while let Some(Step { kind: Kind::Elem(_) | Kind::Pick(_), operands, .. }) = plan.step(id) {
        id = operands[0];
    }
    matches!(step.kind, Kind::Curve(_)) && (2..=MOST).contains(&step.len) && plan.step(id).is_none()
}

fn taken_apart(plan: &mut Plan, step: &Step) -> Id {
    let own = |kind: Kind, operands: Vec<Id>, len: usize| Step { at: step.at.clone(), kind, operands, len };
    let mut parts = Vec::with_capacity(step.len);
    for i in 0..step.len {
        let x = push(plan, own(Kind::Pick(vec![(0, i)]), step.operands.clone(), 1));
        parts.push(push(plan, own(step.kind.clone(), vec![x], 1)));
    }
    let places = (0..step.len).map(|i| (i, 0)).collect();
    push(plan, own(Kind::Pick(places), parts, step.len))
}
