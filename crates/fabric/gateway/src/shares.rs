//! Places of a kind that clients hold for a while: so many in all, so many each.
//!
//! When all are taken, a place can be taken back for whoever holds clearly less. The largest holder loses the one with
//! the least progress of late, and of equals the oldest.

use crate::pace::Pace;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// Who holds which places.
pub(crate) struct Shares<K> {
    total: usize,
    each: usize,
    brisk: u64,
    held: Arc<Mutex<Held<K>>>,
}

struct Held<K> {
    next: u64,
    places: BTreeMap<u64, Place<K>>,
}

struct Place<K> {
    holder: K,
    pace: Pace,
    leave: Arc<Notify>,
}

/// A place, held until it is dropped or taken back.
pub(crate) struct Share<K> {
    number: u64,
    leave: Arc<Notify>,
    held: Arc<Mutex<Held<K>>>,
}

impl<K: Ord + Clone> Shares<K> {
    /// `total` places, of which one holder gets `each` at most.
    pub(crate) fn new(total: usize, each: usize) -> Self {
        let held = Held { next: 0, places: BTreeMap::new() };
        Self { total, each, brisk: 0, held: Arc::new(Mutex::new(held)) }
    }

    /// As [`Self::new`], and a place with fewer bytes per second than `brisk` is taken back for any holder of fewer.
    pub(crate) fn paced(total: usize, each: usize, brisk: u64) -> Self {
        Self { brisk, ..Self::new(total, each) }
    }

    /// A place for `holder`, unless it holds its part or all are taken.
    pub(crate) fn take(&self, holder: &K) -> Option<Share<K>> {
        let mut held = self.lock();
        (held.count(holder) < self.each && held.places.len() < self.total).then(|| self.seat(&mut held, holder))
    }

    /// As [`Self::take`]; if all are taken, one that somebody else can be expected to give up is taken back.
    pub(crate) fn take_or_displace(&self, holder: &K, now: Instant) -> Option<Share<K>> {
        let mut held = self.lock();
        let count = held.count(holder);
        if count >= self.each {
            return None;
        }
        if held.places.len() >= self.total {
            let number = held.dispensable(count, self.brisk, now)?;
            let place = held.places.remove(&number)?;
            place.leave.notify_one();
        }
        Some(self.seat(&mut held, holder))
    }

    fn seat(&self, held: &mut Held<K>, holder: &K) -> Share<K> {
        let (number, leave) = (held.next, Arc::new(Notify::new()));
        held.next += 1;
        let place = Place { holder: holder.clone(), pace: Pace::new(Instant::now()), leave: Arc::clone(&leave) };
        held.places.insert(number, place);
        Share { number, leave, held: Arc::clone(&self.held) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held<K>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord + Clone> Held<K> {
    fn count(&self, holder: &K) -> usize {
        self.places.values().filter(|place| place.holder == *holder).count()
    }

    /// The place to take back for somebody who holds `count`. A largest holder with two more has to share. One with one more only gives
    /// up what is slow, or two clients would take turns for ever.
    fn dispensable(&mut self, count: usize, brisk: u64, now: Instant) -> Option<u64> {
        let mut counts = BTreeMap::<K, usize>::new();
        self.places.values().for_each(|place| *counts.entry(place.holder.clone()).or_default() += 1);
        let most = counts.values().copied().max()?;
        let of_largest = self.places.iter_mut().filter(|(_, place)| counts.get(&place.holder) == Some(&most));
        let paced = of_largest.map(|(number, place)| (place.pace.per_second(now), *number));
        let (pace, number) = paced.min()?;
        let may_go = most >= count + 2 || most > count && pace < brisk;
        may_go.then_some(number)
    }
}

impl<K> Share<K> {
    /// Resolves when the place was taken back.
    pub(crate) async fn taken_back(&self) {
        self.leave.notified().await;
    }

    /// Bytes came for what holds the place.
    pub(crate) fn progress(&self, bytes: u64, now: Instant) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = held.places.get_mut(&self.number) {
            place.pace.add(bytes, now);
        }
    }
}

impl<K> Drop for Share<K> {
    fn drop(&mut self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).places.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

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
        assert!(shares.lock().places.is_empty());
    }

    #[test]
    fn the_largest_holder_shares_its_slowest_place_and_then_its_oldest() {
        let shares = Shares::new(4, 3);
        let start = Instant::now();
        let held: Vec<_> = [1, 1, 1, 2].iter().filter_map(|holder| shares.take(holder)).collect();
        held[0].progress(1_000, start);
        held[2].progress(900, start);
        let later = start + Duration::from_secs(3);
        assert!(shares.take_or_displace(&1, later).is_none(), "it holds its part");
        let third = shares.take_or_displace(&3, later).expect("a place of the first");
        let is_there = |share: &Share<i32>| shares.lock().places.contains_key(&share.number);
        assert_eq!(held.iter().map(is_there).collect::<Vec<_>>(), [true, false, true, true]);
        assert!(shares.take_or_displace(&3, later).is_none(), "two and one are even enough");
        let fourth = shares.take_or_displace(&4, later + Duration::from_secs(60)).expect("another one of the first");
        assert_eq!(held.iter().map(is_there).collect::<Vec<_>>(), [false, false, true, true], "none of both moved");
        drop((third, fourth));
    }

    #[test]
    fn among_single_places_only_a_slow_one_is_taken_back() {
        let shares = Shares::paced(2, 2, 1_000);
        let start = Instant::now();
        let held = [shares.take(&1).expect("room"), shares.take(&2).expect("room")];
        assert!(shares.take_or_displace(&3, start).is_none(), "young ones have no pace yet");
        let later = start + Duration::from_secs(10);
        held.iter().for_each(|share| share.progress(1_000_000, later));
        assert!(shares.take_or_displace(&3, later).is_none(), "both are brisk");
        let third = shares.take_or_displace(&3, later + Duration::from_secs(10));
        assert!(third.is_some(), "what came long ago counts no more");
    }
}
