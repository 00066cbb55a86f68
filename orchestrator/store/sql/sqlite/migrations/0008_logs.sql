-- Output of jobs that the server has. The bytes are in files beside the store; here is how far they go, what is still to be
-- fetched, and when. A row goes with its run.

CREATE TABLE log_attempt (
    run_no INTEGER NOT NULL REFERENCES run (run_no) ON DELETE CASCADE,
    attempt BLOB NOT NULL,
    stdout INTEGER NOT NULL CHECK (stdout >= 0),
    stderr INTEGER NOT NULL CHECK (stderr >= 0),
    stdout_total INTEGER,
    stderr_total INTEGER,
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
    note TEXT,
    tries INTEGER NOT NULL,
    due_at INTEGER,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (run_no, attempt)
) WITHOUT ROWID;
CREATE INDEX log_attempt_due ON log_attempt (due_at) WHERE due_at IS NOT NULL;
