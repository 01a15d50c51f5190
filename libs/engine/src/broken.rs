//! A ledger that is broken on purpose, so that the chaos harness can show that it would notice (docs/reliability.md).
//! Only the feature `broken-check-then-spend` turns this on, only in a debug build, and only if the environment of the
//! build asks for it by name as well; executors say so at their start. Not here: anything that a product needs.

use crate::State;
use nexus_model::Money;

#[cfg(feature = "broken-check-then-spend")]
const _: () = assert!(
    cfg!(debug_assertions) && option_env!("NEXUS_CHAOS_BROKEN_BUILD").is_some(),
    "the feature broken-check-then-spend makes budgets that do not hold: it is for `make chaos-broken` alone"
);

/// What is wrong with this build, if it is broken on purpose.
pub const BROKEN: Option<&str> = if cfg!(feature = "broken-check-then-spend") {
    Some("THIS BUILD DOES NOT KEEP BUDGETS. DO NOT USE IT FOR ANYTHING")
} else {
    None
};

impl State {
    /// What the ledger must take as gone although it is not spent yet. Broken: nothing, as if it were enough to look
    /// at what is spent before each call.
    pub(crate) fn held(&self) -> Money {
        if BROKEN.is_some() { Money::ZERO } else { self.reserved() }
    }
}
