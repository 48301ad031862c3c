//! Orders under way: one file each, held by the process that follows it.
//!
//! A file's name begins with what was wished for and ends with the order's own nonce. So two commands with the same
//! wish are two orders. A process holds the lock of its file; the lock ends with the process, however that ends. A
//! file that nobody holds is therefore an order whose command was cut short, and the next command with the same wish
//! goes on with it.

use ciro_types::{Hash32, JobSpec, decode, encode};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Longest stored order, bytes.
const ORDER_BYTES_MAX: usize = 4096;
/// A file that is not whole yet.
const PART: &str = ".part";

/// The folder of the orders.
pub(crate) struct Orders {
    directory: PathBuf,
}

/// An order that this process follows.
#[derive(Debug)]
pub(crate) struct Held {
    path: PathBuf,
    /// Whose lock says that the order is followed.
    _file: File,
}

/// What to do with the order of a command that was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on with it.
    Resume,
    /// Leave it to another command.
    Keep,
    /// Nothing can come of it any more.
    Remove,
}

impl Orders {
    /// The folder at `directory`, which need not exist yet.
    pub(crate) const fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Takes the first order for `wish` that nobody follows and that `judge` resumes. On the way it removes what `judge` removes, and
    /// what is damaged or was never whole. `judge` is told whether an order is for `wish`.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub(crate) fn take_over(
        &self,
        wish: Hash32,
        judge: impl Fn(&JobSpec, bool) -> Verdict,
    ) -> io::Result<Option<(Held, JobSpec)>> {
        for name in self.names()? {
            let path = self.directory.join(&name);
            let is_wished = name.starts_with(&wish.to_string()) && !name.ends_with(PART);
            // An order for something else is not held while it is looked at: its own command may come for it now.
            let Some(held) = (if is_wished { Held::try_new(&path)? } else { None }) else {
                self.sweep(&path, &judge)?;
                continue;
            };
            let spec = read(&path);
            match spec.as_ref().map_or(Verdict::Remove, |spec| judge(spec, true)) {
                Verdict::Resume => return Ok(spec.map(|spec| (held, spec))),
                Verdict::Keep => {}
                Verdict::Remove => held.end(),
            }
        }
        Ok(None)
    }

    /// Removes the file at `path` if nobody holds it and nothing can come of it.
    fn sweep(&self, path: &Path, judge: impl Fn(&JobSpec, bool) -> Verdict) -> io::Result<()> {
        let is_part = path.as_os_str().as_encoded_bytes().ends_with(PART.as_bytes());
        let spec = if is_part { None } else { read(path) };
        if spec.is_none_or(|spec| judge(&spec, false) == Verdict::Remove)
            && let Some(held) = Held::try_new(path)?
        {
            held.end();
        }
        Ok(())
    }

    /// Keeps a new order, whole and held from the moment it can be seen.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub(crate) fn keep(&self, wish: Hash32, spec: &JobSpec) -> io::Result<Held> {
        std::fs::create_dir_all(&self.directory)?;
        let path = self.directory.join(format!("{wish}-{:016x}", spec.nonce.0));
        let part = self.directory.join(format!("{wish}-{:016x}{PART}", spec.nonce.0));
        let mut file = held_file(&part)?;
        file.write_all(&encode(spec))?;
        file.sync_all()?;
        std::fs::rename(&part, &path)?;
        File::open(&self.directory)?.sync_all()?;
        Ok(Held { path, _file: file })
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.directory) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }
}

impl Held {
    /// Takes the file at `path` unless another process holds it, or has just removed it.
    fn try_new(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let is_ours = file.try_lock().is_ok() && file.metadata()?.nlink() > 0;
        Ok(is_ours.then(|| Self { path: path.to_path_buf(), _file: file }))
    }

    /// The order has ended: a new one for the same thing is a new job.
    pub(crate) fn end(self) {
        // A file that stays behind names a job that has ended, whose receipt is then handed over again.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A new file that nobody else removes.
fn held_file(path: &Path) -> io::Result<File> {
    loop {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        // Where files cannot be locked, orders that are cut short are not resumed.
        let _ = file.lock();
        // Another command may have swept it away before it was locked.
        if file.metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// The order in a file; none if the file is damaged.
fn read(path: &Path) -> Option<JobSpec> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(ORDER_BYTES_MAX as u64).read_to_end(&mut bytes).ok()?;
    decode(&bytes, ORDER_BYTES_MAX).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_types::{AccountId, Amount, Assurance, ChainId, Height, JobType, ModelId, Nonce, Requirements};
    use tempfile::{TempDir, tempdir};

    const WISH: Hash32 = Hash32([1; 32]);

    fn spec(nonce: u64) -> JobSpec {
        JobSpec {
            chain: ChainId([1; 32]),
            client: AccountId([2; 32]),
            nonce: Nonce(nonce),
            job_type: JobType::AIInference,
            model: ModelId([3; 32]),
            input: Hash32([4; 32]),
            assurance: Assurance::A4,
            max_price: Amount::ciro(1),
            deadline: Height(9),
            requirements: Requirements::default(),
        }
    }

    fn orders() -> (TempDir, Orders) {
        let directory = tempdir().expect("a directory");
        let orders = Orders::new(directory.path().join("orders"));
        (directory, orders)
    }

    fn resume(_: &JobSpec, is_wished: bool) -> Verdict {
        if is_wished { Verdict::Resume } else { Verdict::Keep }
    }

    fn taken(orders: &Orders) -> Option<(Held, JobSpec)> {
        orders.take_over(WISH, resume).expect("readable")
    }

    #[test]
    fn an_order_is_taken_over_once_its_process_has_ended_and_by_one_other() {
        let (_directory, orders) = orders();
        assert!(taken(&orders).is_none());
        let held = orders.keep(WISH, &spec(1)).expect("writable");
        assert!(taken(&orders).is_none(), "somebody follows it");
        drop(held);
        let (_first, order) = taken(&orders).expect("nobody follows it");
        assert_eq!(order, spec(1));
        assert!(taken(&orders).is_none(), "the first one follows it now");
    }

    #[test]
    fn equal_wishes_are_orders_of_their_own_and_others_are_left_alone() {
        let (_directory, orders) = orders();
        drop(orders.keep(WISH, &spec(1)).expect("writable"));
        drop(orders.keep(WISH, &spec(2)).expect("writable"));
        drop(orders.keep(Hash32([9; 32]), &spec(3)).expect("writable"));
        let (first, second) = (taken(&orders).expect("one"), taken(&orders).expect("another"));
        assert_eq!((first.1.nonce, second.1.nonce), (Nonce(1), Nonce(2)));
        assert!(taken(&orders).is_none());
        first.0.end();
        drop(second);
        assert_eq!(taken(&orders).expect("the second").1.nonce, Nonce(2), "the first one has ended");
    }

    #[test]
    fn what_is_damaged_unfinished_or_over_is_removed() {
        let (_directory, orders) = orders();
        drop(orders.keep(Hash32([9; 32]), &spec(3)).expect("writable"));
        std::fs::write(orders.directory.join(format!("{WISH}-1")), b"no order").expect("writable");
        std::fs::write(orders.directory.join(format!("{WISH}-2.part")), b"").expect("writable");
        let judge = |spec: &JobSpec, _| if spec.nonce == Nonce(3) { Verdict::Remove } else { Verdict::Resume };
        assert!(orders.take_over(WISH, judge).expect("readable").is_none());
        assert_eq!(orders.names().expect("readable"), Vec::<String>::new());
    }
}
