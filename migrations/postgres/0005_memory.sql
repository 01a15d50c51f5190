-- Memory: texts with their vectors, where no Qdrant server keeps them. Its twin is migrations/sqlite/0005_memory.sql.
CREATE TABLE memories (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    scope      TEXT COLLATE "C" NOT NULL,       -- execution:ID, workflow:ID or global
    created_at BIGINT NOT NULL,
    model      TEXT COLLATE "C" NOT NULL,       -- what made the vector
    dimensions BIGINT NOT NULL,                 -- numbers in it
    vector     BYTEA  NOT NULL,                 -- 32-bit floats, little-endian, of length 1
    text       TEXT   NOT NULL,
    metadata   TEXT   NOT NULL                  -- JSON object
);
-- Floats do not get smaller by trying.
ALTER TABLE memories ALTER COLUMN vector SET STORAGE EXTERNAL;

-- Lists, and all vectors of a scope.
CREATE INDEX memories_by_scope ON memories (scope, created_at, id);
-- What a former model has made.
CREATE INDEX memories_by_model ON memories (model, dimensions, created_at, id);
