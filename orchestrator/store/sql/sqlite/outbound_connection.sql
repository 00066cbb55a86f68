-- Where the server itself sends to. Secrets are named, never held.
-- name: insert
INSERT INTO outbound_connection (name, kind, data, at, actor) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING;
-- name: put
INSERT INTO outbound_connection (name, kind, data, at, actor) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (name) DO UPDATE SET kind = ?2, data = ?3, at = ?4, actor = ?5;
-- name: get
SELECT name, kind, data, at, actor FROM outbound_connection WHERE name = ?1;
-- name: all
SELECT name, kind, data, at, actor FROM outbound_connection ORDER BY name;
-- name: delete
DELETE FROM outbound_connection WHERE name = ?1;
