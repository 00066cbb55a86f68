-- Tables of triggers: schedules and the times they fired, outside events, deliveries of webhooks, what is live and how it came.
-- Ids of runs are their 22 bytes: a run may be removed before the time or the delivery that started it is forgotten.

ALTER TABLE flow ADD COLUMN handoff TEXT NOT NULL DEFAULT 'coexist' CHECK (handoff = 'coexist' OR handoff = 'drain' OR handoff = 'supersede');
ALTER TABLE flow ADD COLUMN live_since INTEGER NOT NULL DEFAULT 0;

CREATE TABLE schedule (
    flow TEXT NOT NULL REFERENCES flow (name),
    name TEXT NOT NULL,
    spec TEXT NOT NULL,
    release INTEGER NOT NULL,
    since INTEGER NOT NULL,
    cursor_at INTEGER NOT NULL,
    next_at INTEGER,
    paused_at INTEGER,
    paused_by TEXT CHECK ((paused_by IS NULL) = (paused_at IS NULL)),
    PRIMARY KEY (flow, name),
    CHECK (paused_at IS NULL OR next_at IS NULL)
) WITHOUT ROWID;
CREATE INDEX schedule_next ON schedule (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE schedule_revision (
    flow TEXT NOT NULL,
    name TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    spec TEXT NOT NULL,
    release INTEGER NOT NULL,
    PRIMARY KEY (flow, name, since)
) WITHOUT ROWID;

CREATE TABLE fire (
    flow TEXT NOT NULL,
    name TEXT NOT NULL,
    at INTEGER NOT NULL,
    cause TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state = 'due' OR state = 'started' OR state = 'skipped' OR state = 'failed'),
    due_at INTEGER NOT NULL,
    run BLOB NOT NULL,
    note TEXT,
    spec TEXT CHECK ((spec IS NOT NULL) = (state = 'due')),
    PRIMARY KEY (flow, name, at)
) WITHOUT ROWID;
CREATE INDEX fire_due ON fire (due_at) WHERE state = 'due';
CREATE INDEX fire_at ON fire (at);

CREATE TABLE schedule_missed (
    flow TEXT NOT NULL,
    name TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    times INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (flow, name, first_at)
) WITHOUT ROWID;
CREATE INDEX schedule_missed_at ON schedule_missed (at);

CREATE TABLE outside_event (
    no INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    id TEXT NOT NULL,
    payload TEXT NOT NULL,
    actor TEXT NOT NULL,
    at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (name, key, id)
);
CREATE INDEX outside_event_kept ON outside_event (name, key, no);
CREATE INDEX outside_event_expires ON outside_event (expires_at);

-- Open steps only: no row outlives its run.
CREATE TABLE event_wait (
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    run_no INTEGER NOT NULL,
    call INTEGER NOT NULL,
    PRIMARY KEY (name, key, run_no, call)
) WITHOUT ROWID;

CREATE TABLE hook_delivery (
    no INTEGER PRIMARY KEY,
    flow TEXT NOT NULL,
    name TEXT NOT NULL,
    delivery TEXT NOT NULL,
    digest TEXT NOT NULL,
    run BLOB NOT NULL,
    at INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (flow, name, delivery)
);
CREATE INDEX hook_delivery_of ON hook_delivery (flow, name, no);
CREATE INDEX hook_delivery_at ON hook_delivery (at);
