//! An upload on its way into the node.

use crate::error::ApiError;
use crate::gateway::Shared;
use ciro_api::{Client, Command, Done, UploadId, UploadKind};
use std::sync::Arc;
use tokio::runtime::Handle;

/// An upload that the node has made room for. Unless it is kept, nothing of it is left.
pub(crate) struct Uploading {
    gateway: Shared,
    id: UploadId,
    is_open: bool,
}

impl Uploading {
    pub(crate) async fn open(gateway: &Shared, kind: UploadKind, client: &Client) -> Result<Self, ApiError> {
        let done = gateway.command(Command::Open { kind, client: client.clone() }).await?;
        let Done::Opened(id) = done else { return Err(unexpected(&done)) };
        Ok(Self { gateway: gateway.clone(), id, is_open: true })
    }

    pub(crate) async fn append(&self, bytes: Vec<u8>) -> Result<(), ApiError> {
        self.gateway.command(Command::Append { upload: self.id, bytes }).await.map(drop)
    }

    /// Keeps what came. `turn` is given back when that is done, also if nobody waits for it any more.
    pub(crate) async fn keep<T: Send + 'static>(mut self, turn: T) -> Result<Done, ApiError> {
        // The node has it from here on, whatever comes of it.
        self.is_open = false;
        let upload = self.id;
        let kept = self.gateway.with_node(move |node| {
            let kept = node.command(Command::Keep { upload });
            drop(turn);
            Ok(kept?)
        });
        kept.await
    }
}

impl Drop for Uploading {
    fn drop(&mut self) {
        if self.is_open {
            let (node, upload) = (Arc::clone(&self.gateway.node), self.id);
            // A node that does not hear it forgets uploads that nobody touches.
            let abandon = move || drop(node.command(Command::Abandon { upload }));
            // A node elsewhere takes a while to answer, and this thread has others to serve.
            match Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn_blocking(abandon)),
                Err(_) => abandon(),
            }
        }
    }
}

/// A node that answers something else is broken.
pub(crate) fn unexpected(done: &Done) -> ApiError {
    ApiError::unavailable(format!("the node says of an upload: {done:?}"))
}
