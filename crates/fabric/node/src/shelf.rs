//! The account of one kind of blobs: how much lies here, and whose it is.
//!
//! A blob is charged to whoever sent it, at least 4 KiB. When there is no room for another, the oldest of the largest
//! holder makes room for it. So however many clients fill the shelf, whoever keeps less than each of them is served.

use ciro_api::Client;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

/// What the smallest blob is charged, bytes: a file takes a block of the disk.
pub(crate) const BLOB_CHARGE_MIN: u64 = 4_096;

/// What is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The node keeps as much as it may, and all of it has been paid for.
    #[error("expected at most {limit} bytes in all, got {got}")]
    Bytes {
        /// The quota.
        limit: u64,
        /// With this blob.
        got: u64,
    },
    /// The node keeps as many as it may, and all of them have been paid for.
    #[error("expected at most {limit} of them in all")]
    Count {
        /// The quota.
        limit: usize,
    },
    /// The client keeps as much as it may.
    #[error("expected at most {limit} bytes of one client, got {got}")]
    Client {
        /// The quota.
        limit: u64,
        /// With this blob.
        got: u64,
    },
    /// The client keeps as many as it may.
    #[error("expected at most {limit} of them of one client")]
    ClientCount {
        /// The quota.
        limit: usize,
    },
}

/// What a shelf holds at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Bytes in all.
    pub(crate) bytes: u64,
    /// Bytes of one client.
    pub(crate) bytes_each: u64,
    /// Blobs in all.
    pub(crate) count: usize,
    /// Blobs of one client.
    pub(crate) count_each: usize,
    /// Whether what the ledger refers to burdens nobody: an order pays for its input, and nothing pays for weights.
    pub(crate) is_lifted: bool,
}

/// How a file looked when its checksum was right: its length and when it was written.
pub(crate) type Mark = (u64, SystemTime);

#[derive(Debug)]
struct Entry {
    /// What is charged for it.
    charge: u64,
    holder: Holder,
    touched: Instant,
    /// The file whose checksum was right.
    intact: Option<Mark>,
}

/// Whose a blob is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Holder {
    /// A client's; without one, that of the process before.
    Client(Option<Client>),
    /// Nobody's: it has been paid for.
    Paid,
}

/// What a client keeps.
#[derive(Debug, Default)]
struct Burden {
    /// Bytes that are charged, uploads under way included.
    bytes: u64,
    /// Its blobs, oldest first.
    blobs: BTreeSet<(Instant, String)>,
}

/// See the module's documentation. Touches no file.
#[derive(Debug)]
pub(crate) struct Shelf {
    room: Room,
    numbers: u64,
    bytes: u64,
    blobs: BTreeMap<String, Entry>,
    burdens: BTreeMap<Option<Client>, Burden>,
}

impl Shelf {
    /// An empty shelf.
    pub(crate) const fn new(room: Room) -> Self {
        Self { room, numbers: 0, bytes: 0, blobs: BTreeMap::new(), burdens: BTreeMap::new() }
    }

    /// A number that no upload had before.
    pub(crate) const fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// A blob of the process before. It is as old as this process.
    pub(crate) fn found(&mut self, name: &str, bytes: u64, now: Instant) {
        self.put(name, None, bytes.max(BLOB_CHARGE_MIN), now);
    }

    /// Counts bytes that are about to be written. Returns the blobs that must go to make room for them: their files are to be removed
    /// before anybody else is let at the shelf.
    pub(crate) fn reserve(&mut self, client: Option<&Client>, bytes: u64) -> Result<Vec<String>, Full> {
        if let Some(client) = client {
            self.check_client(client, bytes)?;
        }
        let mut evicted = Vec::new();
        while let Err(full) = self.check_room(bytes) {
            let oldest = self.oldest_of_the_largest(full).ok_or(full)?;
            self.removed(&oldest);
            evicted.push(oldest);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        let burden = self.burdens.entry(client.cloned()).or_default();
        burden.bytes = burden.bytes.saturating_add(bytes);
        Ok(evicted)
    }

    fn check_client(&self, client: &Client, bytes: u64) -> Result<(), Full> {
        let (held, count) =
            self.burdens.get(&Some(client.clone())).map_or((0, 0), |held| (held.bytes, held.blobs.len()));
        let (limit, got) = (self.room.bytes_each, held.saturating_add(bytes));
        if got > limit {
            return Err(Full::Client { limit, got });
        }
        let limit = self.room.count_each;
        if count < limit { Ok(()) } else { Err(Full::ClientCount { limit }) }
    }

    fn check_room(&self, bytes: u64) -> Result<(), Full> {
        let (limit, got) = (self.room.bytes, self.bytes.saturating_add(bytes));
        if got > limit {
            return Err(Full::Bytes { limit, got });
        }
        let limit = self.room.count;
        if self.blobs.len() < limit { Ok(()) } else { Err(Full::Count { limit }) }
    }

    /// The blob that makes room: the oldest of whoever keeps most of what is full. Cost: linear in clients.
    fn oldest_of_the_largest(&self, full: Full) -> Option<String> {
        let is_of_count = matches!(full, Full::Count { .. } | Full::ClientCount { .. });
        let size = |burden: &&Burden| if is_of_count { burden.blobs.len() as u64 } else { burden.bytes };
        let largest = self.burdens.values().filter(|burden| !burden.blobs.is_empty()).max_by_key(size)?;
        largest.blobs.first().map(|(_, name)| name.clone())
    }

    /// Takes a reservation back.
    pub(crate) fn release(&mut self, client: Option<&Client>, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
        let client = client.cloned();
        if let Some(burden) = self.burdens.get_mut(&client) {
            burden.bytes = burden.bytes.saturating_sub(bytes);
        }
        self.forget_idle(&client);
    }

    fn forget_idle(&mut self, client: &Option<Client>) {
        if self.burdens.get(client).is_some_and(|burden| burden.bytes == 0 && burden.blobs.is_empty()) {
            self.burdens.remove(client);
        }
    }

    /// A blob got its name. One that was here already stays whose it was, and is as good as new.
    pub(crate) fn kept(&mut self, name: &str, client: Option<Client>, charge: u64, now: Instant) {
        match self.blobs.get_mut(name) {
            Some(entry) => entry.intact = None,
            None => return self.put(name, client, charge, now),
        }
        self.touch(name, now);
    }

    fn put(&mut self, name: &str, client: Option<Client>, charge: u64, now: Instant) {
        self.bytes = self.bytes.saturating_add(charge);
        let burden = self.burdens.entry(client.clone()).or_default();
        burden.bytes = burden.bytes.saturating_add(charge);
        burden.blobs.insert((now, name.to_string()));
        let entry = Entry { charge, holder: Holder::Client(client), touched: now, intact: None };
        self.blobs.insert(name.to_string(), entry);
    }

    /// A blob is needed: it is as good as new.
    pub(crate) fn touch(&mut self, name: &str, now: Instant) {
        let Some(entry) = self.blobs.get_mut(name) else { return };
        if let Holder::Client(client) = &entry.holder
            && let Some(burden) = self.burdens.get_mut(client)
        {
            burden.blobs.remove(&(entry.touched, name.to_string()));
            burden.blobs.insert((now, name.to_string()));
        }
        entry.touched = now;
    }

    /// Names of the blobs that nobody has referred to for `age`. What is referred to is as good as new, and burdens nobody where that
    /// pays for it.
    pub(crate) fn stale(&mut self, now: Instant, age: Duration, refers: impl Fn(&str) -> bool) -> Vec<String> {
        let (referred, rest): (Vec<String>, Vec<String>) = self.blobs.keys().cloned().partition(|name| refers(name));
        for name in &referred {
            self.touch(name, now);
            if self.room.is_lifted {
                self.lift(name);
            }
        }
        let is_stale = |name: &String| {
            self.blobs.get(name).is_some_and(|entry| now.saturating_duration_since(entry.touched) >= age)
        };
        rest.into_iter().filter(is_stale).collect()
    }

    /// Takes a blob off its client's burden.
    fn lift(&mut self, name: &str) {
        let Some(entry) = self.blobs.get_mut(name) else { return };
        let held = (entry.touched, name.to_string());
        if let Holder::Client(client) = std::mem::replace(&mut entry.holder, Holder::Paid) {
            let charge = entry.charge;
            if let Some(burden) = self.burdens.get_mut(&client) {
                burden.blobs.remove(&held);
                burden.bytes = burden.bytes.saturating_sub(charge);
            }
            self.forget_idle(&client);
        }
    }

    /// A blob is gone.
    pub(crate) fn removed(&mut self, name: &str) {
        self.lift(name);
        if let Some(entry) = self.blobs.remove(name) {
            self.bytes = self.bytes.saturating_sub(entry.charge);
        }
    }

    /// How the blob's file looked when its checksum was right.
    pub(crate) fn intact(&self, name: &str) -> Option<Mark> {
        self.blobs.get(name)?.intact
    }

    /// The checksum of the blob's file was looked at: right, with the file as it looks, or wrong.
    pub(crate) fn checked(&mut self, name: &str, mark: Option<Mark>) {
        if let Some(entry) = self.blobs.get_mut(name) {
            entry.intact = mark;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const MIB: u64 = 1 << 20;
    const ROOM: Room = Room { bytes: 100 * MIB, bytes_each: 40 * MIB, count: 8, count_each: 4, is_lifted: true };

    fn client(n: u8) -> Client {
        Client::Address(IpAddr::V4(Ipv4Addr::new(10, 0, 0, n)))
    }

    /// Stores a blob as an upload does. Returns what had to go.
    fn store(shelf: &mut Shelf, name: &str, client: &Client, bytes: u64, now: Instant) -> Result<Vec<String>, Full> {
        let evicted = shelf.reserve(Some(client), bytes)?;
        shelf.release(Some(client), bytes);
        shelf.kept(name, Some(client.clone()), bytes, now);
        Ok(evicted)
    }

    #[test]
    fn a_client_fills_its_own_part_and_gets_it_back() {
        let (mut shelf, now) = (Shelf::new(ROOM), Instant::now());
        assert_eq!(shelf.reserve(Some(&client(1)), 40 * MIB), Ok(vec![]));
        let full = Err(Full::Client { limit: 40 * MIB, got: 40 * MIB + 1 });
        assert_eq!(shelf.reserve(Some(&client(1)), 1), full);
        assert_eq!(shelf.reserve(Some(&client(2)), 40 * MIB), Ok(vec![]), "another has its own");
        let full_for_all = Err(Full::Bytes { limit: 100 * MIB, got: 101 * MIB });
        assert_eq!(shelf.reserve(None, 21 * MIB), full_for_all, "what is on its way is not taken away");
        shelf.release(Some(&client(1)), 40 * MIB);
        shelf.kept("a", Some(client(1)), 40 * MIB, now);
        assert_eq!(shelf.reserve(Some(&client(1)), 1), full);
        shelf.removed("a");
        assert_eq!(shelf.reserve(Some(&client(1)), 40 * MIB), Ok(vec![]));
    }

    #[test]
    fn a_client_keeps_as_many_as_it_may() {
        let (mut shelf, now) = (Shelf::new(ROOM), Instant::now());
        for name in ["a", "b", "c", "d"] {
            assert_eq!(store(&mut shelf, name, &client(1), 1, now), Ok(vec![]));
        }
        assert_eq!(store(&mut shelf, "e", &client(1), 1, now), Err(Full::ClientCount { limit: 4 }));
        assert_eq!(store(&mut shelf, "e", &client(2), 1, now), Ok(vec![]));
    }

    #[test]
    fn the_oldest_of_the_largest_makes_room_for_a_newcomer() {
        let (mut shelf, start) = (Shelf::new(ROOM), Instant::now());
        let at = |n: u64| start + Duration::from_secs(n);
        for (n, (name, holder, mib)) in
            (0..).zip([("old", 1, 15), ("a", 2, 30), ("b", 1, 20), ("c", 3, 34), ("renewed", 1, 1)])
        {
            assert_eq!(store(&mut shelf, name, &client(holder), mib * MIB, at(n)), Ok(vec![]));
        }
        shelf.touch("old", at(9));
        let newcomer = client(9);
        assert_eq!(store(&mut shelf, "new", &newcomer, 10 * MIB, at(10)), Ok(vec!["b".into()]), "client 1 keeps most");
        assert_eq!(store(&mut shelf, "newer", &newcomer, 11 * MIB, at(11)), Ok(vec!["c".into()]), "then client 3");
    }

    #[test]
    fn as_many_as_there_may_be_make_room_too() {
        let (mut shelf, now) = (Shelf::new(ROOM), Instant::now());
        for (n, name) in (0..).zip(["a", "b", "c", "d", "e", "f", "g", "h"]) {
            assert_eq!(store(&mut shelf, name, &client(n / 4), 1, now + Duration::from_secs(n.into())), Ok(vec![]));
        }
        let evicted = store(&mut shelf, "mine", &client(9), 1, now).expect("room is made");
        assert_eq!((evicted.len(), shelf.blobs.len()), (1, 8));
    }

    #[test]
    fn what_the_ledger_refers_to_stays_and_burdens_nobody() {
        let (mut shelf, start) = (Shelf::new(ROOM), Instant::now());
        let age = Duration::from_secs(60);
        for name in ["ordered", "junk"] {
            store(&mut shelf, name, &client(1), 20 * MIB, start).expect("room");
        }
        let is_ordered = |name: &str| name == "ordered";
        assert_eq!(shelf.stale(start + age / 2, age, is_ordered), Vec::<String>::new());
        assert_eq!(shelf.reserve(Some(&client(1)), 20 * MIB), Ok(vec![]), "only the junk is its own now");
        assert_eq!(shelf.reserve(Some(&client(2)), 40 * MIB), Ok(vec![]));
        let full = Err(Full::Bytes { limit: 100 * MIB, got: 101 * MIB });
        assert_eq!(shelf.reserve(Some(&client(3)), 21 * MIB), full, "what was paid for makes no room");
        assert!(!shelf.blobs.contains_key("junk") && shelf.blobs.contains_key("ordered"));
        assert_eq!(
            shelf.stale(start + age, age, |_| false),
            Vec::<String>::new(),
            "it begins to age when it was referred to"
        );
        assert_eq!(shelf.stale(start + age * 2, age, |_| false), ["ordered"]);
    }

    #[test]
    fn weights_stay_a_burden_while_they_are_ordered() {
        let (mut shelf, start) = (Shelf::new(Room { is_lifted: false, ..ROOM }), Instant::now());
        let age = Duration::from_secs(60);
        for (name, holder) in [("used", 1), ("unused", 1), ("other", 2)] {
            store(&mut shelf, name, &client(holder), 20 * MIB, start).expect("room");
        }
        let later = start + age;
        assert_eq!(shelf.stale(later, age, |name| name == "used"), ["other", "unused"], "use keeps it");
        assert!(matches!(shelf.reserve(Some(&client(1)), MIB), Err(Full::Client { .. })));
        store(&mut shelf, "third", &client(3), 35 * MIB, later).expect("room");
        let evicted = store(&mut shelf, "fourth", &client(4), 15 * MIB, later).expect("room is made");
        assert_eq!(evicted, ["unused"], "what is used goes last");
    }

    #[test]
    fn sending_a_blob_again_renews_it_and_counts_once() {
        let (mut shelf, start) = (Shelf::new(ROOM), Instant::now());
        shelf.kept("a", Some(client(1)), 30, start);
        shelf.kept("a", Some(client(2)), 30, start + Duration::from_secs(5));
        assert_eq!((shelf.bytes, shelf.burdens.len()), (30, 1));
        assert!(shelf.stale(start + Duration::from_secs(6), Duration::from_secs(5), |_| false).is_empty());
    }
}
