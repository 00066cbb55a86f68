-- Schedules of live releases. `next_at` is when to look again: the loop of schedules needs no other query.
-- name: put
INSERT INTO schedule (flow, name, spec, release, since, cursor_at, next_at, paused_at, paused_by)
VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?5, NULL, NULL)
ON CONFLICT (flow, name) DO UPDATE SET spec = excluded.spec, release = excluded.release, since = excluded.since,
    cursor_at = max(cursor_at, excluded.cursor_at), next_at = iif(paused_at IS NULL, excluded.next_at, NULL);
-- name: put_rest
-- The cron expression and the zone stay: what was not looked at yet still is.
UPDATE schedule SET spec = ?3 WHERE flow = ?1 AND name = ?2;
-- name: of_flow
SELECT flow, name, spec, release, since, cursor_at, next_at, paused_at, paused_by FROM schedule WHERE flow = ?1 ORDER BY name;
-- name: all
SELECT flow, name, spec, release, since, cursor_at, next_at, paused_at, paused_by FROM schedule ORDER BY flow, name;
-- name: due
SELECT flow, name, spec, release, since, cursor_at, next_at, paused_at, paused_by FROM schedule
WHERE next_at IS NOT NULL AND next_at <= ?1 ORDER BY next_at LIMIT ?2;
-- name: next
SELECT next_at FROM schedule WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1;
-- name: looked
UPDATE schedule SET cursor_at = ?4, next_at = ?5 WHERE flow = ?1 AND name = ?2 AND cursor_at = ?3 AND paused_at IS NULL;
-- name: remove
DELETE FROM schedule WHERE flow = ?1 AND name = ?2;
-- name: pause
UPDATE schedule SET paused_at = ?3, paused_by = ?4, next_at = NULL WHERE flow = ?1 AND name = ?2 AND paused_at IS NULL;
-- name: resume
-- From now on: what came while it was paused is not made up for.
UPDATE schedule SET paused_at = NULL, paused_by = NULL, cursor_at = max(cursor_at, ?3), next_at = ?3
WHERE flow = ?1 AND name = ?2 AND paused_at IS NOT NULL;
-- name: there
SELECT 1 FROM schedule WHERE flow = ?1 AND name = ?2;
-- name: look_again
UPDATE schedule SET cursor_at = min(cursor_at, ?1), next_at = ?1 WHERE next_at > ?1;
