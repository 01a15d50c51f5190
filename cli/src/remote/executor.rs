//! The executor port over REST and server-sent events.

use super::{Query, Remote, sse};
use async_trait::async_trait;
use futures::StreamExt;
use nexus_api::{
    BoxStream, CallCtx, Code, Error, Executor, Result,
    executor::{ExecutionFilter, Resume, StartExecution, Started},
    planner::PageRequest,
};
use nexus_model::{
    Event, Execution, ExecutionId, ExecutionStatus, NodeId, Timestamp,
    event::{Delta, WatchItem},
    execution::ExecutionSummary,
    workflow::Page,
};
use reqwest::{Method, header};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct StartedBody {
    execution_id: ExecutionId,
    status: ExecutionStatus,
}

#[derive(Deserialize)]
struct Items {
    items: Vec<Event>,
}

/// An `agent_output_delta` as it is spelled outside.
#[derive(Deserialize)]
struct LiveDelta {
    execution_id: ExecutionId,
    agent_id: NodeId,
    timestamp: Timestamp,
    data: DeltaData,
}

#[derive(Deserialize)]
struct DeltaData {
    text: String,
    #[serde(default = "first")]
    revision: u32,
    #[serde(default = "first")]
    attempt: u32,
}

fn first() -> u32 {
    1
}

/// An event or a delta; `None` for what a newer server may send beside them.
fn item(text: &str) -> Option<WatchItem> {
    let value: Value = serde_json::from_str(text).ok()?;
    if value.get("seq").is_some_and(Value::is_u64) {
        return serde_json::from_value(value).ok().map(WatchItem::Event);
    }
    let LiveDelta { execution_id, agent_id, timestamp, data } = serde_json::from_value(value).ok()?;
    let DeltaData { text, revision, attempt } = data;
    Some(WatchItem::Delta(Delta { execution_id, agent_id, revision, attempt, text, timestamp }))
}

#[async_trait]
impl Executor for Remote {
    async fn start_execution(&self, ctx: &CallCtx, request: StartExecution) -> Result<Started> {
        if let Some(version) = request.version {
            // REST runs the latest version; whoever saved it a moment ago gets told if somebody was faster.
            let latest = nexus_api::Planner::get_workflow(self, ctx, request.workflow_id, None).await?;
            if latest.version != version {
                return Err(Error::new(
                    Code::Conflict,
                    format!("the workflow is at version {} by now, not {version}", latest.version),
                ));
            }
        }
        let mut body = json!({"inputs": request.inputs});
        if let Some(budget) = request.budget {
            body["budget"] = json!(budget);
        }
        let mut call = self.post(&format!("/workflows/{}/execute", request.workflow_id), &body);
        if let Some(key) = request.idempotency_key {
            call = call.header("idempotency-key", key);
        }
        let StartedBody { execution_id, status } = self.call(ctx, call).await?;
        Ok(Started { execution_id, status })
    }

    async fn get_execution(&self, ctx: &CallCtx, id: ExecutionId) -> Result<Execution> {
        self.call(ctx, self.get(&format!("/executions/{id}"))).await
    }

    async fn list_executions(
        &self,
        ctx: &CallCtx,
        filter: ExecutionFilter,
        page: PageRequest,
    ) -> Result<Page<ExecutionSummary>> {
        let query = Query::default().page(page).with("status", filter.status.map(ExecutionStatus::as_str));
        let path = match filter.workflow_id {
            Some(id) => query.of(&format!("/workflows/{id}/executions")),
            None => query.of("/executions"),
        };
        self.call(ctx, self.get(&path)).await
    }

    async fn cancel_execution(&self, ctx: &CallCtx, id: ExecutionId) -> Result<ExecutionSummary> {
        self.call(ctx, self.post(&format!("/executions/{id}/cancel"), &json!({}))).await
    }

    async fn resume_execution(
        &self,
        ctx: &CallCtx,
        id: ExecutionId,
        resume: Resume,
    ) -> Result<ExecutionSummary> {
        let mut body = json!({});
        if let Some(budget) = resume.budget {
            body["budget"] = json!(budget);
        }
        if let Some(node) = resume.from_node {
            body["from_node"] = json!(node);
        }
        self.call(ctx, self.post(&format!("/executions/{id}/resume"), &body)).await
    }

    async fn delete_execution(&self, ctx: &CallCtx, id: ExecutionId) -> Result<()> {
        let work = self.send(self.request(Method::DELETE, &format!("/executions/{id}")));
        ctx.bound(work).await.map(drop)
    }

    async fn list_events(
        &self,
        ctx: &CallCtx,
        id: ExecutionId,
        after_seq: u64,
        limit: u32,
    ) -> Result<Vec<Event>> {
        let path = Query::default().with("after", Some(after_seq)).with("limit", Some(limit));
        let Items { items } = self.call(ctx, self.get(&path.of(&format!("/executions/{id}/events")))).await?;
        Ok(items)
    }

    async fn watch_execution(
        &self,
        ctx: &CallCtx,
        id: ExecutionId,
        after_seq: u64,
    ) -> Result<BoxStream<WatchItem>> {
        let request = self
            .get(&format!("/executions/{id}/events?after={after_seq}"))
            .header(header::ACCEPT, "text/event-stream");
        let answer = ctx.bound(self.send(request)).await?;
        let remote = self.clone();
        let items = sse::data(answer.bytes_stream()).filter_map(move |data| {
            std::future::ready(match data {
                Ok(text) => item(&text).map(Ok),
                Err(error) => Some(Err(remote.lost(&error))),
            })
        });
        Ok(items.boxed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_deltas_are_told_apart() {
        let id = ExecutionId::generate();
        let event = json!({"seq": 3, "execution_id": id, "type": "agent_started", "agent_id": "a", "data": {},
                           "timestamp": "2026-11-21T22:14:17Z"});
        assert!(matches!(item(&event.to_string()), Some(WatchItem::Event(event)) if event.seq == 3));
        let delta = Delta {
            execution_id: id,
            agent_id: NodeId::new("a").unwrap(),
            revision: 2,
            attempt: 1,
            text: "t".into(),
            timestamp: Timestamp::now(),
        };
        let sent = WatchItem::Delta(delta);
        assert_eq!(item(&sent.to_json().to_string()), Some(sent));
        assert!(item("{\"type\": \"something new\"}").is_none());
    }
}
