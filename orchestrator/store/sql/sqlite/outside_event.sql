-- Outside events, kept for a time whether or not somebody waits for them.
-- name: insert
INSERT INTO outside_event (name, key, id, payload, actor, at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING;
-- name: next
-- What a run has taken is remembered among its callbacks.
SELECT id, name, key, payload, actor, at, expires_at FROM outside_event
WHERE name = ?1 AND key = ?2 AND expires_at > ?5
    AND NOT EXISTS (SELECT 1 FROM callback WHERE callback.run_no = ?3 AND callback.subject = ?4 AND callback.id = outside_event.id)
ORDER BY no LIMIT 1;
-- name: newest
SELECT id, name, key, payload, actor, at, expires_at FROM outside_event WHERE no <= 9223372036854775807 ORDER BY no DESC LIMIT ?1;
-- name: newest_of
SELECT id, name, key, payload, actor, at, expires_at FROM outside_event WHERE name = ?2 ORDER BY no DESC LIMIT ?1;
-- name: clean
DELETE FROM outside_event WHERE no IN (SELECT no FROM outside_event WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2);
