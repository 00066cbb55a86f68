-- Steps: durable calls that are answered later.
-- name: insert
INSERT INTO step (run_no, call, name, kind, wait, job, spec_seq, completed_seq, deadline_at, answer_digest, kept)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);
-- name: update
-- Name, kind and wait never change.
UPDATE step SET job = ?3, spec_seq = ?4, completed_seq = ?5, deadline_at = ?6, answer_digest = ?7, kept = ?8
WHERE run_no = ?1 AND call = ?2;
-- name: get
SELECT call, name, kind, wait, job, spec_seq, completed_seq, deadline_at, answer_digest, kept FROM step WHERE run_no = ?1 AND call = ?2;
-- name: of_run
SELECT call, name, kind, wait, job, spec_seq, completed_seq, deadline_at, answer_digest, kept FROM step WHERE run_no = ?1 ORDER BY call;
-- name: open_of_run
SELECT call, name, kind, wait, job, spec_seq, completed_seq, deadline_at, answer_digest, kept FROM step INDEXED BY step_open
WHERE run_no = ?1 AND completed_seq IS NULL ORDER BY call;
-- name: of_wait
SELECT call, name, kind, wait, job, spec_seq, completed_seq, deadline_at, answer_digest, kept, run_no FROM step WHERE wait = ?1;
-- name: asked
-- The predicate is the index's own, word for word: only then it is used.
SELECT run_no, call FROM step INDEXED BY step_asked
WHERE completed_seq IS NULL AND (kind = 'wait' OR kind = 'approval') AND kind = ?1 AND (run_no, call) > (?2, ?3) ORDER BY run_no, call LIMIT ?4;
-- name: delete_of_run
DELETE FROM step WHERE run_no = ?1;
