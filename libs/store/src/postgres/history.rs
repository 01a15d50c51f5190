//! What earlier runs took, read from Postgres. Not here: what it means (`crate::history`).

use super::PostgresStore;
use crate::{HistoryStore, NodeResult, Result, history};
use async_trait::async_trait;
use nexus_model::WorkflowId;
use sqlx::query;

#[async_trait]
impl HistoryStore for PostgresStore {
    async fn node_results(
        &self,
        workflow: WorkflowId,
        executions: u32,
        results: u32,
    ) -> Result<Vec<NodeResult>> {
        // Outputs may be large: only what is asked for leaves the database, and each event is parsed once. Postgres
        // refuses a NUL in a JSON text even where nobody reads it; a blank in its place leaves the escape well-formed
        // even if its backslash is one that was escaped itself.
        let select = "
            WITH ended AS (
                SELECT id FROM executions
                WHERE workflow_id = $1 AND status IN ('succeeded', 'failed', 'cancelled', 'budget_exceeded')
                ORDER BY id DESC LIMIT $2
            )
            SELECT e.execution_id, e.agent_id, d.model,
                   (d.tokens ->> 'prompt')::bigint, (d.tokens ->> 'completion')::bigint, d.attempt, d.revision,
                   CASE d.node_type WHEN 'conditional' THEN d.output ->> 'handle' END
            FROM ended
            JOIN events e ON e.execution_id = ended.id
            CROSS JOIN LATERAL json_to_record(replace(e.data, '\\u0000', '\\u0020')::json)
                AS d (node_type text, model text, tokens json, attempt bigint, revision bigint, output json)
            WHERE e.kind = 'agent_completed' AND e.agent_id IS NOT NULL
            ORDER BY e.execution_id DESC, e.seq LIMIT $3";
        let found = self
            .rows(
                query(select).bind(workflow.to_string()).bind(i64::from(executions)).bind(i64::from(results)),
            )
            .await?;
        found.iter().map(|row| history::node_result(row)).collect()
    }
}
