-- Tables of operations.

-- What people and other systems are asked for. Only these two kinds: an index over every open step would be paid by every job.
CREATE INDEX step_asked ON step (kind, run_no, call)
WHERE completed_seq IS NULL AND forgotten = 0 AND (kind = 'wait' OR kind = 'approval');

-- Commands of operators that changed something, beside what stands in the histories of runs.
CREATE TABLE operator_action (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    status INTEGER NOT NULL
);
