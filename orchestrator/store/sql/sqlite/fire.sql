-- Times of schedules: one row each, so that no time fires twice.
-- name: insert
INSERT INTO fire (flow, name, at, cause, state, due_at, run, note, spec) VALUES (?1, ?2, ?3, ?4, 'due', ?5, ?6, NULL, ?7) ON CONFLICT DO NOTHING;
-- name: due
SELECT flow, name, at, cause, state, due_at, run, note, spec FROM fire WHERE state = 'due' AND due_at <= ?1 ORDER BY due_at LIMIT ?2;
-- name: next
SELECT due_at FROM fire WHERE state = 'due' AND due_at > 0 ORDER BY due_at LIMIT 1;
-- name: done
UPDATE fire SET state = ?4, note = ?5, spec = NULL WHERE flow = ?1 AND name = ?2 AND at = ?3 AND state = 'due';
-- name: again
UPDATE fire SET due_at = ?4, note = ?5 WHERE flow = ?1 AND name = ?2 AND at = ?3 AND state = 'due';
-- name: newest
SELECT flow, name, at, cause, state, due_at, run, note, spec FROM fire WHERE flow = ?1 AND name = ?2 ORDER BY at DESC LIMIT ?3;
-- name: open
SELECT run.id FROM (SELECT fire.run FROM fire WHERE flow = ?1 AND name = ?2 AND state = 'started' ORDER BY at DESC LIMIT ?3) AS newest
CROSS JOIN run ON run.id = newest.run
WHERE run.ended_at IS NULL;
-- name: clean
DELETE FROM fire WHERE (flow, name, at) IN (SELECT flow, name, at FROM fire WHERE at < ?1 AND state <> 'due' ORDER BY at LIMIT ?2);
