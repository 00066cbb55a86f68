-- Signs of life: one row per attempt and kind, the highest number seen.
-- name: put
-- What was seen over SSH has the number 0: it is as new as its time, and what is posted later goes on with its own numbers.
INSERT INTO beat (run_no, fence, kind, seq, at, skew_ms, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (run_no, fence, kind) DO UPDATE SET seq = max(seq, excluded.seq), at = excluded.at, skew_ms = excluded.skew_ms, data = excluded.data
WHERE (excluded.seq > seq OR excluded.seq = 0)
    -- A heartbeat from another machine than before is that of a clone (F100): the first one is believed.
    AND (excluded.kind <> 0 OR coalesce(json_extract(excluded.data, '$.boot_id') = json_extract(data, '$.boot_id'), 1));
-- name: boot
-- Boot id of the machine that a heartbeat came from.
SELECT json_extract(data, '$.boot_id') FROM beat WHERE run_no = ?1 AND fence = ?2 AND kind = 0;
-- name: last_seen
SELECT max(at) FROM beat WHERE run_no = ?1 AND fence = ?2;
-- name: of_run
SELECT (SELECT attempt.id FROM attempt WHERE attempt.run_no = beat.run_no AND attempt.fence = beat.fence), seq, at, skew_ms, data, kind
FROM beat WHERE run_no = ?1 ORDER BY fence, at;
-- name: progress
SELECT (SELECT attempt.id FROM attempt WHERE attempt.run_no = beat.run_no AND attempt.fence = beat.fence), data
FROM beat WHERE run_no = ?1 AND kind = 1;
-- name: reports
-- Progress and checkpoints by call, the newest attempt last.
SELECT (SELECT attempt.call FROM attempt WHERE attempt.run_no = beat.run_no AND attempt.fence = beat.fence), kind, data
FROM beat WHERE run_no = ?1 AND kind > 0 ORDER BY fence;
-- name: delete_of_run
DELETE FROM beat WHERE run_no = ?1;
