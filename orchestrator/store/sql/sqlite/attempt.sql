-- Tries of jobs.
-- name: insert
INSERT INTO attempt (run_no, fence, id, call, number, state, over, stopping, debt, host, handed, scheduled_at, deadline_at, result_digest)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14);
-- name: update
UPDATE attempt SET state = ?3, over = ?4, stopping = ?5, debt = ?6, host = ?7, handed = ?8, deadline_at = ?9, result_digest = ?10
WHERE run_no = ?1 AND fence = ?2;
-- name: get
SELECT id, call, number, fence, state, stopping, debt, handed, scheduled_at, deadline_at, result_digest, run_no FROM attempt WHERE id = ?1;
-- name: state
SELECT run_no, fence, state, stopping FROM attempt WHERE id = ?1;
-- name: of_run
SELECT id, call, number, fence, state, stopping, debt, handed, scheduled_at, deadline_at, result_digest FROM attempt WHERE run_no = ?1 ORDER BY fence;
-- name: open_of_run
SELECT id, call, number, fence, state, stopping, debt, handed, scheduled_at, deadline_at, result_digest FROM attempt INDEXED BY attempt_open
WHERE run_no = ?1 AND over = 0 ORDER BY fence;
-- name: open
SELECT id, call, number, fence, state, stopping, debt, handed, scheduled_at, deadline_at, result_digest, (SELECT run.id FROM run WHERE run.run_no = attempt.run_no)
FROM attempt INDEXED BY attempt_on_host WHERE over = 0 ORDER BY host, run_no, fence;
-- name: open_on_host
SELECT count(*) FROM attempt INDEXED BY attempt_on_host WHERE over = 0 AND host = ?1;
-- name: of_host
-- Attempts on a host that are not over, with their last sign of life.
SELECT id, call, number, fence, state, stopping, debt, handed, scheduled_at, deadline_at, result_digest,
    (SELECT run.id FROM run WHERE run.run_no = attempt.run_no),
    (SELECT max(beat.at) FROM beat WHERE beat.run_no = attempt.run_no AND beat.fence = attempt.fence)
FROM attempt INDEXED BY attempt_on_host WHERE over = 0 AND host = ?1 ORDER BY run_no, fence;
-- name: others_on_host
-- Attempts that hold a slot of a host, without one of them.
SELECT count(*) FROM attempt INDEXED BY attempt_on_host WHERE over = 0 AND host = ?1 AND (run_no <> ?2 OR fence <> ?3);
-- name: loads
SELECT host, count(*) FROM attempt INDEXED BY attempt_on_host WHERE over = 0 AND host IS NOT NULL GROUP BY host;
-- name: open_counts
SELECT host, state, debt, count(*), min(scheduled_at) FROM attempt INDEXED BY attempt_on_host WHERE over = 0 GROUP BY host, state, debt;
-- name: delete_of_run
DELETE FROM attempt WHERE run_no = ?1;
