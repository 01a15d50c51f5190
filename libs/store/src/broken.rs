//! A store that is broken on purpose, so that the chaos harness can show that it would notice (docs/reliability.md).
//! Only the feature `broken-no-fence` turns this on, only in a debug build, and only if the environment of the build
//! asks for it by name as well; whoever opens such a store is told. Not here: anything that a product needs.

#[cfg(feature = "broken-no-fence")]
const _: () = assert!(
    cfg!(debug_assertions) && option_env!("NEXUS_CHAOS_BROKEN_BUILD").is_some(),
    "the feature broken-no-fence makes a store that loses work: it is for `make chaos-broken` alone"
);

/// On which rows a step may write: `e` is the execution, `s` the step.
#[cfg(not(feature = "broken-no-fence"))]
macro_rules! fenced {
    () => {
        "e.fence = s.fence AND e.journal_len = s.journal_len"
    };
}

/// Whoever comes may write.
#[cfg(feature = "broken-no-fence")]
macro_rules! fenced {
    () => {
        "s.fence IS NOT NULL"
    };
}

pub(crate) use fenced;

/// Tells whoever opens a broken store.
pub(crate) fn warn() {
    if cfg!(feature = "broken-no-fence") {
        tracing::error!(
            "BROKEN ON PURPOSE: THIS BUILD DOES NOT FENCE ITS WRITES. DO NOT USE IT FOR ANYTHING"
        );
    }
}
