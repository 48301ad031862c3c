//! Missing values: whether an input may have them, and what stands for them where it is computed with.

use crate::graph::elem::Elem;
use crate::graph::forest::{Ensemble, Mode, TreeNode};
use crate::graph::plan::sources::{Source, source, sources};
use crate::graph::plan::{Id, Kind, Plan};
use crate::lower::builder::{ProgramBuilder, Quant};
use crate::terms::error::{At, CompileError};
use ciro_graph::Op;
use std::collections::{BTreeMap, BTreeSet};

/// Whether an imputer replaces what is missing on the way to a forest.
pub(crate) fn is_replaced(source: &Source<'_>) -> bool {
    source.steps.iter().any(|(step, _)| matches!(step, Elem::Impute(_)))
}

/// Whether missing values may come in an input that forests read: all of them know where to go with one.
pub(crate) fn takes_missing(plan: &Plan, input: Id) -> bool {
    let is_zeroed = |&id: &Id| {
        (0..plan.len(id)).map(|i| source(plan, id, i)).any(|source| source.value == input && !is_replaced(&source))
    };
    !plan.zeroed.iter().any(is_zeroed)
        && plan.steps.iter().all(|step| match &step.kind {
            Kind::Trees(forest) if !forest.takes_missing => {
                sources(plan, step, forest).values().all(|source| source.value != input || is_replaced(source))
            }
            _ => true,
        })
}

/// How an element of an input is read where it may be missing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reader {
    None,
    /// An imputer that replaces it by this.
    Imputer(f32),
    /// Trees that take it for a number below all others.
    BelowAll,
}

/// What stands for the missing values of each element of an input, if imputers read them, or trees. An imputer gives a number. Trees take
/// them for numbers below all others, which is `None`.
pub(crate) fn fills(plan: &Plan, input: Id) -> Option<Vec<Option<f32>>> {
    let mut readers = vec![Reader::None; plan.len(input)];
    let mut is_filled = false;
    // For each value that only picks elements of the input: which they are.
    let mut views: Vec<(Id, Vec<Option<usize>>)> = vec![(input, (0..plan.len(input)).map(Some).collect())];
    for (i, step) in plan.steps.iter().enumerate() {
        let view = |id: Id| views.iter().find(|view| view.0 == id).map(|view| &view.1);
        match &step.kind {
            Kind::Pick(places) => {
                let place = |&(operand, element): &(usize, usize)| view(step.operands[operand])?[element];
                let picked: Vec<Option<usize>> = places.iter().map(place).collect();
                if picked.iter().any(Option::is_some) {
                    views.push((plan.id_of(i), picked));
                }
            }
            Kind::Trees(forest) => {
                let raw = |source: &&Source<'_>| source.value == input && !is_replaced(source);
                for source in sources(plan, step, forest).values().filter(raw) {
                    read(&mut readers[source.element], below_all(forest)?)?;
                }
            }
            Kind::Filled(_) => {
                is_filled = true;
                for &element in view(step.operands[0]).into_iter().flatten().flatten() {
                    read(&mut readers[element], Reader::BelowAll)?;
                }
            }
            Kind::Elem(Elem::Impute(c)) => {
                let elements = view(step.operands[0]).into_iter().flatten().zip(c);
                for (element, &c) in elements.filter_map(|(element, c)| Some(((*element)?, c))) {
                    read(&mut readers[element], Reader::Imputer(c))?;
                }
            }
            _ if step.operands.iter().any(|&operand| view(operand).is_some()) => return None,
            _ => {}
        }
    }
    // What is revealed as it came, or taken times zero, would be a number where the model has none.
    let mut kept = plan.outputs.iter().map(|output| output.value).chain(plan.zeroed.iter().copied());
    if kept.any(|id| views.iter().any(|view| view.0 == id)) {
        return None;
    }
    let imputed = readers.iter().any(|reader| matches!(reader, Reader::Imputer(_)));
    let fill = |reader: &Reader| if let Reader::Imputer(c) = reader { Some(*c) } else { None };
    (imputed || is_filled).then(|| readers.iter().map(fill).collect())
}

/// The plan, where imputers read what trees read as missing. The least integer of the input stands for a missing value, so that both see
/// it.
pub(crate) fn flagged(plan: &Plan) -> Plan {
    // No image of a double is its alone.
    let is_single = |id: Id| plan.inputs.get(id).is_some_and(|input| !input.double);
    let is_input = |source: &Source<'_>| is_single(source.value) && source.steps.is_empty();
    let mut compared = BTreeSet::new();
    for step in &plan.steps {
        if let Kind::Trees(forest) = &step.kind
            && below_all(forest).is_some()
        {
            let raw = sources(plan, step, forest).into_values().filter(is_input);
            compared.extend(raw.map(|source| (source.value, source.element)));
        }
    }
    let mut made = plan.clone();
    for step in &mut made.steps {
        let Kind::Elem(Elem::Impute(c)) = &step.kind else { continue };
        let read = |i: usize| source(plan, step.operands[0], i);
        let is_flagged = |source: &Source<'_>| compared.contains(&(source.value, source.element));
        if (0..step.len).all(|i| is_input(&read(i))) && (0..step.len).any(|i| is_flagged(&read(i))) {
            step.kind = Kind::Filled(c.clone());
        }
    }
    made
}

/// The elements of an input of which an imputer sees by the least integer where they are missing, each with what it puts there.
pub(crate) fn filled_with(plan: &Plan, input: Id) -> BTreeMap<usize, f32> {
    let mut found = BTreeMap::new();
    for step in &plan.steps {
        if let Kind::Filled(c) = &step.kind {
            let sources = c.iter().enumerate().map(|(i, &c)| (source(plan, step.operands[0], i), c));
            found.extend(sources.filter(|(read, _)| read.value == input).map(|(read, c)| (read.element, c)));
        }
    }
    found
}

/// x, or a constant for each element where it is the least integer, which stands for a missing value.
pub(crate) fn filled(builder: &mut ProgramBuilder, at: &At, x: &Quant, c: &[f32]) -> Result<Quant, CompileError> {
    let lowest = builder.interval(x.id).lo as i32;
    let scaled = |(i, &c): (usize, &f32)| (f64::from(c) * f64::from(x.exponents.at(i)).exp2()).round();
    let fills: Vec<f64> = c.iter().enumerate().map(scaled).collect();
    // The least integer is one more than the end of the range, which a power of two may be.
    if let Some(i) = fills.iter().position(|fill| fill.abs() > f64::from(lowest).abs() + 1.0) {
        let reason = format!("element {i} is {} where it is missing, beyond all numbers taken for it", c[i]);
        return Err(CompileError::Range { at: at.clone(), reason });
    }
    let fills: Vec<i32> = fills.into_iter().map(|fill| fill as i32).collect();
    let is_there = builder.node(at, Op::Clamp { x: x.id, lo: lowest, hi: lowest + 1 })?;
    let from_zero = builder.constant(at, "lowest", vec![-lowest; c.len()]);
    let is_there = builder.node(at, Op::AddConst { x: is_there, c: from_zero })?;
    let kept = builder.node(at, Op::Mul { a: x.id, b: is_there })?;
    let less = builder.constant(at, "less", fills.iter().map(|fill| -fill).collect());
    let less = builder.node(at, Op::MulConst { x: is_there, c: less })?;
    let fill = builder.constant(at, "fill", fills);
    let fill = builder.node(at, Op::AddConst { x: less, c: fill })?;
    let id = builder.node(at, Op::Add { a: kept, b: fill })?;
    Ok(Quant { id, exponents: x.exponents.clone() })
}

/// How a forest reads what may be missing, if that is as a number below all others.
fn below_all(forest: &Ensemble) -> Option<Reader> {
    let goes_down = |node: &TreeNode| match node {
        TreeNode::Split { mode, missing_yes, .. } => *missing_yes == matches!(mode, Mode::Leq | Mode::Lt),
        TreeNode::Leaf(_) => true,
    };
    (forest.takes_missing && forest.nodes.iter().all(goes_down)).then_some(Reader::BelowAll)
}

/// Notes how an element is read; `None` if it is read in another way already.
fn read(known: &mut Reader, reader: Reader) -> Option<()> {
    if *known != Reader::None && *known != reader {
        return None;
    }
    *known = reader;
    Some(())
}
