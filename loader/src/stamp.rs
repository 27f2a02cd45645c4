//! When and by whom the store is changed.

use garner_kernel::Moment;

use crate::store::operation::Actor;

/// When something is done and who does it; stands in every operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// When.
    pub at: Moment,
    /// Who.
    pub who: Actor,
}
