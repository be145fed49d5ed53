-- Times are milliseconds since 1970. A holder is (kind, issuer, name): kind 1 a subject, 2 an account.
-- What is said of one was made by a change: `made` is its number.

-- The number of the last change. Whoever writes takes the next one first, and so waits for the writer
-- before: numbers have no gaps, and none becomes visible before a smaller one. Its time is the last
-- change's.
CREATE TABLE feed (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
INSERT INTO feed (one, seq, at_ms) VALUES (1, 0, 0);

CREATE TABLE assignments (
    kind INTEGER NOT NULL,
    issuer TEXT NOT NULL,
    name TEXT NOT NULL,
    made INTEGER NOT NULL,
    from_ms INTEGER NOT NULL,
    until_ms INTEGER,
    plan TEXT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (kind, issuer, name, made)
) STRICT, WITHOUT ROWID;

-- An empty route is every route.
CREATE TABLE overrides (
    kind INTEGER NOT NULL,
    issuer TEXT NOT NULL,
    name TEXT NOT NULL,
    made INTEGER NOT NULL,
    route TEXT NOT NULL,
    limit_name TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    until_ms INTEGER,
    limit_text TEXT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (kind, issuer, name, made)
) STRICT, WITHOUT ROWID;

-- What every instance learns, and the audit: who, when, why, and the holder's record before and after.
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    issuer TEXT NOT NULL,
    name TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    by_whom TEXT NOT NULL,
    act TEXT NOT NULL,
    note TEXT NOT NULL,
    before_json TEXT NOT NULL,
    after_json TEXT NOT NULL
) STRICT;
CREATE INDEX changes_of_holder ON changes (kind, issuer, name, seq);

-- Writes that were made, by the key that their writer chose.
CREATE TABLE write_keys (
    write_key TEXT PRIMARY KEY,
    request_sha256 TEXT NOT NULL,
    seq INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX write_keys_by_expiry ON write_keys (expires_ms);
