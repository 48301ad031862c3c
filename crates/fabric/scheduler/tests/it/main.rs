//! Tests of the matcher and of the scheduler around it.

mod leases;
mod matcher;
mod restarts;
