//! Persistence in files: orders under way, one file each and held by the process that follows it, and turns with a wallet.
//!
//! A file's name begins with what was wished for and ends with the order's own nonce. So two commands with the same
//! wish are two orders. A process holds the lock of its file; the lock ends with the process, however that ends. A
//! file that nobody holds is therefore an order whose command was cut short, and the next command with the same wish
//! goes on with it.

use crate::store::{Held, Orders, Resumed, Turn, Turns, Verdict};
use ciro_types::{Hash32, JobSpec, decode, encode};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Longest stored order, bytes.
const ORDER_BYTES_MAX: usize = 4096;
/// The same for a reader.
const ORDER_BYTES_READ: u64 = 4096;
/// A file that is not whole yet.
const PART: &str = ".part";

/// The folder of the orders.
#[derive(Debug)]
pub struct FileOrders {
    directory: PathBuf,
}

/// An order that this process follows.
#[derive(Debug)]
struct HeldFile {
    path: PathBuf,
    /// Whose lock says that the order is followed.
    _file: File,
}

impl FileOrders {
    /// The folder at `directory`, which need not exist yet.
    #[must_use]
    pub const fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// See [`Orders::take_over`].
    fn take(&self, wish: Hash32, judge: impl Fn(&JobSpec, bool) -> Verdict) -> io::Result<Option<(HeldFile, JobSpec)>> {
        for name in self.names()? {
            let path = self.directory.join(&name);
            let is_wished = name.starts_with(&wish.to_string()) && !name.ends_with(PART);
            // An order for something else is not held while it is looked at: its own command may come for it now.
            let Some(held) = (if is_wished { HeldFile::try_new(&path)? } else { None }) else {
                self.sweep(&path, &judge)?;
                continue;
            };
            let spec = read(&path);
            match spec.as_ref().map_or(Verdict::Remove, |spec| judge(spec, true)) {
                Verdict::Resume => return Ok(spec.map(|spec| (held, spec))),
                Verdict::Keep => {}
                Verdict::Remove => held.remove(),
            }
        }
        Ok(None)
    }

    /// Removes the file at `path` if nobody holds it and nothing can come of it.
    fn sweep(&self, path: &Path, judge: impl Fn(&JobSpec, bool) -> Verdict) -> io::Result<()> {
        let is_part = path.as_os_str().as_encoded_bytes().ends_with(PART.as_bytes());
        let spec = if is_part { None } else { read(path) };
        if spec.is_none_or(|spec| judge(&spec, false) == Verdict::Remove)
            && let Some(held) = HeldFile::try_new(path)?
        {
            held.remove();
        }
        Ok(())
    }

    /// See [`Orders::keep`].
    fn put(&self, wish: Hash32, spec: &JobSpec) -> io::Result<HeldFile> {
        std::fs::create_dir_all(&self.directory)?;
        let path = self.directory.join(format!("{wish}-{:016x}", spec.nonce.0));
        let part = self.directory.join(format!("{wish}-{:016x}{PART}", spec.nonce.0));
        let mut file = held_file(&part)?;
        file.write_all(&encode(spec))?;
        file.sync_all()?;
        std::fs::rename(&part, &path)?;
        File::open(&self.directory)?.sync_all()?;
        Ok(HeldFile { path, _file: file })
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

impl Orders for FileOrders {
    fn take_over(&self, wish: Hash32, judge: &dyn Fn(&JobSpec, bool) -> Verdict) -> io::Result<Option<Resumed>> {
        Ok(match self.take(wish, judge)? {
            Some((held, spec)) => Some((Box::new(held), spec)),
            None => None,
        })
    }

    fn keep(&self, wish: Hash32, spec: &JobSpec) -> io::Result<Box<dyn Held>> {
        Ok(Box::new(self.put(wish, spec)?))
    }

    fn place(&self) -> String {
        self.directory.display().to_string()
    }
}

impl Held for HeldFile {
    fn end(self: Box<Self>) {
        self.remove();
    }
}

impl HeldFile {
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
    fn remove(self) {
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
    File::open(path).ok()?.take(ORDER_BYTES_READ).read_to_end(&mut bytes).ok()?;
    decode(&bytes, ORDER_BYTES_MAX).ok()
}

/// Turns by the locks of two files, which end with the process.
#[derive(Clone, Debug)]
pub struct FileTurns {
    /// Held while somebody signs.
    pub signing: PathBuf,
    /// Held while somebody publishes a model.
    pub publishing: PathBuf,
}

impl Turns for FileTurns {
    fn to_sign(&self) -> Option<Turn> {
        lock(&self.signing)
    }

    fn to_publish(&self) -> Option<Turn> {
        lock(&self.publishing)
    }
}

/// Holds the lock of a file until the file is dropped or the process ends. Where files cannot be locked there are no turns.
fn lock(path: &Path) -> Option<Turn> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).ok()?;
    file.lock().ok()?;
    Some(Box::new(file))
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

    fn orders() -> (TempDir, FileOrders) {
        let directory = tempdir().expect("a directory");
        let orders = FileOrders::new(directory.path().join("orders"));
        (directory, orders)
    }

    fn resume(_: &JobSpec, is_wished: bool) -> Verdict {
        if is_wished { Verdict::Resume } else { Verdict::Keep }
    }

    fn taken(orders: &FileOrders) -> Option<(HeldFile, JobSpec)> {
        orders.take(WISH, resume).expect("readable")
    }

    #[test]
    fn an_order_is_taken_over_once_its_process_has_ended_and_by_one_other() {
        let (_directory, orders) = orders();
        assert!(taken(&orders).is_none());
        let held = orders.put(WISH, &spec(1)).expect("writable");
        assert!(taken(&orders).is_none(), "somebody follows it");
        drop(held);
        let (_first, order) = taken(&orders).expect("nobody follows it");
        assert_eq!(order, spec(1));
        assert!(taken(&orders).is_none(), "the first one follows it now");
    }

    #[test]
    fn equal_wishes_are_orders_of_their_own_and_others_are_left_alone() {
        let (_directory, orders) = orders();
        drop(orders.put(WISH, &spec(1)).expect("writable"));
        drop(orders.put(WISH, &spec(2)).expect("writable"));
        drop(orders.put(Hash32([9; 32]), &spec(3)).expect("writable"));
        let (first, second) = (taken(&orders).expect("one"), taken(&orders).expect("another"));
        assert_eq!((first.1.nonce, second.1.nonce), (Nonce(1), Nonce(2)));
        assert!(taken(&orders).is_none());
        first.0.remove();
        drop(second);
        assert_eq!(taken(&orders).expect("the second").1.nonce, Nonce(2), "the first one has ended");
    }

    #[test]
    fn what_is_damaged_unfinished_or_over_is_removed() {
        let (_directory, orders) = orders();
        drop(orders.put(Hash32([9; 32]), &spec(3)).expect("writable"));
        std::fs::write(orders.directory.join(format!("{WISH}-1")), b"no order").expect("writable");
        std::fs::write(orders.directory.join(format!("{WISH}-2.part")), b"").expect("writable");
        let judge = |spec: &JobSpec, _| if spec.nonce == Nonce(3) { Verdict::Remove } else { Verdict::Resume };
        assert!(orders.take(WISH, judge).expect("readable").is_none());
        assert_eq!(orders.names().expect("readable"), Vec::<String>::new());
    }
}
