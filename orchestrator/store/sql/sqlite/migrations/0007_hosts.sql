-- What is known of hosts besides what operators set.

CREATE TABLE host_health (
    name TEXT PRIMARY KEY,
    data TEXT NOT NULL
) WITHOUT ROWID;
