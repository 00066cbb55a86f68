-- The tables of the first schema. Ids are stored as the 22 bytes behind their text, and `run_no` stands for the id of a
-- run everywhere but in `run` itself: a million waiting runs pay for every byte twice, in the table and in its indexes.
-- Integers are 64 bits, times are Unix milliseconds, digests are lower-case hex. Words are compared one by one: for a list of
-- more than two (`IN`) SQLite builds a table at every write.

CREATE TABLE installation (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    claims INTEGER NOT NULL
);

CREATE TABLE run (
    run_no INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    flow TEXT NOT NULL,
    release INTEGER NOT NULL,
    bundle TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state = 'queued' OR state = 'running' OR state = 'ending' OR state = 'paused' OR state = 'parked'
        OR state = 'succeeded' OR state = 'failed' OR state = 'cancelled' OR state = 'timed_out' OR state = 'dead'),
    seq INTEGER NOT NULL CHECK (seq >= 1),
    wake_seq INTEGER NOT NULL CHECK (wake_seq <= seq),
    calls INTEGER NOT NULL,
    open_steps INTEGER NOT NULL CHECK (open_steps BETWEEN 0 AND calls),
    fence INTEGER NOT NULL,
    ending TEXT CHECK (ending = 'succeeded' OR ending = 'failed' OR ending = 'cancelled' OR ending = 'timed_out' OR ending = 'dead'),
    deadline_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    failure TEXT,
    advance_fence INTEGER NOT NULL,
    evaluated_seq INTEGER NOT NULL,
    crashes INTEGER NOT NULL
);
CREATE INDEX run_by_flow ON run (flow);
CREATE INDEX run_by_state ON run (state);
CREATE INDEX run_ready ON run (state) WHERE state = 'running' AND evaluated_seq < wake_seq;

CREATE TABLE run_count (
    flow TEXT NOT NULL,
    state TEXT NOT NULL,
    runs INTEGER NOT NULL CHECK (runs >= 0),
    PRIMARY KEY (flow, state)
) WITHOUT ROWID;

CREATE TABLE step (
    run_no INTEGER NOT NULL REFERENCES run (run_no),
    call INTEGER NOT NULL CHECK (call >= 1),
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind = 'job' OR kind = 'wait' OR kind = 'sleep'),
    wait BLOB CHECK ((wait IS NOT NULL) = (kind = 'wait')),
    job TEXT CHECK ((job IS NOT NULL) = (kind = 'job')),
    spec_seq INTEGER NOT NULL,
    completed_seq INTEGER CHECK (completed_seq > spec_seq),
    deadline_at INTEGER NOT NULL,
    answer_digest TEXT,
    kept INTEGER NOT NULL,
    PRIMARY KEY (run_no, call)
) WITHOUT ROWID;
CREATE UNIQUE INDEX step_wait ON step (wait) WHERE wait IS NOT NULL;
CREATE INDEX step_open ON step (run_no, call) WHERE completed_seq IS NULL;

CREATE TABLE attempt (
    run_no INTEGER NOT NULL REFERENCES run (run_no),
    fence INTEGER NOT NULL CHECK (fence >= 1),
    id BLOB NOT NULL UNIQUE,
    call INTEGER NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    state TEXT NOT NULL CHECK (state = 'scheduled' OR state = 'launching' OR state = 'launch_unknown' OR state = 'launched'
        OR state = 'running' OR state = 'suspect' OR state = 'stopping' OR state = 'succeeded' OR state = 'failed' OR state = 'lost'
        OR state = 'interrupted' OR state = 'rejected' OR state = 'stopped'),
    over INTEGER NOT NULL CHECK (over = (state = 'succeeded' OR state = 'failed' OR state = 'lost' OR state = 'interrupted'
        OR state = 'rejected' OR state = 'stopped')),
    stopping TEXT CHECK (stopping = 'timed_out' OR stopping = 'not_started' OR stopping = 'stalled' OR stopping = 'silent'
        OR stopping = 'cancelled' OR stopping = 'superseded' OR stopping = 'budget'),
    debt INTEGER NOT NULL CHECK (debt IN (0, 1)),
    host TEXT,
    handed TEXT CHECK ((handed IS NULL) = (host IS NULL)),
    scheduled_at INTEGER NOT NULL,
    deadline_at INTEGER NOT NULL,
    result_digest TEXT,
    PRIMARY KEY (run_no, fence),
    FOREIGN KEY (run_no, call) REFERENCES step (run_no, call)
) WITHOUT ROWID;
CREATE INDEX attempt_open ON attempt (run_no, fence) WHERE over = 0;
CREATE INDEX attempt_on_host ON attempt (over, host) WHERE over = 0;

CREATE TABLE event (
    run_no INTEGER NOT NULL REFERENCES run (run_no),
    seq INTEGER NOT NULL CHECK (seq >= 1),
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (run_no, seq)
) WITHOUT ROWID;

CREATE TABLE due (
    run_no INTEGER NOT NULL REFERENCES run (run_no),
    key TEXT NOT NULL,
    class INTEGER NOT NULL CHECK (class BETWEEN 0 AND 3),
    due_at INTEGER NOT NULL,
    asked_at INTEGER,
    fence INTEGER NOT NULL,
    PRIMARY KEY (run_no, key)
) WITHOUT ROWID;
CREATE INDEX due_next ON due (class, due_at);

CREATE TABLE callback (
    run_no INTEGER NOT NULL REFERENCES run (run_no),
    subject TEXT NOT NULL,
    id TEXT NOT NULL,
    digest TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome = 'accepted' OR outcome = 'duplicate' OR outcome = 'conflict' OR outcome = 'late'
        OR outcome = 'invalid'),
    at INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    body BLOB,
    PRIMARY KEY (run_no, subject, id)
) WITHOUT ROWID;

CREATE TABLE beat (
    run_no INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    progress INTEGER NOT NULL CHECK (progress IN (0, 1)),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    skew_ms INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (run_no, fence, progress),
    FOREIGN KEY (run_no, fence) REFERENCES attempt (run_no, fence)
) WITHOUT ROWID;

CREATE TABLE host (
    name TEXT PRIMARY KEY,
    data TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE bundle (
    digest TEXT PRIMARY KEY,
    files TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE flow (
    name TEXT PRIMARY KEY,
    live INTEGER
) WITHOUT ROWID;

CREATE TABLE draft (
    flow TEXT PRIMARY KEY REFERENCES flow (name),
    digest TEXT NOT NULL REFERENCES bundle (digest),
    manifest TEXT NOT NULL,
    actor TEXT NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE release (
    flow TEXT NOT NULL REFERENCES flow (name),
    number INTEGER NOT NULL CHECK (number >= 1),
    digest TEXT NOT NULL REFERENCES bundle (digest),
    manifest TEXT NOT NULL,
    notes TEXT NOT NULL,
    actor TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (flow, number)
) WITHOUT ROWID;
CREATE TRIGGER release_is_immutable BEFORE UPDATE ON release BEGIN SELECT RAISE(ABORT, 'a release never changes'); END;
CREATE TRIGGER event_is_immutable BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'an event never changes'); END;

CREATE TABLE idempotency (
    key TEXT PRIMARY KEY,
    request_digest TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;
