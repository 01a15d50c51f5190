//! nexus-engine
