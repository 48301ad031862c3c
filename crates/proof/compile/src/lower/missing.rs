//! Missing values: whether an input may have them, and what stands for them where it is computed with.

use super::sources::{Source, source, sources};
use crate::plan::{Elem, Ensemble, Id, Kind, Mode, Plan, TreeNode};

/// Whether an imputer replaces what is missing on the way to a forest.
pub(super) fn is_replaced(source: &Source<'_>) -> bool {
    source.steps.iter().any(|(step, _)| matches!(step, Elem::Impute(_)))
}

/// Whether missing values may come in an input that forests read: all of them know where to go with one.
pub(super) fn takes_missing(plan: &Plan, input: Id) -> bool {
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

/// What stands for the missing values of each element of an input, if imputers read them, or trees that take them for numbers below
/// all others, which is `None`.
pub(super) fn fills(plan: &Plan, input: Id) -> Option<Vec<Option<f32>>> {
    let mut readers = vec![Reader::None; plan.len(input)];
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
            Kind::Elem(Elem::Impute(c)) => {
                for (element, &c) in view(step.operands[0]).into_iter().flatten().zip(c) {
                    read(&mut readers[(*element)?], Reader::Imputer(c))?;
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
    imputed.then(|| readers.iter().map(fill).collect())
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
