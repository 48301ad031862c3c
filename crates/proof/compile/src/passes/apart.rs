//! Affine maps of what was put together: each part by a map of its own.
//!
//! So what scales a part becomes one with its map. For example, cents and ratios side by side are weighted one by one, each at its own
//! scale.

use crate::graph::plan::{Affine, Id, Kind, Plan, Step};

/// The plan with affine maps of several values taken apart.
pub(crate) fn apart(plan: &Plan) -> Plan {
    let mut new_id: Vec<Id> = (0..plan.inputs.len()).collect();
    let mut made = Plan { steps: vec![], ..plan.clone() };
    for step in &plan.steps {
        let operands: Vec<Id> = step.operands.iter().map(|&x| new_id[x]).collect();
        let id = match parts_of(&made, step, &operands) {
            Some(parts) => in_parts(&mut made, step, &parts),
            None => push(&mut made, Step { operands, ..step.clone() }),
        };
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

/// A part of what a map reads: elements of values, each with the map's row.
type Part = Vec<((Id, usize), usize)>;

/// The parts that an affine step reads, if they are several: each value that is scaled, and all others.
fn parts_of(plan: &Plan, step: &Step, operands: &[Id]) -> Option<Vec<Part>> {
    let Kind::Affine(_) = &step.kind else { return None };
    let Step { kind: Kind::Pick(places), operands: sources, .. } = plan.step(*operands.first()?)? else { return None };
    let is_scaled = |&id: &Id| plan.step(id).is_some_and(|step| matches!(step.kind, Kind::Affine(_) | Kind::Elem(_)));
    if sources.len() < 2 || !sources.iter().any(is_scaled) {
        return None;
    }
    let (mut parts, mut rest): (Vec<Part>, Part) = (vec![], vec![]);
    for (operand, &id) in sources.iter().enumerate() {
        let own = places.iter().enumerate().filter(|(_, place)| place.0 == operand);
        let own: Part = own.map(|(row, place)| ((id, place.1), row)).collect();
        if is_scaled(&id) { parts.push(own) } else { rest.extend(own) }
    }
    parts.push(rest);
    parts.retain(|part| !part.is_empty());
    (parts.len() > 1).then_some(parts)
}

fn in_parts(plan: &mut Plan, step: &Step, parts: &[Part]) -> Id {
    let Kind::Affine(affine) = &step.kind else { return push(plan, step.clone()) };
    let n = affine.n;
    let mut sum: Option<Id> = None;
    for elements in parts {
        let x = picked(plan, step, elements);
        let weight = elements.iter().flat_map(|(_, row)| &affine.weight[row * n..(row + 1) * n]).copied().collect();
        // The first part takes the offsets.
        let bias = if sum.is_none() { affine.bias.clone() } else { vec![0.0; n] };
        let kind = Kind::Affine(Affine { n, weight, bias });
        let map = push(plan, Step { at: step.at.clone(), kind, operands: vec![x], len: n });
        sum = Some(match sum {
            None => map,
            Some(sum) => push(plan, Step { at: step.at.clone(), kind: Kind::Add, operands: vec![sum, map], len: n }),
        });
    }
    sum.unwrap_or_else(|| push(plan, step.clone()))
}

/// The elements of a part, as one value.
fn picked(plan: &mut Plan, step: &Step, elements: &Part) -> Id {
    let mut operands: Vec<Id> = Vec::new();
    let mut places = Vec::with_capacity(elements.len());
    for ((id, element), _) in elements {
        let known = operands.iter().position(|operand| operand == id);
        places.push((known.unwrap_or(operands.len()), *element));
        if known.is_none() {
            operands.push(*id);
        }
    }
    match operands.as_slice() {
        &[one] if places.iter().map(|place| place.1).eq(0..plan.len(one)) => one,
        _ => {
            let len = places.len();
            push(plan, Step { at: step.at.clone(), kind: Kind::Pick(places), operands, len })
        }
    }
}
