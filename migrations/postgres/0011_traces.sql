-- In whose trace an execution runs: the W3C `traceparent` of the request that started it, so that every process that
-- takes it up goes on in that trace. Its twin is migrations/sqlite/0011_traces.sql.

ALTER TABLE execution_inputs ADD COLUMN traceparent TEXT;
