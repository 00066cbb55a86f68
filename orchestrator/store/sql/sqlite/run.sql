-- Heads of runs. `run_no` is the order of creation, and the page key of lists.
-- name: insert
INSERT INTO run (id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes, engine, plan, extra, logged, chain, priority, limit_key, place, after_older, parent, forked_from,
    started_by, failure_kind, failed_at, ended_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28,
    ?29, ?30, ?31, ?32, ?33);
-- name: update
-- Only what no index names: naming the state would rewrite its entry on every callback.
UPDATE run SET seq = ?2, wake_seq = ?3, calls = ?4, open_steps = ?5, fence = ?6, deadline_at = ?7, updated_at = ?8, advance_fence = ?9,
    evaluated_seq = ?10, crashes = ?11, logged = ?12, chain = coalesce(?13, chain)
WHERE run_no = ?1;
-- name: update_state
UPDATE run SET state = ?2, place = ?3, ended_at = ?4 WHERE run_no = ?1;
-- name: update_end
-- What is set from the end of a run on, or while it is held.
UPDATE run SET ending = ?2, extra = ?3, failure = ?4, failure_kind = ?5, failed_at = ?6 WHERE run_no = ?1;
-- name: claim_advance
-- A claim that is never answered has brought its process down: it counts until an evaluation is taken.
UPDATE run SET advance_fence = advance_fence + 1, crashes = crashes + 1 WHERE run_no = ?1;
-- name: forgive_advance
UPDATE run SET crashes = crashes - 1 WHERE id = ?1 AND advance_fence = ?2 AND crashes > 0;
-- name: chain
SELECT chain FROM run WHERE run_no = ?1;
-- name: number
SELECT run_no FROM run WHERE id = ?1;
-- name: by_id
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes, engine, plan, extra, logged
FROM run WHERE id = ?1;
-- name: by_number
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes, engine, plan, extra, logged
FROM run WHERE run_no = ?1;
-- name: id
SELECT id FROM run WHERE run_no = ?1;
-- name: page
-- Pages of lists, newest first. The first condition is the one that is searched; the others hold where their parameter is not null.
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes, engine, plan, extra, logged
FROM run WHERE TRUE AND run_no < ?1 AND run_no > ?3
    AND (?4 IS NULL OR flow = ?4)
    AND (?5 IS NULL OR iif(state = 'running' AND evaluated_seq >= wake_seq, 'waiting', state) = ?5)
    AND (?6 IS NULL OR failure_kind = ?6)
    AND (?7 IS NULL OR created_at >= ?7)
    AND (?8 IS NULL OR started_by >= ?8 AND started_by < ?9) AND (?10 IS NULL OR started_by IS NULL)
    AND (?11 IS NULL OR parent = ?11)
ORDER BY run_no DESC LIMIT ?2;
-- name: page_of_flow
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes, engine, plan, extra, logged
FROM run INDEXED BY run_by_flow WHERE flow = ?4 AND run_no < ?1 AND run_no > ?3
    AND (?5 IS NULL OR iif(state = 'running' AND evaluated_seq >= wake_seq, 'waiting', state) = ?5)
    AND (?6 IS NULL OR failure_kind = ?6)
    AND (?7 IS NULL OR created_at >= ?7)
    AND (?8 IS NULL OR started_by >= ?8 AND started_by < ?9) AND (?10 IS NULL OR started_by IS NULL)
    AND (?11 IS NULL OR parent = ?11)
ORDER BY run_no DESC LIMIT ?2;
-- name: page_of_state
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes, engine, plan, extra, logged
FROM run INDEXED BY run_by_state WHERE state = ?5 AND run_no < ?1 AND run_no > ?3
    AND (?4 IS NULL OR flow = ?4)
    AND (?6 IS NULL OR failure_kind = ?6)
    AND (?7 IS NULL OR created_at >= ?7)
    AND (?8 IS NULL OR started_by >= ?8 AND started_by < ?9) AND (?10 IS NULL OR started_by IS NULL)
    AND (?11 IS NULL OR parent = ?11)
ORDER BY run_no DESC LIMIT ?2;
-- name: page_of_ready
-- The predicate is the index's own, word for word: only then it is used.
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes, engine, plan, extra, logged
FROM run INDEXED BY run_ready WHERE state = 'running' AND evaluated_seq < wake_seq AND run_no < ?1 AND run_no > ?3
    AND (?4 IS NULL OR flow = ?4)
    AND ?5 IS NOT NULL
    AND (?6 IS NULL OR failure_kind = ?6)
    AND (?7 IS NULL OR created_at >= ?7)
    AND (?8 IS NULL OR started_by >= ?8 AND started_by < ?9) AND (?10 IS NULL OR started_by IS NULL)
    AND (?11 IS NULL OR parent = ?11)
ORDER BY run_no DESC LIMIT ?2;
-- name: page_of_waiting
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes, engine, plan, extra, logged
FROM run INDEXED BY run_by_state WHERE state = 'running' AND evaluated_seq >= wake_seq AND run_no < ?1 AND run_no > ?3
    AND (?4 IS NULL OR flow = ?4)
    AND ?5 IS NOT NULL
    AND (?6 IS NULL OR failure_kind = ?6)
    AND (?7 IS NULL OR created_at >= ?7)
    AND (?8 IS NULL OR started_by >= ?8 AND started_by < ?9) AND (?10 IS NULL OR started_by IS NULL)
    AND (?11 IS NULL OR parent = ?11)
ORDER BY run_no DESC LIMIT ?2;
-- name: page_of_failure
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes, engine, plan, extra, logged
FROM run INDEXED BY run_failed WHERE failure_kind = ?6 AND failed_at >= coalesce(?7, -9223372036854775808) AND run_no < ?1 AND run_no > ?3
    AND (?4 IS NULL OR flow = ?4)
    AND (?5 IS NULL OR iif(state = 'running' AND evaluated_seq >= wake_seq, 'waiting', state) = ?5)
    AND (?8 IS NULL OR started_by >= ?8 AND started_by < ?9) AND (?10 IS NULL OR started_by IS NULL)
    AND (?11 IS NULL OR parent = ?11)
ORDER BY run_no DESC LIMIT ?2;
-- name: page_of_start
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes, engine, plan, extra, logged
FROM run INDEXED BY run_started_by WHERE started_by >= ?8 AND started_by < ?9 AND run_no < ?1 AND run_no > ?3
    AND (?4 IS NULL OR flow = ?4)
    AND (?5 IS NULL OR iif(state = 'running' AND evaluated_seq >= wake_seq, 'waiting', state) = ?5)
    AND (?6 IS NULL OR failure_kind = ?6)
    AND (?7 IS NULL OR created_at >= ?7)
    AND ?10 IS NULL
    AND (?11 IS NULL OR parent = ?11)
ORDER BY run_no DESC LIMIT ?2;
-- name: page_of_parent
SELECT run_no, id, flow, release, bundle, state, seq, wake_seq, calls, open_steps, fence, ending, deadline_at, created_at, updated_at, failure,
    advance_fence, evaluated_seq, crashes, engine, plan, extra, logged
FROM run INDEXED BY run_parent WHERE parent = ?11 AND run_no < ?1 AND run_no > ?3
    AND (?4 IS NULL OR flow = ?4)
    AND (?5 IS NULL OR iif(state = 'running' AND evaluated_seq >= wake_seq, 'waiting', state) = ?5)
    AND (?6 IS NULL OR failure_kind = ?6)
    AND (?7 IS NULL OR created_at >= ?7)
    AND (?8 IS NULL OR started_by >= ?8 AND started_by < ?9) AND (?10 IS NULL OR started_by IS NULL)
ORDER BY run_no DESC LIMIT ?2;
-- name: at_or_after
-- For finding the first run since a time by bisection: numbers are given in the order of creation.
SELECT run_no, created_at FROM run WHERE run_no >= ?1 ORDER BY run_no LIMIT 1;
-- name: newest
SELECT max(run_no) FROM run;
-- name: lowest
SELECT min(run_no) FROM run;
-- name: renumber
-- Only for a row that nothing refers to yet.
UPDATE run SET run_no = ?2 WHERE run_no = ?1;
-- name: running_of_limit
-- Runs that have started and hold a place of a limit, counted up to a bound.
SELECT count(*) FROM (SELECT 1 FROM run WHERE limit_key = ?1 AND place = 1 LIMIT ?2);
-- name: one_of_limit
SELECT id FROM run WHERE limit_key = ?1 AND place = 1 ORDER BY run_no DESC LIMIT 1;
-- name: ahead_of_limit
-- Queued runs that go first: a higher priority, or the same and older. Counted up to a bound.
SELECT count(*) FROM (SELECT 1 FROM run WHERE limit_key = ?1 AND place = 0 AND priority > ?2 LIMIT ?4) UNION ALL
SELECT count(*) FROM (SELECT 1 FROM run WHERE limit_key = ?1 AND place = 0 AND priority = ?2 AND run_no < ?3 LIMIT ?4);
-- name: next_of_limit
SELECT run_no FROM run WHERE limit_key = ?1 AND place = 0 ORDER BY priority DESC, run_no LIMIT 1;
-- name: older_open
-- Open runs of older releases; a draft is no older release.
SELECT count(*) FROM (SELECT 1 FROM run INDEXED BY run_open WHERE ended_at IS NULL AND flow = ?1 AND release > 0 AND release < ?2 LIMIT ?3);
-- name: oldest_release
SELECT release FROM run INDEXED BY run_open WHERE ended_at IS NULL AND flow = ?1 AND release > 0 ORDER BY release LIMIT 1;
-- name: drained
-- Queued runs for which no older release is open any more.
SELECT run_no FROM run INDEXED BY run_drained WHERE place = 0 AND after_older = 1 AND flow = ?1 AND release <= ?2;
-- name: failures
SELECT flow, count(*) FROM run INDEXED BY run_failed WHERE failure_kind = ?1 AND failed_at >= ?2 GROUP BY flow;
-- name: sweep
SELECT id FROM run INDEXED BY run_by_state WHERE state = ?1 AND run_no > ?2 ORDER BY run_no LIMIT ?3;
-- name: open_child
SELECT 1 FROM run WHERE parent = ?1 AND ended_at IS NULL LIMIT 1;
-- name: open_fork
-- An open run may still reuse answers of this one.
SELECT 1 FROM run WHERE forked_from = ?1 AND ended_at IS NULL LIMIT 1;
-- name: ended_between
SELECT id, ended_at FROM run INDEXED BY run_ended
WHERE flow = ?1 AND ended_at IS NOT NULL AND ended_at > ?2 AND ended_at < ?3 ORDER BY ended_at LIMIT ?4;
-- name: delete
DELETE FROM run WHERE run_no = ?1;
-- name: all_of_limit
SELECT id FROM run WHERE limit_key = ?1 AND place = 1 ORDER BY run_no LIMIT ?2;
