-- Heads of runs. `run_no` is the order of creation, and the page key of lists.
-- name: insert
INSERT INTO run (id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18);
-- name: update
-- Not the state: naming it would rewrite its index entry on every callback.
UPDATE run SET seq = ?2, wake_seq = ?3, calls = ?4, open_steps = ?5, fence = ?6, ending = ?7, deadline_at = ?8, updated_at = ?9, failure = ?10,
    advance_fence = ?11, evaluated_seq = ?12, crashes = ?13
WHERE run_no = ?1;
-- name: update_state
UPDATE run SET state = ?2 WHERE run_no = ?1;
-- name: raise_advance_fence
UPDATE run SET advance_fence = advance_fence + 1, crashes = crashes + 1 WHERE run_no = ?1;
-- name: number
SELECT run_no FROM run WHERE id = ?1;
-- name: by_id
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes
FROM run WHERE id = ?1;
-- name: by_number
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes
FROM run WHERE run_no = ?1;
-- name: id
SELECT id FROM run WHERE run_no = ?1;
-- name: page
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes
FROM run WHERE run_no < ?1 ORDER BY run_no DESC LIMIT ?2;
-- name: page_of_flow
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes
FROM run WHERE flow = ?3 AND run_no < ?1 ORDER BY run_no DESC LIMIT ?2;
-- name: page_of_state
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes
FROM run WHERE state = ?3 AND run_no < ?1 ORDER BY run_no DESC LIMIT ?2;
-- name: page_of_state_and_flow
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes
FROM run WHERE state = ?3 AND flow = ?4 AND run_no < ?1 ORDER BY run_no DESC LIMIT ?2;
-- name: page_of_ready
-- The predicate is the index's own, word for word: only then it is used.
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes
FROM run INDEXED BY run_ready WHERE state = 'running' AND evaluated_seq < wake_seq AND run_no < ?1 ORDER BY run_no DESC LIMIT ?2;
-- name: page_of_ready_and_flow
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes
FROM run INDEXED BY run_ready WHERE state = 'running' AND evaluated_seq < wake_seq AND flow = ?3 AND run_no < ?1 ORDER BY run_no DESC LIMIT ?2;
-- name: page_of_waiting
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes
FROM run WHERE state = 'running' AND evaluated_seq >= wake_seq AND run_no < ?1 ORDER BY run_no DESC LIMIT ?2;
-- name: page_of_waiting_and_flow
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes
FROM run WHERE state = 'running' AND evaluated_seq >= wake_seq AND flow = ?3 AND run_no < ?1 ORDER BY run_no DESC LIMIT ?2;
-- name: of_flow_after
SELECT run_no, id, state, updated_at FROM run WHERE flow = ?1 AND run_no > ?2 ORDER BY run_no LIMIT ?3;
-- name: delete
DELETE FROM run WHERE run_no = ?1;
