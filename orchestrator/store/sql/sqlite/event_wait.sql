-- Open steps that wait for an outside event, by its name and key.
-- name: insert
INSERT INTO event_wait (name, key, run_no, call) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING;
-- name: remove
DELETE FROM event_wait WHERE name = ?1 AND key = ?2 AND run_no = ?3 AND call = ?4;
-- name: of
SELECT run_no, call FROM event_wait WHERE name = ?1 AND key = ?2;
