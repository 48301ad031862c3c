//! Who is connected, and who has to leave when there is no room.
//!
//! A connection that its client keeps waiting is never in the way of another. When all places are taken, the one that
//! has kept us waiting longest is closed, and its place is given away. A client that is being served keeps its place.
//! So filling a gateway with idle connections, half heads, slow bodies or readers that do not read costs the attacker
//! its own connections.

use crate::limits::Limits;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What a connection is doing. Those that come first leave first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The client is to send the head of a request: it is idle, or slow.
    Head { since: Instant, is_begun: bool },
    /// The client is to take the answer.
    Stalled { since: Instant },
    /// The client is sending a body.
    Body { since: Instant, received: u64 },
    /// The gateway is at work for it.
    Work,
}

/// How dispensable a connection is: greater leaves first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Dispensable {
    /// A body: the slower, the more dispensable. Milliseconds per mebibyte.
    Slow(u128),
    /// A head or an answer: the longer it takes, the more dispensable.
    Waiting(Duration),
}

/// A body younger than this has no pace yet.
const YOUNG: Duration = Duration::from_millis(500);

/// One connection's place.
pub(crate) struct Seat {
    address: IpAddr,
    phase: Mutex<Phase>,
    leave: Notify,
    /// Set once the client has kept the gateway waiting for too long.
    is_slow: AtomicBool,
}

impl Seat {
    /// Resolves when the connection must be closed.
    pub(crate) async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }

    /// The client has kept the gateway waiting for too long.
    pub(crate) fn gave_up(&self) {
        self.is_slow.store(true, Ordering::Relaxed);
    }

    /// Whether the gateway gave it up.
    pub(crate) fn is_slow(&self) -> bool {
        self.is_slow.load(Ordering::Relaxed)
    }

    /// The client may send its next request.
    pub(crate) fn awaiting_head(&self, now: Instant) {
        self.set(Phase::Head { since: now, is_begun: false });
    }

    /// Bytes came. Returns nothing; a head that has begun and does not end is answered before it is closed.
    pub(crate) fn heard(&self) {
        let mut phase = self.lock();
        if let Phase::Head { is_begun, .. } = &mut *phase {
            *is_begun = true;
        }
    }

    /// A body is being read.
    pub(crate) fn receiving(&self, received: u64, since: Instant) {
        self.set(Phase::Body { since, received });
    }

    /// The gateway has everything it needs.
    pub(crate) fn at_work(&self) {
        self.set(Phase::Work);
    }

    /// The client does not take its answer, or takes it again.
    pub(crate) fn stalled(&self, since: Option<Instant>) {
        let mut phase = self.lock();
        match (*phase, since) {
            (Phase::Work, Some(since)) => *phase = Phase::Stalled { since },
            (Phase::Stalled { .. }, None) => *phase = Phase::Work,
            // Heads and bodies are what is waited for then.
            (Phase::Work | Phase::Stalled { .. } | Phase::Head { .. } | Phase::Body { .. }, _) => {}
        }
    }

    /// Since when a head is awaited, and whether it has begun. `None` in any other phase.
    pub(crate) fn head(&self) -> Option<(Instant, bool)> {
        match *self.lock() {
            Phase::Head { since, is_begun } => Some((since, is_begun)),
            Phase::Stalled { .. } | Phase::Body { .. } | Phase::Work => None,
        }
    }

    fn dispensable(&self, now: Instant) -> Option<Dispensable> {
        match *self.lock() {
            Phase::Head { since, .. } | Phase::Stalled { since } => {
                Some(Dispensable::Waiting(now.saturating_duration_since(since)))
            }
            Phase::Body { since, received } => {
                let age = now.saturating_duration_since(since);
                let pace = age.as_millis() * (1 << 20) / u128::from(received.max(1));
                (age >= YOUNG).then_some(Dispensable::Slow(pace))
            }
            Phase::Work => None,
        }
    }

    fn set(&self, phase: Phase) {
        *self.lock() = phase;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Seats {
    next: u64,
    taken: BTreeMap<u64, Arc<Seat>>,
}

/// All places of a gateway.
pub(crate) struct Hall {
    total: usize,
    each: usize,
    seats: Mutex<Seats>,
}

/// A connection with a place, until it is dropped.
pub(crate) struct Guest {
    hall: Arc<Hall>,
    number: u64,
    pub(crate) seat: Arc<Seat>,
}

impl Hall {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        let (total, each) = (limits.connections, limits.connections_per_address);
        Arc::new(Self { total, each, seats: Mutex::default() })
    }

    /// A place for a connection from `address`. `None` if all that could be taken away are being served.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr, now: Instant) -> Option<Guest> {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if seats.taken.values().filter(|seat| seat.address == address).count() >= self.each {
            seats.clear_one(now, |seat| seat.address == address)?;
        }
        if seats.taken.len() >= self.total {
            seats.clear_one(now, |_| true)?;
        }
        let number = seats.next;
        seats.next += 1;
        let phase = Mutex::new(Phase::Head { since: now, is_begun: false });
        let seat = Arc::new(Seat { address, phase, leave: Notify::new(), is_slow: AtomicBool::new(false) });
        seats.taken.insert(number, Arc::clone(&seat));
        drop(seats);
        Some(Guest { hall: Arc::clone(self), number, seat })
    }

    /// Closes the most dispensable connection, for want of descriptors.
    pub(crate) fn clear_one(&self, now: Instant) {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        // With nobody to send away, the want passes when somebody is served.
        let _ = seats.clear_one(now, |_| true);
    }
}

impl Seats {
    fn clear_one(&mut self, now: Instant, may_leave: impl Fn(&Seat) -> bool) -> Option<()> {
        let candidates = self.taken.iter().filter(|(_, seat)| may_leave(seat));
        let ranked = candidates.filter_map(|(number, seat)| Some((seat.dispensable(now)?, *number)));
        let (_, number) = ranked.max_by_key(|(rank, number)| (*rank, std::cmp::Reverse(*number)))?;
        let seat = self.taken.remove(&number)?;
        seat.leave.notify_one();
        Some(())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.hall.seats.lock().unwrap_or_else(PoisonError::into_inner).taken.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(n: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, n))
    }

    fn hall(connections: usize, connections_per_address: usize) -> Arc<Hall> {
        Hall::new(&Limits { connections, connections_per_address, ..Limits::for_descriptors(1_024) })
    }

    fn has_to_leave(guest: &Guest) -> bool {
        !guest.hall.seats.lock().expect("not poisoned").taken.contains_key(&guest.number)
    }

    #[test]
    fn whoever_keeps_the_gateway_waiting_longest_leaves_first() {
        let (hall, start) = (hall(3, 3), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let old = hall.admit(address(1), at(0)).expect("room");
        let idle = hall.admit(address(1), at(1)).expect("room");
        let served = hall.admit(address(1), at(2)).expect("room");
        served.seat.at_work();
        old.seat.awaiting_head(at(5));
        let _new = hall.admit(address(2), at(9)).expect("the idle one's place");
        assert_eq!([&old, &idle, &served].map(has_to_leave), [false, true, false]);
    }

    #[test]
    fn bodies_leave_after_heads_and_the_slowest_first() {
        let (hall, start) = (hall(3, 3), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let bodies: Vec<_> = [900_000, 90, 900]
            .map(|received| {
                let guest = hall.admit(address(1), start).expect("room");
                guest.seat.receiving(received, start);
                guest
            })
            .into();
        assert!(hall.admit(address(2), at(1)).is_none(), "young bodies have no pace yet");
        let head = hall.admit(address(2), at(1_000)).expect("the slowest body's place");
        assert_eq!(bodies.iter().map(has_to_leave).collect::<Vec<_>>(), [false, true, false]);
        let _next = hall.admit(address(3), at(1_001)).expect("the head's place");
        assert!(has_to_leave(&head));
    }

    #[test]
    fn nobody_is_sent_away_while_it_is_served() {
        let (hall, start) = (hall(2, 2), Instant::now());
        let guests = [hall.admit(address(1), start), hall.admit(address(1), start)].map(|guest| guest.expect("room"));
        guests.iter().for_each(|guest| guest.seat.at_work());
        assert!(hall.admit(address(2), start + Duration::from_secs(60)).is_none());
        guests[0].seat.stalled(Some(start));
        assert!(
            hall.admit(address(2), start + Duration::from_secs(60)).is_some(),
            "one that does not read its answer is"
        );
    }

    #[test]
    fn an_address_takes_places_from_itself_only() {
        let (hall, start) = (hall(4, 2), Instant::now());
        let other = hall.admit(address(9), start).expect("room");
        let mine: Vec<_> =
            (1..=3).map(|n| hall.admit(address(1), start + Duration::from_millis(n)).expect("room")).collect();
        assert_eq!((has_to_leave(&other), mine.iter().map(has_to_leave).collect()), (false, vec![true, false, false]));
    }
}
