-- Machines that jobs run on.
-- name: insert
INSERT INTO host (name, data) VALUES (?1, ?2) ON CONFLICT DO NOTHING;
-- name: update
UPDATE host SET data = ?2 WHERE name = ?1;
-- name: get
SELECT data FROM host WHERE name = ?1;
-- name: all
SELECT data FROM host ORDER BY name;
-- name: delete
DELETE FROM host WHERE name = ?1;
