-- The journal: append-only, numbered from 1 without gaps within a run.
-- name: insert
INSERT INTO event (run_no, seq, at, kind, data) VALUES (?1, ?2, ?3, ?4, ?5);
-- name: after
SELECT seq, at, kind, data FROM event WHERE run_no = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3;
-- name: get
SELECT seq, at, kind, data FROM event WHERE run_no = ?1 AND seq = ?2;
-- name: replayed
-- The kinds of `EventBody::REPLAYED`; a test compares them.
SELECT seq, at, kind, data FROM event
WHERE run_no = ?1 AND seq <= ?2
    AND kind IN ('run_created', 'step_scheduled', 'step_recorded', 'step_reused', 'step_completed', 'run_ending', 'exit_started', 'run_reset') ORDER BY seq;
-- name: range
SELECT seq, at, kind, data FROM event WHERE run_no = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4;
-- name: raw
-- As stored, for the chain of digests.
SELECT seq, at, kind, data FROM event WHERE run_no = ?1 AND seq <= ?2 ORDER BY seq;
-- name: ending
SELECT seq FROM event WHERE run_no = ?1 AND kind = 'run_ending' ORDER BY seq DESC LIMIT 1;
-- name: delete_of_run
DELETE FROM event WHERE run_no = ?1;
