//! The account of one kind of blobs: how much lies here, and whose it is.

use ciro_gateway::Client;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The node keeps as much as it may.
    #[error("expected at most {limit} bytes in all, got {got}")]
    Bytes {
        /// The quota.
        limit: u64,
        /// With this blob.
        got: u64,
    },
    /// The node keeps as many as it may.
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
}

#[derive(Debug)]
struct Entry {
    bytes: u64,
    /// Whose quota it burdens. Nobody's once the ledger refers to it.
    client: Option<Client>,
    touched: Instant,
}

/// See the module's documentation. Touches no file.
#[derive(Debug)]
pub(crate) struct Shelf {
    total: u64,
    each: u64,
    count: usize,
    numbers: u64,
    bytes: u64,
    blobs: BTreeMap<String, Entry>,
    clients: BTreeMap<Client, u64>,
}

impl Shelf {
    /// An empty shelf for `total` bytes, `each` of one client, and `count` blobs.
    pub(crate) const fn new(total: u64, each: u64, count: usize) -> Self {
        Self { total, each, count, numbers: 0, bytes: 0, blobs: BTreeMap::new(), clients: BTreeMap::new() }
    }

    /// A number that no upload had before.
    pub(crate) const fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// A blob of the process before. It is nobody's, and as old as this process.
    pub(crate) fn found(&mut self, name: &str, bytes: u64, now: Instant) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.blobs.insert(name.to_string(), Entry { bytes, client: None, touched: now });
    }

    /// Counts bytes that are about to be written.
    pub(crate) fn reserve(&mut self, client: Option<&Client>, bytes: u64) -> Result<(), Full> {
        let got = self.bytes.saturating_add(bytes);
        if got > self.total {
            return Err(Full::Bytes { limit: self.total, got });
        }
        if self.blobs.len() >= self.count {
            return Err(Full::Count { limit: self.count });
        }
        if let Some(client) = client {
            let got = self.clients.get(client).copied().unwrap_or_default().saturating_add(bytes);
            if got > self.each {
                return Err(Full::Client { limit: self.each, got });
            }
            self.clients.insert(client.clone(), got);
        }
        self.bytes = got;
        Ok(())
    }

    /// Takes a reservation back.
    pub(crate) fn release(&mut self, client: Option<&Client>, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.unburden(client, bytes);
    }

    fn unburden(&mut self, client: Option<&Client>, bytes: u64) {
        let Some(client) = client else { return };
        if let Some(burden) = self.clients.get_mut(client) {
            *burden = burden.saturating_sub(bytes);
            if *burden == 0 {
                self.clients.remove(client);
            }
        }
    }

    /// A blob got its name. One that was here already stays whose it was, and is as good as new.
    pub(crate) fn kept(&mut self, name: &str, client: Option<Client>, bytes: u64, now: Instant) {
        if let Some(entry) = self.blobs.get_mut(name) {
            entry.touched = now;
            return;
        }
        self.bytes = self.bytes.saturating_add(bytes);
        if let Some(client) = &client {
            *self.clients.entry(client.clone()).or_default() += bytes;
        }
        self.blobs.insert(name.to_string(), Entry { bytes, client, touched: now });
    }

    /// Names of the blobs that nobody has referred to for `age`. What is referred to burdens nobody any more.
    pub(crate) fn stale(&mut self, now: Instant, age: Duration, refers: impl Fn(&str) -> bool) -> Vec<String> {
        let mut paid_for = Vec::new();
        let mut stale = Vec::new();
        for (name, entry) in &mut self.blobs {
            if refers(name) {
                entry.touched = now;
                paid_for.extend(entry.client.take().map(|client| (client, entry.bytes)));
            } else if now.saturating_duration_since(entry.touched) >= age {
                stale.push(name.clone());
            }
        }
        paid_for.into_iter().for_each(|(client, bytes)| self.unburden(Some(&client), bytes));
        stale
    }

    /// A blob is gone.
    pub(crate) fn removed(&mut self, name: &str) {
        if let Some(entry) = self.blobs.remove(name) {
            self.release(entry.client.as_ref(), entry.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn client(n: u8) -> Client {
        Client::Address(IpAddr::V4(Ipv4Addr::new(10, 0, 0, n)))
    }

    #[test]
    fn a_client_fills_its_own_part_and_gets_it_back() {
        let (mut shelf, now) = (Shelf::new(100, 40, 8), Instant::now());
        assert_eq!(shelf.reserve(Some(&client(1)), 40), Ok(()));
        assert_eq!(shelf.reserve(Some(&client(1)), 1), Err(Full::Client { limit: 40, got: 41 }));
        assert_eq!(shelf.reserve(Some(&client(2)), 40), Ok(()), "another has its own");
        assert_eq!(shelf.reserve(None, 21), Err(Full::Bytes { limit: 100, got: 101 }));
        shelf.release(Some(&client(1)), 40);
        shelf.kept("a", Some(client(1)), 40, now);
        assert_eq!(shelf.reserve(Some(&client(1)), 1), Err(Full::Client { limit: 40, got: 41 }));
        shelf.removed("a");
        assert_eq!(shelf.reserve(Some(&client(1)), 40), Ok(()));
    }

    #[test]
    fn what_the_ledger_refers_to_stays_and_burdens_nobody() {
        let (mut shelf, start) = (Shelf::new(100, 40, 8), Instant::now());
        let age = Duration::from_secs(60);
        for name in ["ordered", "junk"] {
            shelf.reserve(Some(&client(1)), 20).expect("room");
            shelf.release(Some(&client(1)), 20);
            shelf.kept(name, Some(client(1)), 20, start);
        }
        let is_ordered = |name: &str| name == "ordered";
        assert_eq!(shelf.stale(start + age / 2, age, is_ordered), Vec::<String>::new());
        assert_eq!(shelf.reserve(Some(&client(1)), 20), Ok(()), "only the junk is its own now");
        assert_eq!(shelf.stale(start + age, age, is_ordered), ["junk"]);
        assert_eq!(shelf.stale(start + age, age, |_| false), ["junk"], "what was referred to begins to age then");
        assert_eq!(shelf.stale(start + age * 2, age, |_| false), ["junk", "ordered"]);
    }

    #[test]
    fn sending_a_blob_again_renews_it_and_counts_once() {
        let (mut shelf, start) = (Shelf::new(100, 40, 1), Instant::now());
        shelf.kept("a", Some(client(1)), 30, start);
        assert_eq!(shelf.reserve(None, 1), Err(Full::Count { limit: 1 }));
        shelf.kept("a", Some(client(2)), 30, start + Duration::from_secs(5));
        assert_eq!((shelf.bytes, shelf.clients.len()), (30, 1));
        assert!(shelf.stale(start + Duration::from_secs(6), Duration::from_secs(5), |_| false).is_empty());
    }
}
