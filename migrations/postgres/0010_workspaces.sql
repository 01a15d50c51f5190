-- Whose things they are. Its twin is migrations/sqlite/0010_workspaces.sql. What was there before belongs to
-- everybody who is in no other workspace; former versions, which know no workspaces, go on working in that one.

ALTER TABLE workflows ADD COLUMN workspace TEXT COLLATE "C" NOT NULL DEFAULT 'default';
ALTER TABLE executions ADD COLUMN workspace TEXT COLLATE "C" NOT NULL DEFAULT 'default';
-- Who started it: the name of the key. Models are called on their behalf.
ALTER TABLE executions ADD COLUMN principal TEXT;

CREATE INDEX workflows_by_workspace ON workflows (workspace, id);
CREATE INDEX executions_by_workspace ON executions (workspace, id);
