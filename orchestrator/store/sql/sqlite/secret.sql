-- Secrets, sealed. A removed one is a row without bytes.
-- name: put
INSERT INTO secret (name, version, root, sealed, at, actor) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (name) DO UPDATE SET version = ?2, root = ?3, sealed = ?4, at = ?5, actor = ?6 WHERE version = ?2 - 1;
-- name: version
SELECT version FROM secret WHERE name = ?1;
-- name: get
SELECT name, version, root, sealed, at, actor FROM secret WHERE name = ?1 AND sealed IS NOT NULL;
-- name: all
SELECT name, version, root, sealed, at, actor FROM secret WHERE sealed IS NOT NULL ORDER BY name;
-- name: reseal
UPDATE secret SET root = ?3, sealed = ?4 WHERE name = ?1 AND version = ?2 AND sealed IS NOT NULL;
-- name: remove
UPDATE secret SET root = NULL, sealed = NULL, at = ?2, actor = ?3 WHERE name = ?1 AND sealed IS NOT NULL;
