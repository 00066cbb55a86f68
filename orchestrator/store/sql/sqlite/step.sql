-- Steps: durable calls that are answered later.
-- name: put
-- In the place of one that was forgotten, or of itself where a reset has opened it anew under another schedule.
INSERT INTO step (run_no, call, name, kind, wait, data, spec_seq, completed_seq, deadline_at, timeout_ms, answer_digest, kept, forgotten, opened_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
ON CONFLICT (run_no, call) DO UPDATE SET name = excluded.name, kind = excluded.kind, wait = excluded.wait, data = excluded.data,
    spec_seq = excluded.spec_seq, completed_seq = excluded.completed_seq, deadline_at = excluded.deadline_at,
    timeout_ms = excluded.timeout_ms, answer_digest = excluded.answer_digest, kept = excluded.kept, forgotten = excluded.forgotten,
    opened_at = excluded.opened_at
WHERE forgotten = 1;
-- name: update
-- Name, kind and wait never change.
UPDATE step SET data = ?3, spec_seq = ?4, completed_seq = ?5, deadline_at = ?6, timeout_ms = ?7, answer_digest = ?8, kept = ?9, forgotten = ?10,
    opened_at = ?11
WHERE run_no = ?1 AND call = ?2;
-- name: update_open
-- What changes while it stays open or forgotten as it was: nothing that an index names.
UPDATE step SET data = ?3, deadline_at = ?4, answer_digest = ?5, kept = ?6 WHERE run_no = ?1 AND call = ?2;
-- name: get
SELECT call, name, kind, wait, data, spec_seq, completed_seq, deadline_at, timeout_ms, answer_digest, kept, forgotten FROM step
WHERE run_no = ?1 AND call = ?2;
-- name: of_run
SELECT call, name, kind, wait, data, spec_seq, completed_seq, deadline_at, timeout_ms, answer_digest, kept, forgotten FROM step
WHERE run_no = ?1 ORDER BY call;
-- name: open_of_run
SELECT call, name, kind, wait, data, spec_seq, completed_seq, deadline_at, timeout_ms, answer_digest, kept, forgotten FROM step
INDEXED BY step_open WHERE run_no = ?1 AND completed_seq IS NULL AND forgotten = 0 ORDER BY call;
-- name: of_wait
SELECT call, name, kind, wait, data, spec_seq, completed_seq, deadline_at, timeout_ms, answer_digest, kept, forgotten, run_no FROM step
WHERE wait = ?1;
-- name: oldest_open
-- Open steps that wait for somebody outside, the longest first.
SELECT call, name, kind, wait, data, spec_seq, completed_seq, deadline_at, timeout_ms, answer_digest, kept, forgotten,
    (SELECT run.id FROM run WHERE run.run_no = step.run_no), (SELECT run.flow FROM run WHERE run.run_no = step.run_no), opened_at
FROM step INDEXED BY step_opened WHERE opened_at IS NOT NULL ORDER BY opened_at LIMIT ?1;
-- name: asked
-- The predicate is the index's own, word for word: only then it is used.
SELECT run_no, call FROM step INDEXED BY step_asked
WHERE completed_seq IS NULL AND forgotten = 0 AND (kind = 'wait' OR kind = 'approval') AND kind = ?1 AND (run_no, call) > (?2, ?3) ORDER BY run_no, call LIMIT ?4;
-- name: delete_of_run
DELETE FROM step WHERE run_no = ?1;
