//! What a caller may hand over: sizes and numbers. Not here: what it may cost.

use nexus_api::{
    Code, Error, Result,
    memory::{MAX_METADATA_BYTES, MAX_TEXT_BYTES, MAX_TOP_K, RecallRequest, StoreRequest},
};

/// Refuses what cannot be kept.
pub(crate) fn check_store(request: &StoreRequest) -> Result<()> {
    check_text("text", &request.text)?;
    let bytes = serde_json::to_vec(&request.metadata).map_err(Error::internal)?.len();
    if bytes > MAX_METADATA_BYTES {
        return Err(too_large("metadata", bytes, MAX_METADATA_BYTES));
    }
    Ok(())
}

/// Refuses what cannot be looked for.
pub(crate) fn check_recall(request: &RecallRequest) -> Result<()> {
    check_text("query", &request.query)?;
    if !(1..=MAX_TOP_K).contains(&request.top_k) {
        let what = format!("must be between 1 and {MAX_TOP_K}");
        return Err(Error::new(Code::Invalid, format!("`top_k` is {}", request.top_k))
            .suggest(format!("ask for 1 to {MAX_TOP_K} entries"))
            .detail("/top_k", what));
    }
    Ok(())
}

fn check_text(field: &str, text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::new(Code::Invalid, format!("`{field}` is empty"))
            .suggest("memory compares words; give it some")
            .detail(format!("/{field}"), "is empty"));
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(too_large(field, text.len(), MAX_TEXT_BYTES));
    }
    Ok(())
}

fn too_large(field: &str, bytes: usize, limit: usize) -> Error {
    Error::new(Code::TooLarge, format!("`{field}` has {bytes} bytes, memory takes {limit}"))
        .suggest("shorten it, or keep it in several entries")
        .detail(format!("/{field}"), format!("longer than the limit of {limit} bytes"))
}
