//! Matches per second at 8,000 workers: 8 flag sets × 7 memory sizes × 11 reputation bands, 400 job shapes.

use ciro_scheduler::{Book, Demand};
use ciro_state::Reputation;
use ciro_types::{AccountId, Amount, CapabilityFlags, Height, LeaseToken, MemoryMib, Offer, Requirements};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::collections::BTreeSet;
use std::hint::black_box;

const WORKERS: u64 = 8_000;
const FLAGS: [u16; 8] = [0, 1, 5, 13, 77, 79, 205, 255];
const MEMORY: [u32; 7] = [4_096, 8_192, 12_288, 24_576, 49_152, 81_920, 147_456];

/// A fixed, well-mixed sequence: the benchmark is the same on every machine.
fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 31)).wrapping_mul(0x7FB5_D329_728E_A185);
    (n ^ (n >> 27)).wrapping_mul(0x81DA_DEF4_BC2D_D44D)
}

fn account(n: u64) -> AccountId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&mix(n).to_be_bytes());
    AccountId(bytes)
}

fn pick<T: Copy>(of: &[T], n: u64) -> T {
    of[usize::try_from(mix(n) % of.len() as u64).unwrap_or(0)]
}

fn offer(n: u64) -> Offer {
    Offer {
        worker: account(n),
        sequence: 1,
        flags: CapabilityFlags(pick(&FLAGS, n * 3)),
        memory: MemoryMib(pick(&MEMORY, n * 5 + 1)),
        price: Amount::ciro(1 + mix(n * 7 + 2) % 20),
        slots: 4,
        expires: Height(u64::MAX),
        label: String::new(),
    }
}

fn book() -> Book {
    let mut book = Book::new();
    for n in 0..WORKERS {
        book.set_reputation(account(n), Reputation(u16::try_from(mix(n * 11 + 3) % 1_001).unwrap_or(0)));
        book.publish(offer(n));
    }
    book
}

fn shapes() -> Vec<Requirements> {
    let shape = |n: u64| Requirements {
        memory: MemoryMib(pick(&MEMORY, n * 13) / 2),
        flags: CapabilityFlags(pick(&FLAGS, n * 17)),
        min_reputation: u16::try_from(mix(n * 19) % 5 * 100).unwrap_or(0),
    };
    (0..400u64).map(shape).collect()
}

/// One match, with its lease taken and an older one given back, as a loaded scheduler does.
fn matching(c: &mut Criterion) {
    let (mut book, shapes, excluded) = (book(), shapes(), BTreeSet::new());
    let mut live = std::collections::VecDeque::new();
    let mut n = 0;
    let mut group = c.benchmark_group("book");
    group.throughput(Throughput::Elements(1));
    group.bench_function("pick/workers=8000", |b| {
        b.iter(|| {
            n += 1;
            let requirements = &shapes[usize::try_from(n % 400).unwrap_or(0)];
            let demand = Demand { requirements, price_cap: Amount::ciro(15), excluded: &excluded, pivot: account(n) };
            if let Some((worker, _)) = black_box(book.pick(&demand)) {
                book.occupy(worker, LeaseToken(n));
                live.push_back((worker, LeaseToken(n)));
            }
            if live.len() > 16_000
                && let Some((worker, token)) = live.pop_front()
            {
                book.vacate(worker, token);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, matching);
criterion_main!(benches);
