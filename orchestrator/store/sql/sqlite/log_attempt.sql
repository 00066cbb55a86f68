-- Output of attempts.
-- name: save
INSERT INTO log_attempt (run_no, attempt, stdout, stderr, stdout_total, stderr_total, state, note, tries, due_at, updated_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
ON CONFLICT (run_no, attempt) DO UPDATE SET
    stdout = excluded.stdout, stderr = excluded.stderr, stdout_total = excluded.stdout_total, stderr_total = excluded.stderr_total,
    state = excluded.state, note = excluded.note, tries = excluded.tries, due_at = excluded.due_at, updated_at = excluded.updated_at;
-- name: get
SELECT attempt, stdout, stderr, stdout_total, stderr_total, state, note, tries, due_at, updated_at FROM log_attempt
WHERE run_no = ?1 AND attempt = ?2;
-- name: of_run
SELECT attempt, stdout, stderr, stdout_total, stderr_total, state, note, tries, due_at, updated_at FROM log_attempt
WHERE run_no = ?1 ORDER BY attempt;
-- name: due
SELECT log_attempt.attempt, stdout, stderr, stdout_total, stderr_total, log_attempt.state, note, tries, due_at, log_attempt.updated_at, run.id
FROM log_attempt JOIN run USING (run_no) WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2;
