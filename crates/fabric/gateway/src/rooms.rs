//! Memory for long bodies: so many bytes in all, an eighth of them for each client.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One client's part.
const PARTS: usize = 8;

/// Who takes how many bytes.
pub(crate) struct Rooms<K> {
    total: usize,
    taken: Arc<Mutex<BTreeMap<K, usize>>>,
}

/// Bytes that are taken until it is dropped.
pub(crate) struct Room<K: Ord> {
    holder: K,
    bytes: usize,
    total: usize,
    taken: Arc<Mutex<BTreeMap<K, usize>>>,
}

impl<K: Ord + Clone> Rooms<K> {
    /// `total` bytes.
    pub(crate) fn new(total: usize) -> Self {
        Self { total, taken: Arc::default() }
    }

    /// A room for `holder` that takes nothing yet.
    pub(crate) fn none(&self, holder: &K) -> Room<K> {
        Room { holder: holder.clone(), bytes: 0, total: self.total, taken: Arc::clone(&self.taken) }
    }
}

impl<K: Ord + Clone> Room<K> {
    /// Takes `bytes` in all, or returns false if there are not as many. A holder's first room may be as large as all that is left: one
    /// transaction of any size can be sent.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return true;
        }
        // As many holders as long bodies at most, so the sum is short.
        let all = taken.values().sum::<usize>() + more;
        let of_holder = taken.get(&self.holder).map_or(0, |bytes| *bytes) + more;
        let is_only = of_holder == self.bytes + more;
        let fits = all <= self.total && (is_only || of_holder <= self.total / PARTS);
        if fits {
            taken.insert(self.holder.clone(), of_holder);
            self.bytes += more;
        }
        fits
    }
}

impl<K: Ord> Drop for Room<K> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = taken.get_mut(&self.holder) {
            *bytes -= self.bytes;
            if *bytes == 0 {
                taken.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_takes_an_eighth_or_one_body_and_gives_it_back() {
        let rooms = Rooms::new(80);
        let (mut first, mut second, mut other) = (rooms.none(&1), rooms.none(&1), rooms.none(&2));
        assert!(first.grow(4) && second.grow(6), "ten bytes are an eighth");
        assert!(!second.grow(7) && !first.grow(5));
        drop(second);
        assert!(first.grow(40), "a single one may be larger");
        assert!(other.grow(40) && !rooms.none(&3).grow(1), "all is taken");
        drop((first, other));
        assert!(rooms.taken.lock().expect("not poisoned").is_empty());
    }
}
