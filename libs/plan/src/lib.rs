//! nexus-plan
