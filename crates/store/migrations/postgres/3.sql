-- What somebody is to be told: one notice for a holder, a limit, a period and a threshold, ever.
-- `state`: 1 to be delivered, 2 delivered, 3 given up. `due_ms`: not before; while somebody delivers it,
-- when that one is taken for dead. `id`: never given to another notice, since receivers know one by it.
CREATE TABLE notices (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind BIGINT NOT NULL,
    issuer TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    limit_name TEXT COLLATE "C" NOT NULL,
    route TEXT COLLATE "C" NOT NULL,
    from_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    threshold_percent BIGINT NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    made_ms BIGINT NOT NULL,
    state BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    UNIQUE (kind, issuer, name, account, limit_name, route, from_ms, threshold_percent)
);
CREATE INDEX notices_by_due ON notices (state, due_ms);
