-- People who operate the installation, secrets (sealed), connections. Of a token only its digest is here, of a secret only what
-- its root can open.

CREATE TABLE operator (
    name TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    data TEXT NOT NULL
) WITHOUT ROWID;

-- A removed secret leaves its version behind: a version is never used twice, and an old backup's bytes open no newer one.
CREATE TABLE secret (
    name TEXT PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version >= 1),
    root INTEGER,
    sealed BLOB,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    CHECK ((root IS NULL) = (sealed IS NULL))
) WITHOUT ROWID;

CREATE TABLE outbound_connection (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL
) WITHOUT ROWID;
