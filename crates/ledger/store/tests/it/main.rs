//! The store against power cuts, full and faulty disks, forged proofs, and its own growth.

mod damage;
mod full;
mod retention;
mod store;
mod support;
