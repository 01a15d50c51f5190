//! nexus-rpc
