//! What one client network may have refused before its new credentials are not looked at.

/// The failed verifications that the network of one request has left.
///
/// Whoever counts implements it; the ladder asks before the dear part and charges after a
/// failure. Between the two another thread may charge as well, so that a network gets at most
/// as many failures more than its budget as there are threads that decide.
pub trait FailureBudget {
    /// Whether nothing is left.
    fn is_spent(&self) -> bool;

    /// Takes one failure off.
    fn charge(&self);
}

/// No budget: for tools, and policies that switch it off.
#[derive(Clone, Copy, Debug)]
pub struct Unbounded;

impl FailureBudget for Unbounded {
    fn is_spent(&self) -> bool {
        false
    }

    fn charge(&self) {}
}
