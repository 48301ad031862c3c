//! Rows of one kind: an ordered map that can take back the running transaction and name what a block changed.

use std::collections::BTreeMap;

/// Rows in key order.
///
/// Changes since the last [`commit`](Self::commit) are one transaction: [`rollback`](Self::rollback) undoes exactly
/// them. Changes since the last [`take_changes`](Self::take_changes) are one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table<K, V> {
    rows: BTreeMap<K, V>,
    /// What each write of the running transaction replaced, oldest first.
    undo: Vec<(K, Option<V>)>,
    /// Every key the running block wrote, and whether it had a row before the block.
    changed: BTreeMap<K, bool>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), undo: Vec::new(), changed: BTreeMap::new() }
    }
}

impl<K: Ord + Copy, V: Clone> Table<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.rows.contains_key(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter()
    }

    pub(crate) fn put(&mut self, key: K, row: V) {
        let replaced = self.rows.insert(key, row);
        self.undo.push((key, replaced));
    }

    /// Removes a row and returns it. Removing nothing is no change.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let removed = self.rows.remove(key)?;
        self.undo.push((*key, Some(removed.clone())));
        Some(removed)
    }

    /// Ends a transaction, keeping its changes.
    pub(crate) fn commit(&mut self) {
        for (key, replaced) in self.undo.drain(..) {
            self.changed.entry(key).or_insert(replaced.is_some());
        }
    }

    /// Ends a transaction as if it had never been.
    pub(crate) fn rollback(&mut self) {
        while let Some((key, replaced)) = self.undo.pop() {
            match replaced {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }

    /// Ends a block: the changed keys in ascending order, each with its row now. A row that came and went within the
    /// block is no change.
    pub(crate) fn take_changes(&mut self) -> Vec<(K, Option<V>)> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        changed
            .map(|(key, existed)| (key, existed, self.rows.get(&key).cloned()))
            .filter(|(_, existed, row)| *existed || row.is_some())
            .map(|(key, _, row)| (key, row))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table<u8, &'static str> {
        let mut table = Table::default();
        table.put(1, "one");
        table.commit();
        table.take_changes();
        table
    }

    #[test]
    fn a_rolled_back_transaction_leaves_rows_and_changes_as_they_were() {
        let before = table();
        let mut table = before.clone();
        table.put(1, "uno");
        table.put(2, "two");
        table.remove(&1);
        table.put(2, "due");
        table.rollback();
        assert_eq!(table, before);
    }

    #[test]
    fn changes_name_each_key_once_with_its_last_row() {
        let mut table = table();
        table.put(2, "two");
        table.commit();
        table.put(2, "due");
        table.remove(&1);
        table.commit();
        assert_eq!(table.take_changes(), vec![(1, None), (2, Some("due"))]);
        assert_eq!(table.take_changes(), vec![]);
    }

    #[test]
    fn a_row_that_came_and_went_within_a_block_is_no_change() {
        let mut table = table();
        table.put(2, "two");
        table.commit();
        table.remove(&2);
        table.commit();
        assert_eq!(table.take_changes(), vec![]);
    }
}
