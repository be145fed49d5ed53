-- What was used. A series: who (empty: anonymous), on which plan and route (empty: none known), with the
-- first and the last period in which it was counted. So each count is a few numbers.
CREATE TABLE meter_series (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    issuer TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    plan TEXT COLLATE "C" NOT NULL,
    route TEXT COLLATE "C" NOT NULL,
    first_ms BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    UNIQUE (issuer, subject, account, plan, route)
);
CREATE INDEX meter_series_of_account ON meter_series (issuer, account) WHERE account <> '';

-- Of one series in the quarter of an hour that begins at `from_ms`.
CREATE TABLE meters (
    series BIGINT NOT NULL,
    from_ms BIGINT NOT NULL,
    admitted BIGINT NOT NULL,
    limited BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    bytes_in BIGINT NOT NULL,
    bytes_out BIGINT NOT NULL,
    cost_units BIGINT NOT NULL,
    PRIMARY KEY (series, from_ms)
);
CREATE INDEX meters_by_time ON meters (from_ms);

-- Files of logs whose first `lines` lines are in the meters. A file is known by its first line (`head`),
-- logs with the same first line are numbered (`fork`). `marks`: digests of its beginning.
CREATE TABLE counted_logs (
    source TEXT COLLATE "C" NOT NULL,
    head TEXT COLLATE "C" NOT NULL,
    fork BIGINT NOT NULL,
    lines BIGINT NOT NULL,
    marks TEXT COLLATE "C" NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (source, head, fork)
);
CREATE INDEX counted_logs_by_time ON counted_logs (at_ms);
