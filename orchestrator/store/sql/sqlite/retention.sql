-- How far the deletion of old runs has looked, by flow.
-- name: get
SELECT run_no FROM retention WHERE flow = ?1;
-- name: put
INSERT INTO retention (flow, run_no) VALUES (?1, ?2) ON CONFLICT (flow) DO UPDATE SET run_no = excluded.run_no;
