-- Kept bytes and their names. A blob row is there before its bytes and goes after them; a resource is one name for a blob, and goes
-- with its run.

CREATE TABLE blob (
    sha256 TEXT PRIMARY KEY,
    size INTEGER NOT NULL CHECK (size >= 0),
    touched_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE resource (
    run_no INTEGER NOT NULL REFERENCES run (run_no) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    call INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL CHECK (size >= 0),
    sha256 TEXT NOT NULL REFERENCES blob (sha256),
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (run_no, subject, name)
) WITHOUT ROWID;
CREATE INDEX resource_blob ON resource (sha256);
CREATE INDEX resource_expiry ON resource (expires_at) WHERE expires_at IS NOT NULL;
