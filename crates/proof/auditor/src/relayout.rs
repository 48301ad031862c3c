//! Changes of layout that permute many elements: dimensions that stay are passed, and only those that are split or merged are picked.

use crate::error::RelationError;
use crate::layout::spans;
use crate::lower::{Lowering, Val};
use alloc::vec::Vec;
use ciro_relation::rows::wide;
use ciro_relation::{Axis, Expr, Part, Rows};

/// Most elements whose order a change of layout may permute one by one: the verifier walks them all.
pub(crate) const RELAYOUT_MAX: usize = 1 << 16;

impl Lowering<'_> {
    /// The elements of x, which are as many, under the dimensions `to`.
    ///
    /// Example: [2, 3] to [3, 2] is one group: rows 1 2 3 and 4 5 6 become 1 2, 3 4 and 5 6. [4, 3] to [2, 2, 3] are two, and the second stays as it is.
    pub(crate) fn relayout_by_groups(&mut self, x: &Val, to: &[usize]) -> Result<Expr, RelationError> {
        let mut spans = spans(to).into_iter();
        let mut parts = Vec::new();
        for group in groups(&x.dims, to) {
            let by: Vec<_> = spans.by_ref().take(group.to).collect();
            if let ([len], [span]) = (group.from.as_slice(), by.as_slice())
                && *len == span.len
            {
                parts.push(Part::Pass(*span));
                continue;
            }
            let rows = Rows::new(&group.from);
            if rows.real() > RELAYOUT_MAX {
                return Err(self.misplaced("a reshape that permutes too many elements"));
            }
            self.b.spend(rows.real())?;
            let index = rows.indices().into_iter().map(Some).collect();
            parts.push(Part::Pick(Axis { bits: wide(rows.log_len()), by, index }));
        }
        self.gathered(x, &parts, to)
    }
}

/// Consecutive dimensions with as many elements before a change of layout as after it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    /// The dimensions before.
    from: Vec<usize>,
    /// How many dimensions there are after.
    to: usize,
}

/// The smallest groups, first to last. Both shapes have as many elements.
fn groups(from: &[usize], to: &[usize]) -> Vec<Group> {
    let mut groups = Vec::new();
    let (mut before, mut after) = (from.iter().copied().peekable(), to.iter().copied().peekable());
    while before.peek().is_some() || after.peek().is_some() {
        let mut group = Group { from: before.next().into_iter().collect(), to: usize::from(after.peek().is_some()) };
        let mut len = group.from.first().copied().unwrap_or(1);
        let mut len_after = after.next().unwrap_or(1);
        loop {
            // Nothing but ones can be left over at one end.
            let is_last = before.peek().is_none() || after.peek().is_none();
            if len < len_after || (len == len_after && is_last && before.peek().is_some()) {
                let Some(next) = before.next() else { break };
                len = len.saturating_mul(next);
                group.from.push(next);
            } else if len > len_after || (is_last && after.peek().is_some()) {
                let Some(next) = after.next() else { break };
                len_after = len_after.saturating_mul(next);
                group.to = group.to.saturating_add(1);
            } else {
                break;
            }
        }
        groups.push(group);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn split(from: &[usize], to: &[usize]) -> Vec<(Vec<usize>, usize)> {
        groups(from, to).into_iter().map(|group| (group.from, group.to)).collect()
    }

    #[test]
    fn groups_are_as_small_as_they_can_be() {
        assert_eq!(split(&[1, 384, 14, 14], &[1, 384, 196]), [(vec![1], 1), (vec![384], 1), (vec![14, 14], 1)]);
        assert_eq!(split(&[4, 6], &[3, 8]), [(vec![4, 6], 2)]);
        assert_eq!(split(&[12, 5], &[3, 4, 5]), [(vec![12], 2), (vec![5], 1)]);
        assert_eq!(split(&[2, 3, 1], &[2, 3]), [(vec![2], 1), (vec![3, 1], 1)]);
        assert_eq!(split(&[6], &[6, 1, 1]), [(vec![6], 3)]);
        assert_eq!(split(&[7, 8, 7, 8, 3], &[56, 56, 3]), [(vec![7, 8], 1), (vec![7, 8], 1), (vec![3], 1)]);
    }
}
