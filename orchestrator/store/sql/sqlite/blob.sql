-- Bytes by their digest.
-- name: touch
INSERT INTO blob (sha256, size, touched_at) VALUES (?1, ?2, ?3)
ON CONFLICT (sha256) DO UPDATE SET touched_at = max(touched_at, excluded.touched_at);
-- name: get
SELECT size FROM blob WHERE sha256 = ?1;
-- name: unnamed
SELECT sha256, size FROM blob
WHERE sha256 > ?1 AND touched_at < ?2 AND NOT EXISTS (SELECT 1 FROM resource WHERE resource.sha256 = blob.sha256)
ORDER BY sha256 LIMIT ?3;
-- name: delete
DELETE FROM blob WHERE sha256 = ?1 AND NOT EXISTS (SELECT 1 FROM resource WHERE resource.sha256 = blob.sha256);
