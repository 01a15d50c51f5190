-- While a mesh is upgraded, processes of the version before run beside those of this one, and may start again. They
-- do so on a schema that they do not know, if it says that whoever knows this number can still work with it. A
-- migration that takes something away raises the number (docs/upgrades.md). No twin in SQLite: a file has one user.
CREATE VIEW nexus_oldest_program AS SELECT 1::bigint AS schema;
