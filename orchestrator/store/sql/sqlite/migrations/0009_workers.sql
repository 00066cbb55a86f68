-- Workers that come and ask for work. Of a worker's token only its digest is here. The fence rises with every process that
-- speaks for the worker: an older one is told to end its jobs. Labels are those that it may serve; any where there are none.

CREATE TABLE worker (
    name TEXT PRIMARY KEY REFERENCES host (name) ON DELETE CASCADE,
    digest TEXT NOT NULL UNIQUE,
    fence INTEGER NOT NULL CHECK (fence >= 0),
    instance TEXT,
    seen_at INTEGER,
    token_at INTEGER NOT NULL,
    labels TEXT NOT NULL
) WITHOUT ROWID;
