-- Number of runs by flow and shown state, kept with every change of state: counting a million rows takes a tenth of a second.
-- name: up
INSERT INTO run_count (flow, state, runs) VALUES (?1, ?2, 1) ON CONFLICT (flow, state) DO UPDATE SET runs = runs + 1;
-- name: down
UPDATE run_count SET runs = runs - 1 WHERE flow = ?1 AND state = ?2;
-- name: all
SELECT flow, state, runs FROM run_count WHERE runs > 0 ORDER BY flow, state;
