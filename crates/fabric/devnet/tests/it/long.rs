//! What a network costs its machine over many jobs, and while it idles. On demand, since it takes minutes to hours:
//!
//! `JOBS=20000 cargo test --release -p ciro-devnet --test it -- --ignored --nocapture long::`

use crate::jobs::{Client, raw, start_with};
use ciro_api::{Status, Until};
use ciro_devnet::Options;
use ciro_node::Notify;
use ciro_state::{Action, JobAction, JobStatus, SignedTx, TxBody, job_id};
use ciro_types::{Amount, Assurance, Hash32, JobId, JobSpec, JobType, ModelId, Nonce, Requirements};
use ciro_validator::Retention;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most memory of a whole local network, MiB.
const MEMORY_MIB: u64 = 400;
/// Most of one core that an idle network uses, percent.
const IDLE_PERCENT: u64 = 2;
/// Orders under way at once.
const BATCH: u64 = 64;
/// Blocks kept whole here: the window passes many times.
const WINDOW: u64 = 500;

/// Resident memory of this process, MiB.
fn memory_mib() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("a Linux machine");
    let resident: u64 = pages.split(' ').nth(1).and_then(|text| text.parse().ok()).expect("pages");
    (resident * 4096) >> 20
}

/// Processor time of this process, hundredths of a second.
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("a Linux machine");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
    fields[11..13].iter().map(|text| text.parse::<u64>().expect("ticks")).sum()
}

fn disk_bytes(root: &Path) -> u64 {
    let store = |n: usize| ciro_node::Layout::new(root).validator(n).join("store.redb");
    (0..4).map(|n| std::fs::metadata(store(n)).expect("its store").len()).max().expect("four")
}

impl Client {
    /// Orders jobs at once and waits until all are settled.
    fn batch(&self, model: ModelId, input: Hash32, first: u64) {
        let sender = self.key.account();
        let (Status { chain, height, .. }, nonce) = (self.network(), self.account(sender).nonce);
        let spec = |n: u64| JobSpec {
            chain,
            client: sender,
            nonce: Nonce(first + n),
            job_type: JobType::AIInference,
            model,
            input,
            assurance: if n.is_multiple_of(4) { Assurance::A0 } else { Assurance::A4 },
            max_price: Amount::ciro(5),
            deadline: height.plus(600),
            requirements: Requirements::default(),
        };
        // One after the other: few nonces may wait ahead of the account's own.
        for n in 0..BATCH {
            let body = TxBody {
                chain,
                sender,
                nonce: Nonce(nonce.0 + n),
                action: Action::Job(JobAction::Submit { spec: spec(n) }),
            };
            self.submit(SignedTx::sign(body, &self.key), Until::Waiting).expect("orders");
        }
        let committed = |client: &Self| client.account(sender).nonce.0 >= nonce.0 + BATCH;
        self.wait("the orders", || committed(self).then_some(()));
        for job in (0..BATCH).map(|n| job_id(&spec(n))) {
            self.wait("the settlement", || self.is_settled(job).then_some(()));
        }
    }

    fn is_settled(&self, job: JobId) -> bool {
        // A row that is gone was settled long ago.
        self.status(job) != Some(JobStatus::Open)
    }
}

#[test]
#[ignore = "takes minutes to hours"]
fn long_memory_and_disk_stay_flat_over_many_jobs() {
    let jobs: u64 = std::env::var("JOBS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let directory = tempfile::tempdir().expect("a directory");
    let notify: Notify = Arc::new(|notice| eprintln!("{notice:?}"));
    let options = Options { retention: Retention::Blocks(WINDOW) };
    let (_network, client) = start_with(directory.path(), options, &notify);
    let model = client.register();
    let input = client.put_input(&raw([5.0, 2.0]));
    let (mut done, mut next_report, mut first) = (0, 1_000, None);
    let started = Instant::now();
    while done < jobs {
        client.batch(model, input, done);
        done += BATCH;
        if done >= next_report {
            let (memory, disk) = (memory_mib(), disk_bytes(directory.path()));
            let height = client.network().height;
            let per_job = first.map_or(0, |(jobs, bytes)| disk.saturating_sub(bytes) / (done - jobs));
            eprintln!(
                "{done} jobs, {} s, height {height}: {memory} MiB of memory; store {} KiB, {per_job} B a job since the window",
                started.elapsed().as_secs(),
                disk >> 10
            );
            if height.0 > 2 * WINDOW {
                first.get_or_insert((done, disk));
            }
            assert!(memory <= MEMORY_MIB, "{memory} MiB after {done} jobs");
            next_report = done + 1_000.max(done / 4);
        }
    }
}

#[test]
#[ignore = "takes a minute, and the machine to itself"]
fn long_an_idle_network_uses_little_of_a_core() {
    let directory = tempfile::tempdir().expect("a directory");
    let notify: Notify = Arc::new(|notice| eprintln!("{notice:?}"));
    let (_network, _client) = start_with(directory.path(), Options::default(), &notify);
    std::thread::sleep(Duration::from_secs(5));
    let (before, started) = (ticks(), Instant::now());
    std::thread::sleep(Duration::from_secs(60));
    let percent = (ticks() - before) as f64 / started.elapsed().as_secs_f64();
    eprintln!("{percent:.2} % of a core, {} MiB", memory_mib());
    assert!(percent <= IDLE_PERCENT as f64, "{percent:.2} %");
}
