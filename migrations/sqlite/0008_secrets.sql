-- Secrets for tools. Twin: migrations/postgres/0008_secrets.sql.

-- What is sealed cannot be read without the key, which is not in the database.
CREATE TABLE secrets (
    workspace  TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    sealed     TEXT   NOT NULL,                 -- format, id of the key, and AES-256-GCM: nonce and ciphertext, base64
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (workspace, name)
);
