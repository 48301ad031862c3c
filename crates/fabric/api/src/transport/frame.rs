//! Messages in a stream of bytes: four bytes of length in little-endian order, and as many of a message.

use crate::wire::{Message, MessageError};
use std::io::{self, ErrorKind, Read, Write};

/// Longest message, bytes: an upload comes in pieces, and a page of events holds blocks whole.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// Why nothing comes out of a stream, or goes into it.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream broke.
    #[error("the stream broke: {0}")]
    Io(#[from] io::Error),
    /// The frame is longer than a message may be.
    #[error("expected a message of at most {MESSAGE_BYTES_MAX} bytes, got {got}")]
    TooLong {
        /// Its length.
        got: usize,
    },
    /// The frame holds no message.
    #[error(transparent)]
    Message(#[from] MessageError),
}

/// Reads messages.
pub struct Reader<R>(R);

/// Writes messages.
pub struct Writer<W>(W);

impl<R: Read> Reader<R> {
    /// Reads from this stream.
    pub const fn new(stream: R) -> Self {
        Self(stream)
    }

    /// The next message; `None` once the other side has closed the stream between two.
    ///
    /// # Errors
    /// [`FrameError`]. Nothing that follows can be read then.
    pub fn receive(&mut self) -> Result<Option<Message>, FrameError> {
        let Some(first) = self.first()? else { return Ok(None) };
        let mut rest = [0; 3];
        self.0.read_exact(&mut rest)?;
        let [second, third, fourth] = rest;
        let length = u32::from_le_bytes([first, second, third, fourth]);
        let got = usize::try_from(length).unwrap_or(usize::MAX);
        if got > MESSAGE_BYTES_MAX {
            return Err(FrameError::TooLong { got });
        }
        // As long as what came, not as long as what was announced.
        let mut bytes = Vec::new();
        (&mut self.0).take(u64::from(length)).read_to_end(&mut bytes)?;
        Ok(Some(Message::from_bytes(&bytes, MESSAGE_BYTES_MAX)?))
    }
}

impl<R: Read> Reader<R> {
    /// The first byte of a frame; `None` where the stream ends before it.
    fn first(&mut self) -> io::Result<Option<u8>> {
        let mut first = [0];
        loop {
            match self.0.read(&mut first) {
                Ok(0) => return Ok(None),
                Ok(_) => return Ok(Some(first[0])),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}

impl<W: Write> Writer<W> {
    /// Writes to this stream.
    pub const fn new(stream: W) -> Self {
        Self(stream)
    }

    /// Writes a message, whole.
    ///
    /// # Errors
    /// [`FrameError`].
    pub fn send(&mut self, message: &Message) -> Result<(), FrameError> {
        let bytes = message.to_bytes();
        let too_long = FrameError::TooLong { got: bytes.len() };
        let Some(length) = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= MESSAGE_BYTES_MAX) else {
            return Err(too_long);
        };
        self.0.write_all(&length.to_le_bytes())?;
        self.0.write_all(&bytes)?;
        Ok(self.0.flush()?)
    }
}
