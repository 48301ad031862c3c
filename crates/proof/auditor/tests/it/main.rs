//! From programs to keys, and verdicts on claims. No prover is needed here: proofs are frozen.

mod budget;
mod fit;
mod hostile;
mod keys;
mod layout;
mod replay;
mod sizes;
mod statement;
mod vectors;
