//! nexus-memory
