//! nexus-planner
