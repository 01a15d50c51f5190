//! The secrets port over REST. Not here: what commands do with it.

use super::{Query, Remote};
use async_trait::async_trait;
use nexus_api::{
    CallCtx, Result,
    planner::PageRequest,
    secrets::{Secret, SecretValue, Secrets},
};
use nexus_model::workflow::Page;
use reqwest::Method;
use serde_json::json;

/// A name as a part of an address, whatever it is.
fn path(name: &str) -> String {
    let mut url = reqwest::Url::parse("http://x").ok();
    if let Some(mut segments) = url.as_mut().and_then(|url| url.path_segments_mut().ok()) {
        segments.push(name);
    }
    format!("/secrets{}", url.as_ref().map(reqwest::Url::path).unwrap_or_default())
}

#[async_trait]
impl Secrets for Remote {
    async fn list_secrets(&self, ctx: &CallCtx, page: PageRequest) -> Result<Page<Secret>> {
        self.call(ctx, self.get(&Query::default().page(page).of("/secrets"))).await
    }

    async fn set_secret(&self, ctx: &CallCtx, name: String, value: SecretValue) -> Result<Secret> {
        let body = json!({ "value": value.expose() });
        self.call(ctx, self.request(Method::PUT, &path(&name)).json(&body)).await
    }

    async fn delete_secret(&self, _: &CallCtx, name: String) -> Result<()> {
        self.send(self.request(Method::DELETE, &path(&name))).await.map(drop)
    }
}
