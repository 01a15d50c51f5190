//! nexus-expr
