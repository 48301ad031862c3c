//! Uploads on their way in, by name. What nobody touches for a while is forgotten, as whoever sent it may be gone.

use crate::blobs::Intake;
use ciro_api::{NodeError, UploadId, UploadKind};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an upload is kept that nobody appends to. Gateways cut slow bodies off much earlier.
const IDLE: Duration = Duration::from_secs(600);

/// See the module's documentation.
#[derive(Default)]
pub struct Uploads {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    open: BTreeMap<UploadId, Upload>,
}

struct Upload {
    kind: UploadKind,
    /// Locked while bytes are written, so that the others are not held up.
    intake: Arc<Mutex<Intake>>,
    touched: Instant,
}

impl Uploads {
    /// Names an upload.
    pub fn open(&self, kind: UploadKind, intake: Intake, now: Instant) -> UploadId {
        let mut inner = self.inner();
        inner.last += 1;
        let id = UploadId(inner.last);
        inner.open.insert(id, Upload { kind, intake: Arc::new(Mutex::new(intake)), touched: now });
        id
    }

    /// Lets `write` append to an upload.
    ///
    /// # Errors
    /// [`NodeError::Invalid`] if no upload has that name; what `write` says.
    pub fn append(
        &self,
        id: UploadId,
        now: Instant,
        write: impl FnOnce(&mut Intake) -> Result<(), NodeError>,
    ) -> Result<(), NodeError> {
        let mut inner = self.inner();
        let upload = inner.open.get_mut(&id).ok_or_else(|| unknown(id))?;
        upload.touched = now;
        let intake = Arc::clone(&upload.intake);
        drop(inner);
        let mut intake = intake.lock().unwrap_or_else(PoisonError::into_inner);
        write(&mut intake)
    }

    /// Gives an upload to whoever keeps or drops it.
    ///
    /// # Errors
    /// [`NodeError::Invalid`] if no upload has that name, or bytes are being written.
    pub fn take(&self, id: UploadId) -> Result<(UploadKind, Intake), NodeError> {
        let upload = self.inner().open.remove(&id).ok_or_else(|| unknown(id))?;
        let intake = Arc::into_inner(upload.intake)
            .ok_or_else(|| NodeError::Invalid { reason: format!("upload {} is being written", id.0) })?;
        Ok((upload.kind, intake.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Forgets an upload, if there is one.
    pub fn abandon(&self, id: UploadId) {
        let gone = self.inner().open.remove(&id);
        // Its file goes when the lock is free again.
        drop(gone);
    }

    /// Forgets what nobody has touched for long.
    pub fn sweep(&self, now: Instant) {
        let is_idle = |upload: &Upload| now.saturating_duration_since(upload.touched) >= IDLE;
        let mut inner = self.inner();
        let idle: Vec<UploadId> = inner.open.iter().filter(|(_, u)| is_idle(u)).map(|(id, _)| *id).collect();
        let gone: Vec<Upload> = idle.iter().filter_map(|id| inner.open.remove(id)).collect();
        drop(inner);
        drop(gone);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown(id: UploadId) -> NodeError {
    NodeError::Invalid { reason: format!("no upload is called {}", id.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::{BlobStore, Kind, Quotas};

    #[test]
    fn an_upload_that_nobody_touches_is_forgotten_with_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = BlobStore::open(folder.path(), &Quotas::default()).expect("opens");
        let files = || walk(folder.path());
        let (uploads, start) = (Uploads::default(), Instant::now());
        let write = |intake: &mut Intake| intake.write(b"bytes").map_err(|_| unknown(UploadId(0)));
        let [kept, idle, abandoned] =
            [(); 3].map(|()| uploads.open(UploadKind::Input, store.intake(Kind::Input, None), start));
        for id in [kept, idle, abandoned] {
            uploads.append(id, start, write).expect("is open");
        }
        assert_eq!(files(), 3);
        uploads.abandon(abandoned);
        assert_eq!((files(), uploads.append(abandoned, start, write)), (2, Err(unknown(abandoned))));
        uploads.append(kept, start + IDLE / 2, write).expect("is open");
        uploads.sweep(start + IDLE);
        assert_eq!((files(), uploads.take(idle).map(drop)), (1, Err(unknown(idle))));
        let (kind, intake) = uploads.take(kept).expect("is open");
        assert_eq!((kind, intake.read_back().expect("is there")), (UploadKind::Input, b"bytesbytes".to_vec()));
    }

    fn walk(folder: &std::path::Path) -> usize {
        let entries = std::fs::read_dir(folder).expect("is readable").map(|entry| entry.expect("is readable").path());
        entries.map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
    }
}
