-- What was last seen of each host: when it answered, since when it does not, and what it said of itself.
-- name: put
INSERT INTO host_health (name, data) SELECT name, ?2 FROM host WHERE name = ?1
ON CONFLICT (name) DO UPDATE SET data = excluded.data;
-- name: all
SELECT name, data FROM host_health ORDER BY name;
-- name: delete
DELETE FROM host_health WHERE name = ?1;
