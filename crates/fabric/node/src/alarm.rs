//! What an operator is told, and who tells: members that stop by themselves, damage, full disks.

use crate::layout::Layout;
use ciro_queue::Patience;
use ciro_types::chain;
use ciro_validator::Health;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// In a validator's directory after damage was found while it ran: the whole store is looked at before it runs again.
pub const SUSPECT: &str = "suspect";
/// Between two looks for room on a full disk, and after how many the operator is told again.
const ROOM_PAUSE: Duration = Duration::from_millis(500);
const SAID_EVERY: u64 = 120;
/// Something an operator should see.
#[derive(Clone, Debug)]
pub enum Notice {
    /// Something only a bug or a Byzantine majority explains.
    Anomaly {
        /// Which validator saw it.
        validator: usize,
        /// What.
        text: String,
    },
    /// A member stopped by itself. The network is to be stopped: whoever runs it hears of the first one through [`Alarm::new`].
    Failed {
        /// Which member.
        member: String,
        /// Why.
        reason: String,
    },
    /// A validator's disk is full, or has room again.
    Health {
        /// Which validator.
        validator: usize,
        /// How it is now.
        health: Health,
    },
    /// A validator's store was damaged, or too far behind, and was made anew from a peer's.
    Repaired {
        /// Which validator.
        validator: usize,
        /// What was wrong with the old one, which is kept as `store.damaged`.
        reason: String,
    },
    /// The work store waits for room on the disk; no job is handed out meanwhile.
    WorkWaits {
        /// What the disk said.
        reason: String,
    },
    /// The work store was unusable and is being rebuilt from the ledger.
    WorkRebuilt {
        /// What was wrong with it.
        reason: String,
    },
}

/// Where notices go. Called from any thread.
pub type Notify = Arc<dyn Fn(Notice) + Send + Sync>;

/// Tells of members that stopped by themselves, and of damage.
#[derive(Clone)]
pub struct Alarm {
    /// What lies where.
    pub layout: Layout,
    /// Where notices go.
    pub notify: Notify,
    /// How the followed validator is.
    pub health: Arc<watch::Sender<Health>>,
    failed: Arc<watch::Sender<Option<String>>>,
    /// Whether the process is stopping: then nobody waits for room any more.
    pub is_stopping: Arc<AtomicBool>,
}

impl Alarm {
    /// An alarm, and where the first failure of a member is told.
    #[must_use]
    pub fn new(layout: &Layout, notify: &Notify) -> (Self, watch::Receiver<Option<String>>) {
        let (failed, failure) = watch::channel(None);
        let health = Arc::new(watch::Sender::new(Health::Well));
        let (layout, notify, failed) = (layout.clone(), Arc::clone(notify), Arc::new(failed));
        (Self { layout, notify, health, failed, is_stopping: Arc::default() }, failure)
    }

    /// The followed validator's store gave back what was not written.
    pub fn damaged(&self, error: &dyn std::error::Error) {
        let reason = chain(error);
        suspect(&self.layout.validator(0), &reason);
        self.failed("validator 0", &reason);
    }

    /// A member stopped by itself.
    pub fn failed(&self, member: &str, reason: &str) {
        (self.notify)(Notice::Failed { member: member.into(), reason: reason.into() });
        self.failed.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(format!("{member} stopped: {reason}"));
            is_first
        });
    }

    /// What the work store does about a full disk: it says so, and tries again until there is room or the network stops.
    #[must_use]
    pub fn patience(&self) -> Patience {
        let (notify, is_stopping) = (Arc::clone(&self.notify), Arc::clone(&self.is_stopping));
        let said = AtomicU64::new(0);
        Arc::new(move |error| {
            if said.fetch_add(1, Ordering::Relaxed).is_multiple_of(SAID_EVERY) {
                notify(Notice::WorkWaits { reason: error.to_string() });
            }
            std::thread::sleep(ROOM_PAUSE);
            !is_stopping.load(Ordering::Relaxed)
        })
    }

    /// Runs a member to its end. A panic is a failure like any other.
    pub fn watch(&self, member: &str, run: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            self.failed(member, &format!("panic: {}", words(panic.as_ref())));
        }
    }
}

/// Notes that the store of `directory` gave back what was not written, whoever is told besides.
pub fn suspect(directory: &Path, reason: &str) {
    // A disk that is damaged may refuse this as well; the reason is printed in any case.
    let _ = std::fs::write(directory.join(SUSPECT), reason);
}

/// What a panic said.
#[must_use]
pub fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".into())
}
