//! Streams of bytes within one process.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};

/// One end of a pipe: bytes come out.
pub struct PipeReader {
    pieces: Receiver<Vec<u8>>,
    rest: Vec<u8>,
    /// How much of `rest` has been read.
    at: usize,
}

/// The other end: bytes go in. It never waits, so whoever writes bounds what is under way.
pub struct PipeWriter(Sender<Vec<u8>>);

/// A pipe that is closed once its writer is gone.
#[must_use]
pub fn pipe() -> (PipeReader, PipeWriter) {
    let (sender, pieces) = channel();
    (PipeReader { pieces, rest: Vec::new(), at: 0 }, PipeWriter(sender))
}

impl Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.rest.len() {
            let Ok(piece) = self.pieces.recv() else { return Ok(0) };
            (self.rest, self.at) = (piece, 0);
        }
        let read = (&self.rest[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
