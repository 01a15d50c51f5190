-- Memory: texts with their vectors, where no Qdrant server keeps them. Its twin is migrations/postgres/0005_memory.sql.
CREATE TABLE memories (
    id         TEXT   NOT NULL PRIMARY KEY,
    scope      TEXT   NOT NULL,                 -- execution:ID, workflow:ID or global
    created_at BIGINT NOT NULL,
    model      TEXT   NOT NULL,                 -- what made the vector
    dimensions BIGINT NOT NULL,                 -- numbers in it
    vector     BLOB   NOT NULL,                 -- 32-bit floats, little-endian, of length 1; before what is long
    text       TEXT   NOT NULL,
    metadata   TEXT   NOT NULL                  -- JSON object
);

-- Lists, and all vectors of a scope.
CREATE INDEX memories_by_scope ON memories (scope, created_at, id);
-- What a former model has made.
CREATE INDEX memories_by_model ON memories (model, dimensions, created_at, id);
