-- People who operate the installation.
-- name: insert
INSERT INTO operator (name, digest, data) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING;
-- name: update
UPDATE operator SET digest = ?2, data = ?3 WHERE name = ?1;
-- name: get
SELECT data FROM operator WHERE name = ?1;
-- name: by_digest
SELECT data FROM operator WHERE digest = ?1;
-- name: all
SELECT data FROM operator ORDER BY name;
-- name: delete
DELETE FROM operator WHERE name = ?1;
