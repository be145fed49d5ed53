-- Times are milliseconds since 1970. A holder is (kind, issuer, name): kind 1 a subject, 2 an account.
-- What is said of one was made by a change: `made` is its number.

-- The number of the last change. Whoever writes takes the next one first, and so waits for the writer
-- before: numbers have no gaps, and none becomes visible before a smaller one. Its time is the last
-- change's.
CREATE TABLE feed (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    seq BIGINT NOT NULL,
    at_ms BIGINT NOT NULL
);
INSERT INTO feed (one, seq, at_ms) VALUES (1, 0, 0);

CREATE TABLE assignments (
    kind BIGINT NOT NULL,
    issuer TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    made BIGINT NOT NULL,
    from_ms BIGINT NOT NULL,
    until_ms BIGINT,
    plan TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, issuer, name, made)
);

-- An empty route is every route.
CREATE TABLE overrides (
    kind BIGINT NOT NULL,
    issuer TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    made BIGINT NOT NULL,
    route TEXT COLLATE "C" NOT NULL,
    limit_name TEXT COLLATE "C" NOT NULL,
    from_ms BIGINT NOT NULL,
    until_ms BIGINT,
    limit_text TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, issuer, name, made)
);

-- What every instance learns, and the audit: who, when, why, and the holder's record before and after.
CREATE TABLE changes (
    seq BIGINT PRIMARY KEY,
    kind BIGINT NOT NULL,
    issuer TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    at_ms BIGINT NOT NULL,
    by_whom TEXT COLLATE "C" NOT NULL,
    act TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C" NOT NULL,
    before_json TEXT COLLATE "C" NOT NULL,
    after_json TEXT COLLATE "C" NOT NULL
);
CREATE INDEX changes_of_holder ON changes (kind, issuer, name, seq);

-- Writes that were made, by the key that their writer chose.
CREATE TABLE write_keys (
    write_key TEXT COLLATE "C" PRIMARY KEY,
    request_sha256 TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX write_keys_by_expiry ON write_keys (expires_ms);
