-- Times of schedules that were not fired since they were too long ago.
-- name: insert
INSERT INTO schedule_missed (flow, name, first_at, last_at, times, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING;
-- name: newest
SELECT first_at, last_at, times, at FROM schedule_missed WHERE flow = ?1 AND name = ?2 ORDER BY first_at DESC LIMIT ?3;
-- name: clean
DELETE FROM schedule_missed
WHERE (flow, name, first_at) IN (SELECT flow, name, first_at FROM schedule_missed WHERE at < ?1 ORDER BY at LIMIT ?2);
