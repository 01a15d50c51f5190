//! What earlier runs took, read from SQLite. Not here: what it means (`crate::history`).

use super::{SqliteStore, workflows::all};
use crate::{HistoryStore, NodeResult, Result, history};
use async_trait::async_trait;
use nexus_model::WorkflowId;
use rusqlite::params;

#[async_trait]
impl HistoryStore for SqliteStore {
    async fn node_results(
        &self,
        workflow: WorkflowId,
        executions: u32,
        results: u32,
    ) -> Result<Vec<NodeResult>> {
        // Outputs may be large: only what is asked for leaves the database.
        let select = "
            WITH ended AS (
                SELECT id FROM executions
                WHERE workflow_id = ?1 AND status IN ('succeeded', 'failed', 'cancelled', 'budget_exceeded')
                ORDER BY id DESC LIMIT ?2
            )
            SELECT e.execution_id, e.agent_id, json_extract(e.data, '$.model'),
                   CAST(json_extract(e.data, '$.tokens.prompt') AS INTEGER),
                   CAST(json_extract(e.data, '$.tokens.completion') AS INTEGER),
                   CAST(json_extract(e.data, '$.attempt') AS INTEGER),
                   CAST(json_extract(e.data, '$.revision') AS INTEGER),
                   CASE json_extract(e.data, '$.node_type') WHEN 'conditional'
                        THEN json_extract(e.data, '$.output.handle') END
            FROM ended JOIN events e ON e.execution_id = ended.id
            WHERE e.kind = 'agent_completed' AND e.agent_id IS NOT NULL
            ORDER BY e.execution_id DESC, e.seq LIMIT ?3";
        let workflow = workflow.to_string();
        self.read(move |connection| {
            all(connection, select, params![workflow, executions, results], history::node_result)
        })
        .await
    }
}
