//! What each client may ask for. There are three token buckets: for requests by their cost, for bytes of bodies, and
//! for signatures that turn out to be forged. The last is apart: whoever shares an address with a flood of requests is
//! served when it signs.
//!
//! Time comes from the caller, so that tests need no clock. The table is bounded. Clients whose buckets are full again
//! are forgotten. When active ones hold all places, whoever comes next shares the bucket of all strangers.

use crate::limits::Limits;
use ciro_api::Client;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a request costs besides its bytes, in units. One unit is about the work of one read of the state.
#[must_use]
pub fn cost(method: &str, path: &str) -> u64 {
    match (method, path) {
        ("GET", path) if path.ends_with("/receipt") => 8,
        ("GET", "/v1/events") => 8,
        ("GET", "/v1/quote" | "/v1/workers") => 4,
        ("POST", "/v1/models") => 64,
        ("POST", _) => 4,
        _ => 1,
    }
}

/// A bucket that fills at a rate up to a size. Amounts are in thousandths, so that no rate is rounded to nothing.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    level: u128,
    at: Instant,
}

/// Rate and size of a bucket.
#[derive(Clone, Copy, Debug)]
struct Shape {
    per_second: u64,
    size: u64,
}

impl Shape {
    fn full(self, now: Instant) -> Bucket {
        Bucket { level: u128::from(self.size) * 1_000, at: now }
    }
}

impl Bucket {
    fn fill(&mut self, shape: Shape, now: Instant) {
        let earned = now.saturating_duration_since(self.at).as_millis() * u128::from(shape.per_second);
        self.level = (self.level + earned).min(u128::from(shape.size) * 1_000);
        self.at = now;
    }

    /// Takes `amount`, or says how long to wait for it.
    fn take(&mut self, shape: Shape, amount: u64, now: Instant) -> Result<(), Duration> {
        self.fill(shape, now);
        let wanted = u128::from(amount) * 1_000;
        if let Some(rest) = self.level.checked_sub(wanted) {
            self.level = rest;
            return Ok(());
        }
        let missing = (wanted - self.level).div_ceil(u128::from(shape.per_second.max(1)));
        Err(Duration::from_millis(u64::try_from(missing).unwrap_or(u64::MAX)))
    }

    /// Gives back what was taken.
    fn put_back(&mut self, shape: Shape, amount: u64) {
        self.level = (self.level + u128::from(amount) * 1_000).min(u128::from(shape.size) * 1_000);
    }

    const fn is_full(&self, shape: Shape) -> bool {
        self.level >= shape.size as u128 * 1_000
    }
}

#[derive(Clone, Copy, Debug)]
struct Account {
    units: Bucket,
    bytes: Bucket,
    forgeries: Bucket,
}

/// The budgets of all clients.
pub(crate) struct Budgets {
    units: Shape,
    bytes: Shape,
    forgeries: Shape,
    clients: usize,
    accounts: Mutex<BTreeMap<Option<Client>, Account>>,
}

impl Budgets {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            units: Shape { per_second: limits.units_per_second, size: limits.units_burst },
            bytes: Shape { per_second: limits.bytes_per_second, size: limits.bytes_burst },
            forgeries: Shape { per_second: limits.forgeries_per_second, size: limits.forgeries_burst },
            clients: limits.clients,
            accounts: Mutex::new(BTreeMap::new()),
        }
    }

    /// Charges `client` for a request, or says how long it should wait.
    pub(crate) fn spend_units(&self, client: &Client, amount: u64, now: Instant) -> Result<(), Duration> {
        let shape = self.units;
        self.with(client, now, |account| account.units.take(shape, amount, now))
    }

    /// Charges `client` for bytes of a body, or says how long it should wait.
    pub(crate) fn spend_bytes(&self, client: &Client, amount: u64, now: Instant) -> Result<(), Duration> {
        let shape = self.bytes;
        self.with(client, now, |account| account.bytes.take(shape, amount, now))
    }

    /// Charges `client` for a signature before it is checked, or says how long it should wait.
    pub(crate) fn spend_forgery(&self, client: &Client, now: Instant) -> Result<(), Duration> {
        let shape = self.forgeries;
        self.with(client, now, |account| account.forgeries.take(shape, 1, now))
    }

    /// The signature was good.
    pub(crate) fn forgive_forgery(&self, client: &Client, now: Instant) {
        let shape = self.forgeries;
        self.with(client, now, |account| account.forgeries.put_back(shape, 1));
    }

    fn with<T>(&self, client: &Client, now: Instant, change: impl FnOnce(&mut Account) -> T) -> T {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = self.place(&mut accounts, client, now);
        let fresh =
            Account { units: self.units.full(now), bytes: self.bytes.full(now), forgeries: self.forgeries.full(now) };
        change(accounts.entry(key).or_insert(fresh))
    }

    /// Under which name `client` is charged.
    fn place(&self, accounts: &mut BTreeMap<Option<Client>, Account>, client: &Client, now: Instant) -> Option<Client> {
        let key = Some(client.clone());
        if accounts.len() >= self.clients && !accounts.contains_key(&key) {
            accounts.retain(|_, account| {
                account.units.fill(self.units, now);
                account.bytes.fill(self.bytes, now);
                account.forgeries.fill(self.forgeries, now);
                !(account.units.is_full(self.units)
                    && account.bytes.is_full(self.bytes)
                    && account.forgeries.is_full(self.forgeries))
            });
            if accounts.len() >= self.clients {
                return None;
            }
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn client(n: u8) -> Client {
        Client::Address(IpAddr::V4(Ipv4Addr::new(10, 0, 0, n)))
    }

    fn budgets(clients: usize) -> Budgets {
        let limits = Limits::for_descriptors(1_024);
        Budgets::new(&Limits { units_per_second: 10, units_burst: 20, clients, ..limits })
    }

    #[test]
    fn a_client_spends_its_burst_then_its_rate_and_nobody_elses() {
        let (budgets, start) = (budgets(8), Instant::now());
        assert_eq!(budgets.spend_units(&client(1), 20, start), Ok(()));
        assert_eq!(budgets.spend_units(&client(1), 5, start), Err(Duration::from_millis(500)));
        assert_eq!(budgets.spend_units(&client(2), 20, start), Ok(()), "another has its own");
        let later = start + Duration::from_millis(500);
        assert_eq!(budgets.spend_units(&client(1), 5, later), Ok(()));
        assert_eq!(budgets.spend_units(&client(1), 1, later), Err(Duration::from_millis(100)));
        let much_later = start + Duration::from_secs(3_600);
        assert_eq!(
            budgets.spend_units(&client(1), 21, much_later),
            Err(Duration::from_millis(100)),
            "never above the burst"
        );
    }

    #[test]
    fn forged_signatures_are_charged_and_good_ones_are_not() {
        let (budgets, now) = (budgets(8), Instant::now());
        for _ in 0..1_000 {
            assert_eq!(budgets.spend_forgery(&client(1), now), Ok(()));
            budgets.forgive_forgery(&client(1), now);
        }
        assert_eq!((0..1_000).take_while(|_| budgets.spend_forgery(&client(1), now).is_ok()).count(), 500);
        assert_eq!(budgets.spend_forgery(&client(2), now), Ok(()), "another has its own");
        assert_eq!(budgets.spend_units(&client(1), 20, now), Ok(()), "requests are counted apart");
    }

    #[test]
    fn the_table_is_bounded_and_strangers_share_when_it_is_full() {
        let (budgets, start) = (budgets(2), Instant::now());
        for n in 0..2 {
            assert_eq!(budgets.spend_units(&client(n), 20, start), Ok(()));
        }
        assert_eq!(budgets.spend_units(&client(7), 15, start), Ok(()));
        assert!(budgets.spend_units(&client(8), 15, start).is_err(), "it shares with the one before");
        let later = start + Duration::from_secs(10);
        assert_eq!(budgets.spend_units(&client(9), 15, later), Ok(()), "who is quiet gives up its place");
        assert!(budgets.accounts.lock().expect("not poisoned").len() <= 3);
    }
}
