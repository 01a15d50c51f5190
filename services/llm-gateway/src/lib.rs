//! nexus-llm-gateway
