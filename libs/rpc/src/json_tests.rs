//! What crosses the wire as JSON, and what does not.
