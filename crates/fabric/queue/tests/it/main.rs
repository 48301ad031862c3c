//! Tests of the job log: laws over the trait, and what each backend adds.

mod crash;
mod embedded;
mod event_file;
mod laws;
mod log_laws;
mod log_reading;
