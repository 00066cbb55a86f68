-- Answers given to idempotency keys.
-- name: insert
-- The first one stands.
INSERT INTO idempotency (key, request_digest, status, body, at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING;
-- name: get
SELECT request_digest, status, body FROM idempotency WHERE key = ?1;
