-- Workers that come and ask for work.
-- name: insert
INSERT INTO worker (name, digest, fence, token_at, labels) VALUES (?1, ?2, 0, ?3, ?4) ON CONFLICT DO NOTHING;
-- name: token
UPDATE worker SET digest = ?2, token_at = ?3 WHERE name = ?1;
-- name: take
UPDATE worker SET fence = fence + (instance IS NOT ?2), instance = ?2, seen_at = ?3 WHERE name = ?1 RETURNING fence;
-- name: by_digest
SELECT name, digest, fence, instance, seen_at, token_at, labels FROM worker WHERE digest = ?1;
-- name: all
SELECT name, digest, fence, instance, seen_at, token_at, labels FROM worker ORDER BY name;
