//! What costs time, eight or more lanes at once and on every core.
//!
//! Field operations are exact, so a kernel gives the same elements in whatever order it adds and with however many threads: proof
//! bytes depend on neither. Each kernel has a plain twin in its tests.
//!
//! | module | what it computes |
//! |---|---|
//! | [`arena`] | buffers that outlive a proof |
//! | [`blake`] | Blake2s of eight messages |
//! | [`code`] | Reed-Solomon codewords |
//! | [`merkle`] | trees over the rows of a codeword |

pub mod arena;
pub mod blake;
pub mod code;
pub mod merkle;
