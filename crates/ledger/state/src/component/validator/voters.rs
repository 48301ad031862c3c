//! The vote that a slash of an earlier block takes.

use crate::state::State;
use ciro_types::AccountId;
use std::collections::BTreeMap;

/// Hands the vote to those whom the header of this block's parent has named: what they decide is the next block. A row is
/// written only if its power changes.
pub(crate) fn hand_over(state: &mut State) {
    let powers: BTreeMap<AccountId, u64> = state.successors().into_iter().collect();
    let changed = state.validators().filter_map(|(id, row)| {
        let power = powers.get(id).copied().unwrap_or(0);
        (row.power != power).then(|| (*id, crate::component::validator::row::Validator { power, ..row.clone() }))
    });
    for (id, row) in changed.collect::<Vec<_>>() {
        state.tables.validators.put(id, row);
    }
}
