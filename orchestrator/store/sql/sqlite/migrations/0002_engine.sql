-- Tables of the whole engine. Foreign keys are off while this runs, and checked at its end: tables are rebuilt where a CHECK or a
-- key changes. What few runs have is null or a default, and out of the partial indexes: a waiting run pays a byte for each.

-- `plan` is null where it is the default; `extra` holds what is set from the run's end on, or while it is held.
-- `place`: null for runs without a limit and for those that are over; 0 queued; 1 started; 2 queued, and paused.
-- `failed_at`: when `failure` was set. `ended_at`: null while the run is open. `chain`: SHA-256 over all events so far.
ALTER TABLE run ADD COLUMN engine INTEGER NOT NULL DEFAULT 1;
ALTER TABLE run ADD COLUMN plan TEXT;
ALTER TABLE run ADD COLUMN extra TEXT;
ALTER TABLE run ADD COLUMN logged INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN limit_key TEXT;
ALTER TABLE run ADD COLUMN place INTEGER CHECK (place BETWEEN 0 AND 2);
ALTER TABLE run ADD COLUMN after_older INTEGER;
ALTER TABLE run ADD COLUMN parent BLOB;
ALTER TABLE run ADD COLUMN forked_from BLOB;
ALTER TABLE run ADD COLUMN started_by TEXT;
ALTER TABLE run ADD COLUMN failure_kind TEXT;
ALTER TABLE run ADD COLUMN failed_at INTEGER;
ALTER TABLE run ADD COLUMN ended_at INTEGER;
ALTER TABLE run ADD COLUMN chain BLOB;
UPDATE run SET ended_at = updated_at
WHERE state = 'succeeded' OR state = 'failed' OR state = 'cancelled' OR state = 'timed_out' OR state = 'dead';
UPDATE run SET failure_kind = json_extract(failure, '$.kind'), failed_at = updated_at WHERE failure IS NOT NULL;
CREATE INDEX run_place ON run (limit_key, place, priority DESC) WHERE place IS NOT NULL;
CREATE INDEX run_drained ON run (flow, release) WHERE place = 0 AND after_older = 1;
CREATE INDEX run_open ON run (flow, release) WHERE ended_at IS NULL;
CREATE INDEX run_ended ON run (flow, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX run_failed ON run (failure_kind, failed_at) WHERE failure_kind IS NOT NULL;
CREATE INDEX run_started_by ON run (started_by) WHERE started_by IS NOT NULL;
CREATE INDEX run_parent ON run (parent) WHERE parent IS NOT NULL;
CREATE INDEX run_fork ON run (forked_from) WHERE forked_from IS NOT NULL;

-- `wait` is the id of a wait or an approval. `data` is the kind's own state, null where there is none. `opened_at` is set while
-- somebody outside is waited for. A step that was forgotten stays until its call number is used again.
CREATE TABLE step_new (
    run_no INTEGER NOT NULL REFERENCES run (run_no),
    call INTEGER NOT NULL CHECK (call >= 1),
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind = 'job' OR kind = 'wait' OR kind = 'sleep' OR kind = 'http' OR kind = 'artifact' OR kind = 'event'
        OR kind = 'approval' OR kind = 'child'),
    wait BLOB CHECK ((wait IS NOT NULL) = (kind = 'wait' OR kind = 'approval')),
    data TEXT CHECK ((data IS NULL) = (kind = 'wait' OR kind = 'sleep')),
    spec_seq INTEGER NOT NULL,
    completed_seq INTEGER CHECK (completed_seq > spec_seq),
    deadline_at INTEGER NOT NULL,
    timeout_ms INTEGER NOT NULL,
    answer_digest TEXT,
    kept INTEGER NOT NULL,
    forgotten INTEGER NOT NULL CHECK (forgotten BETWEEN 0 AND 1),
    opened_at INTEGER,
    PRIMARY KEY (run_no, call)
) WITHOUT ROWID;
INSERT INTO step_new (run_no, call, name, kind, wait, data, spec_seq, completed_seq, deadline_at, timeout_ms, answer_digest, kept, forgotten,
    opened_at)
SELECT step.run_no, call, name, step.kind, wait, job, spec_seq, completed_seq, deadline_at, 0, answer_digest, kept, 0,
    CASE WHEN step.kind = 'wait' AND completed_seq IS NULL THEN event.at END
FROM step JOIN event ON event.run_no = step.run_no AND event.seq = spec_seq;
DROP TABLE step;
ALTER TABLE step_new RENAME TO step;
CREATE UNIQUE INDEX step_wait ON step (wait) WHERE wait IS NOT NULL;
CREATE INDEX step_open ON step (run_no, call) WHERE completed_seq IS NULL AND forgotten = 0;
CREATE INDEX step_opened ON step (opened_at) WHERE opened_at IS NOT NULL;

-- `flow` and `rank` (the higher priority, the lower) are those of the run, for the classes that are claimed in turns between flows;
-- null for the others. `held_for` is the host or label that a held launch waits for; it is never due by itself.
CREATE TABLE due_new (
    run_no INTEGER NOT NULL REFERENCES run (run_no),
    key TEXT NOT NULL,
    class INTEGER NOT NULL CHECK (class BETWEEN 0 AND 5),
    due_at INTEGER NOT NULL,
    asked_at INTEGER,
    fence INTEGER NOT NULL,
    flow TEXT CHECK ((flow IS NOT NULL) = (class = 0 OR class = 1 OR class = 4)),
    rank INTEGER CHECK ((rank IS NOT NULL) = (flow IS NOT NULL)),
    held_for TEXT CHECK (held_for IS NULL OR class = 1),
    PRIMARY KEY (run_no, key)
) WITHOUT ROWID;
INSERT INTO due_new (run_no, key, class, due_at, asked_at, fence, flow, rank)
SELECT due.run_no, key, class, due_at, asked_at, due.fence, CASE WHEN class = 0 OR class = 1 THEN flow END, CASE WHEN class = 0 OR class = 1 THEN 0 END
FROM due JOIN run ON run.run_no = due.run_no;
DROP TABLE due;
ALTER TABLE due_new RENAME TO due;
CREATE INDEX due_next ON due (class, due_at) WHERE flow IS NULL;
CREATE INDEX due_fair ON due (class, rank, flow, due_at) WHERE flow IS NOT NULL;
CREATE INDEX due_held ON due (held_for, rank, flow, run_no) WHERE held_for IS NOT NULL;

-- `kind`: 0 a heartbeat, 1 progress, 2 a checkpoint.
CREATE TABLE beat_new (
    run_no INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    skew_ms INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (run_no, fence, kind),
    FOREIGN KEY (run_no, fence) REFERENCES attempt (run_no, fence)
) WITHOUT ROWID;
INSERT INTO beat_new (run_no, fence, kind, seq, at, skew_ms, data) SELECT run_no, fence, progress, seq, at, skew_ms, data FROM beat;
DROP TABLE beat;
ALTER TABLE beat_new RENAME TO beat;
