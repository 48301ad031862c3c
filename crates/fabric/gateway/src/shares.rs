//! Places of a kind that clients hold for a while: so many in all, so many each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts who holds how many places.
pub(crate) struct Shares<K> {
    total: usize,
    each: usize,
    held: Arc<Mutex<BTreeMap<K, usize>>>,
}

/// A place, held until it is dropped.
pub(crate) struct Share<K: Ord> {
    holder: K,
    held: Arc<Mutex<BTreeMap<K, usize>>>,
}

impl<K: Ord + Clone> Shares<K> {
    /// `total` places, of which one holder gets `each` at most.
    pub(crate) fn new(total: usize, each: usize) -> Self {
        Self { total, each, held: Arc::default() }
    }

    /// A place for `holder`, unless it holds its part or all are taken.
    pub(crate) fn take(&self, holder: &K) -> Option<Share<K>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // As many holders as places at most, so the sum is short.
        if held.values().sum::<usize>() >= self.total || held.get(holder).is_some_and(|count| *count >= self.each) {
            return None;
        }
        *held.entry(holder.clone()).or_default() += 1;
        Some(Share { holder: holder.clone(), held: Arc::clone(&self.held) })
    }
}

impl<K: Ord> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_more_than_its_part_and_a_place_comes_back_when_it_is_dropped() {
        let shares = Shares::new(3, 2);
        let mut first = vec![shares.take(&1), shares.take(&1)];
        assert!(first.iter().all(Option::is_some) && shares.take(&1).is_none());
        let second = shares.take(&2).expect("one is left");
        assert!(shares.take(&3).is_none(), "all are taken");
        first.pop();
        assert!(shares.take(&3).is_some());
        drop((first, second));
        assert!(shares.held.lock().expect("not poisoned").is_empty());
    }
}
