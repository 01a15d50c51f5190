//! nexus-executor
