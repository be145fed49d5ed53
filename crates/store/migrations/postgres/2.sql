-- Units counted against quotas: of a holder (a subject's by the account that it acted in, empty: none), a
-- limit, a route (empty: all together) and a period. `quota`: how many there are, 0: not known.
CREATE TABLE quota_counts (
    kind BIGINT NOT NULL,
    issuer TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    limit_name TEXT COLLATE "C" NOT NULL,
    route TEXT COLLATE "C" NOT NULL,
    from_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    units BIGINT NOT NULL,
    quota BIGINT NOT NULL,
    PRIMARY KEY (kind, issuer, name, account, limit_name, route, from_ms)
);
CREATE INDEX quota_counts_by_end ON quota_counts (until_ms);

-- The last batch of each writer that was counted: one that is sent again is not.
CREATE TABLE quota_writers (
    writer TEXT COLLATE "C" PRIMARY KEY,
    batch BIGINT NOT NULL,
    at_ms BIGINT NOT NULL
);
