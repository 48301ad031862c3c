//! What a client may take of the gateway: every limit, with its number and the reason for it.
//!
//! Connections are derived from the descriptors of the process: what the node itself opens must always find one, however
//! many clients come. The shares of waiting submissions and event streams follow from the connections, because each holds one.

use std::time::Duration;

/// Descriptors that stay free for the node: its databases and logs, and one for each blocking question at work.
pub const RESERVED_DESCRIPTORS: usize = 128;
/// More connections than this need no more descriptors: the executor would be the limit.
const CONNECTIONS_MAX: usize = 1_024;
/// Fewer than this cannot serve a person and a program at once.
const CONNECTIONS_MIN: usize = 4;

/// The limits of one gateway. See [`Limits::for_descriptors`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Connections of one address.
    pub connections_per_address: usize,
    /// From the moment a connection is free to the end of a request's head; also how long an idle connection lives.
    pub head_patience: Duration,
    /// Longest request head, bytes.
    pub head_bytes: usize,
    /// For how long a body may keep the gateway waiting before its bytes have earned it time.
    pub body_grace: Duration,
    /// Bytes that earn a body a second.
    pub body_rate: u64,
    /// The most time that bytes earn in advance: a body that came fast and stops is dropped after it.
    pub body_credit: Duration,
    /// Bytes per second from which on a body is not dropped for one of a client that sends none yet.
    pub body_brisk: u64,
    /// Bytes of long bodies in memory, in all; what is streamed to the node is not counted.
    pub body_memory: usize,
    /// How long a client may refuse to take a single byte of its answer.
    pub stall_patience: Duration,
    /// Questions to the node that run at once, each on a thread; more wait in line.
    pub questions: usize,
    /// Submissions that wait for their block, in all.
    pub waiting: usize,
    /// Submissions of one account that wait for their block.
    pub waiting_per_account: usize,
    /// How long a submission waits for its block.
    pub commit_patience: Duration,
    /// Event streams in all.
    pub streams: usize,
    /// Event streams of one client.
    pub streams_per_client: usize,
    /// How long an event may wait for a slow reader before its stream ends.
    pub lag_patience: Duration,
    /// Uploads under way, in all; each holds [`Limits::upload_buffer`] bytes.
    pub uploads: usize,
    /// Uploads under way of one client.
    pub uploads_per_client: usize,
    /// Bytes of an upload in memory.
    pub upload_buffer: usize,
    /// Models that are checked and committed to at once: each takes memory many times its size.
    pub models_at_work: usize,
    /// Units that a client earns per second; `budget::cost` says what requests cost.
    pub units_per_second: u64,
    /// Units that a client that was quiet may spend at once.
    pub units_burst: u64,
    /// Forged signatures that an address may send per second. Each takes a question to the node and a check.
    pub forgeries_per_second: u64,
    /// Forged signatures that an address may send at once; signed requests whose signatures are being checked count too.
    pub forgeries_burst: u64,
    /// Bytes of bodies that a client earns per second.
    pub bytes_per_second: u64,
    /// Bytes of bodies that a client that was quiet may send at once: the largest model.
    pub bytes_burst: u64,
    /// Clients whose budgets are remembered; all others share one.
    pub clients: usize,
}

impl Limits {
    /// The limits of a process that may open `descriptors` files.
    #[must_use]
    pub fn for_descriptors(descriptors: usize) -> Self {
        // A process that is kept that short gives its clients a quarter: the rest is the node's.
        let connections = descriptors
            .saturating_sub(RESERVED_DESCRIPTORS)
            .max(descriptors / 4)
            .clamp(CONNECTIONS_MIN, CONNECTIONS_MAX);
        Self {
            connections,
            connections_per_address: connections * 3 / 4,
            waiting: connections / 2,
            waiting_per_account: (connections / 4).clamp(1, 128),
            streams: connections / 4,
            streams_per_client: (connections / 8).clamp(1, 16),
            uploads: (connections / 4).clamp(1, 64),
            uploads_per_client: (connections / 8).clamp(1, 32),
            ..Self::fixed()
        }
    }

    /// The limits of this process, from its soft limit of open files.
    #[must_use]
    pub fn of_this_process() -> Self {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        Self::for_descriptors(limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)))
    }

    /// What does not depend on descriptors.
    const fn fixed() -> Self {
        Self {
            connections: 0,
            connections_per_address: 0,
            head_patience: Duration::from_secs(10),
            head_bytes: 16 << 10,
            body_grace: Duration::from_secs(10),
            body_rate: 64 << 10,
            body_credit: Duration::from_secs(2),
            body_brisk: 512 << 10,
            body_memory: 64 << 20,
            stall_patience: Duration::from_secs(20),
            questions: 32,
            waiting: 0,
            waiting_per_account: 0,
            commit_patience: Duration::from_secs(15),
            streams: 0,
            streams_per_client: 0,
            lag_patience: Duration::from_secs(10),
            uploads: 0,
            uploads_per_client: 0,
            upload_buffer: 256 << 10,
            models_at_work: 1,
            units_per_second: 2_000,
            units_burst: 4_000,
            forgeries_per_second: 50,
            forgeries_burst: 500,
            bytes_per_second: 32 << 20,
            bytes_burst: 320 << 20,
            clients: 4_096,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_keeps_its_descriptors_however_few_there_are() {
        for descriptors in [64, 256, 1_024, 4_096, usize::MAX] {
            let limits = Limits::for_descriptors(descriptors);

            assert!(descriptors - limits.connections >= RESERVED_DESCRIPTORS.min(descriptors / 4 * 3), "{descriptors}");
            assert!(limits.waiting + limits.streams <= limits.connections * 3 / 4, "{descriptors}");
            assert!(limits.waiting_per_account >= 1 && limits.streams_per_client >= 1);
        }
    }

    #[test]
    fn the_largest_model_fits_into_the_budget_of_a_client_that_was_quiet() {
        assert!(Limits::for_descriptors(1_024).bytes_burst >= crate::gateway::BODY_BYTES_MAX as u64);
    }
}
