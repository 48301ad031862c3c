//! What a client remembers beyond its own life, and how several take turns with one wallet. Whoever uses this crate hands both in.

use ciro_types::{Hash32, JobSpec};
use std::any::Any;
use std::io;

/// What to do with the order of a client that was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on with it.
    Resume,
    /// Leave it to another client.
    Keep,
    /// Nothing can come of it any more.
    Remove,
}

/// An order that this client follows. Dropped without [`Held::end`], it is one that was cut short.
pub trait Held {
    /// The order has ended: a new one for the same thing is a new job.
    fn end(self: Box<Self>);
}

/// An order that was found again.
pub type Resumed = (Box<dyn Held>, JobSpec);

/// Orders under way.
///
/// An order is followed by one client at a time. Following ends with the client, however that ends. What nobody follows was cut short, and
/// the next client with the same wish may go on with it.
pub trait Orders {
    /// Takes the first order for `wish` that nobody follows and that `judge` resumes. On the way it removes what `judge` removes, and
    /// what is damaged or was never whole. `judge` is told whether an order is for `wish`.
    ///
    /// # Errors
    /// If the orders cannot be read.
    fn take_over(&self, wish: Hash32, judge: &dyn Fn(&JobSpec, bool) -> Verdict) -> io::Result<Option<Resumed>>;

    /// Keeps a new order, durable and held from the moment it can be seen.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn keep(&self, wish: Hash32, spec: &JobSpec) -> io::Result<Box<dyn Held>>;

    /// Where they are, for people.
    fn place(&self) -> String;
}

/// A turn: it ends when this is dropped.
pub type Turn = Box<dyn Any>;

/// Turns of those who share a wallet. Who takes turns does not take another's nonce. `None` where there are no turns: clients then meet at
/// the network, which refuses all but one, and the others try again.
pub trait Turns {
    /// Waits for a turn to sign.
    fn to_sign(&self) -> Option<Turn>;

    /// Waits for a turn to publish a model.
    fn to_publish(&self) -> Option<Turn>;
}
