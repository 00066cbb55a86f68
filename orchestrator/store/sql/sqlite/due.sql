-- Due work. A claim moves `due_at` to the end of its lease, so that one index serves and an expired lease comes back by itself;
-- `asked_at` keeps the time that was asked for. Fence 0: not claimed since it was last put. Classes with a `flow` are claimed in
-- turns between flows, those with the highest priority first.
-- name: put
INSERT INTO due (run_no, key, class, due_at, asked_at, fence) VALUES (?1, ?2, ?3, ?4, NULL, 0)
ON CONFLICT (run_no, key) DO UPDATE SET due_at = excluded.due_at, asked_at = NULL, fence = 0;
-- name: put_fair
INSERT INTO due (run_no, key, class, due_at, asked_at, fence, flow, rank) SELECT run_no, ?2, ?3, ?4, NULL, 0, flow, -priority FROM run WHERE run_no = ?1
ON CONFLICT (run_no, key) DO UPDATE SET due_at = excluded.due_at, asked_at = NULL, fence = 0, held_for = NULL;
-- name: drop
DELETE FROM due WHERE run_no = ?1 AND key = ?2;
-- name: drop_four
DELETE FROM due WHERE run_no = ?1 AND (key = ?2 OR key = ?3 OR key = ?4 OR key = ?5);
-- name: keys
SELECT key FROM due WHERE run_no = ?1;
-- name: next
SELECT due_at FROM due INDEXED BY due_next WHERE flow IS NULL AND class = ?1 ORDER BY due_at LIMIT 1;
-- name: ready
SELECT run_no, key, coalesce(asked_at, due_at), (SELECT run.id FROM run WHERE run.run_no = due.run_no)
FROM due INDEXED BY due_next WHERE flow IS NULL AND class = ?1 AND due_at <= ?2 ORDER BY due_at LIMIT ?3;
-- name: ready_of_flow
SELECT run_no, key, coalesce(asked_at, due_at), (SELECT run.id FROM run WHERE run.run_no = due.run_no)
FROM due INDEXED BY due_fair WHERE flow IS NOT NULL AND class = ?1 AND rank = ?2 AND flow = ?3 AND due_at <= ?4 ORDER BY due_at LIMIT ?5 OFFSET ?6;
-- name: next_of_flow
SELECT due_at FROM due INDEXED BY due_fair WHERE flow IS NOT NULL AND class = ?1 AND rank = ?2 AND flow = ?3 ORDER BY due_at LIMIT 1;
-- name: next_rank
SELECT rank FROM due INDEXED BY due_fair WHERE flow IS NOT NULL AND class = ?1 AND rank > ?2 ORDER BY rank LIMIT 1;
-- name: next_flow
SELECT flow FROM due INDEXED BY due_fair WHERE flow IS NOT NULL AND class = ?1 AND rank = ?2 AND flow > ?3 ORDER BY flow LIMIT 1;
-- name: claim
UPDATE due SET due_at = ?3, asked_at = coalesce(asked_at, due_at), fence = ?4 WHERE run_no = ?1 AND key = ?2;
-- name: finish
DELETE FROM due WHERE run_no = (SELECT run.run_no FROM run WHERE run.id = ?1) AND key = ?2 AND fence = ?3 AND fence > 0;
-- name: postpone
UPDATE due SET due_at = ?4, asked_at = NULL, fence = 0
WHERE run_no = (SELECT run.run_no FROM run WHERE run.id = ?1) AND key = ?2 AND fence = ?3 AND fence > 0;
-- name: hold
-- It leaves the order of what is due until a slot is free.
UPDATE due SET due_at = 9223372036854775807, asked_at = NULL, fence = 0, held_for = ?4
WHERE run_no = (SELECT run.run_no FROM run WHERE run.id = ?1) AND key = ?2 AND fence = ?3 AND fence > 0;
-- name: release
UPDATE due SET due_at = ?3, held_for = NULL WHERE run_no = ?1 AND key = ?2;
-- name: release_all
UPDATE due SET due_at = ?2, held_for = NULL WHERE (run_no, key) IN (
    SELECT run_no, key FROM due INDEXED BY due_held WHERE held_for IS NOT NULL AND held_for = ?1 LIMIT ?3);
-- name: held_rank
SELECT rank FROM due INDEXED BY due_held WHERE held_for IS NOT NULL AND held_for = ?1 ORDER BY rank LIMIT 1;
-- name: held_flow
SELECT flow FROM due INDEXED BY due_held WHERE held_for IS NOT NULL AND held_for = ?1 AND rank = ?2 AND flow > ?3 ORDER BY flow LIMIT 1;
-- name: held_next
SELECT run_no, key FROM due INDEXED BY due_held WHERE held_for IS NOT NULL AND held_for = ?1 AND rank = ?2 AND flow = ?3 ORDER BY run_no LIMIT 1;
-- name: held_targets
WITH RECURSIVE targets (target) AS (
    SELECT (SELECT min(held_for) FROM due INDEXED BY due_held WHERE held_for IS NOT NULL)
    UNION ALL
    SELECT (SELECT min(held_for) FROM due INDEXED BY due_held WHERE held_for IS NOT NULL AND held_for > target) FROM targets WHERE target IS NOT NULL
)
SELECT target FROM targets WHERE target IS NOT NULL;
-- name: held_for
SELECT held_for, rank FROM due WHERE run_no = ?1 AND key = ?2 AND held_for IS NOT NULL;
-- name: held_ahead
-- Held for the same, with a higher priority, or with the same and of an older run. Counted up to a bound.
SELECT count(*) FROM (SELECT 1 FROM due INDEXED BY due_held WHERE held_for IS NOT NULL AND held_for = ?1 AND rank < ?2 LIMIT ?4) UNION ALL
SELECT count(*) FROM (SELECT 1 FROM due INDEXED BY due_held WHERE held_for IS NOT NULL AND held_for = ?1 AND rank = ?2 AND run_no < ?3 LIMIT ?4);
-- name: held_count
SELECT count(*) FROM (SELECT 1 FROM due INDEXED BY due_held WHERE held_for IS NOT NULL AND held_for = ?1 LIMIT ?2);
-- name: waiting_since
-- How many pieces of a class are due, and since when the oldest is. Counted up to a bound.
SELECT count(*), min(due_at) FROM (SELECT due_at FROM due INDEXED BY due_next WHERE flow IS NULL AND class = ?1 AND due_at <= ?2 ORDER BY due_at LIMIT ?3);
-- name: waiting_since_of_flow
SELECT count(*), min(due_at) FROM (SELECT due_at FROM due INDEXED BY due_fair
    WHERE flow IS NOT NULL AND class = ?1 AND rank = ?2 AND flow = ?3 AND due_at <= ?4 ORDER BY due_at LIMIT ?5);
-- name: give_back
UPDATE due SET due_at = asked_at, asked_at = NULL, fence = 0
WHERE flow IS NULL AND class = ?1 AND due_at <= ?2 AND asked_at IS NOT NULL;
-- name: give_back_fair
UPDATE due SET due_at = asked_at, asked_at = NULL, fence = 0
WHERE flow IS NOT NULL AND class = ?1 AND due_at <= ?2 AND asked_at IS NOT NULL;
-- name: of_run
SELECT key, coalesce(asked_at, due_at), fence FROM due WHERE run_no = ?1 ORDER BY 2, key;
-- name: held
SELECT 1 FROM due WHERE run_no = (SELECT run.run_no FROM run WHERE run.id = ?1) AND key = ?2 AND fence = ?3 AND fence > 0;
