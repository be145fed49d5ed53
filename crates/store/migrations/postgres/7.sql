-- A threshold is told once of each quota: who gets a larger one in the middle of a period is told of that too.
-- `quota`: its units; 0 of notices that were made before.
ALTER TABLE notices ADD COLUMN quota BIGINT NOT NULL DEFAULT 0;
DO $$
DECLARE
    only_key NAME;
BEGIN
    SELECT conname INTO STRICT only_key FROM pg_constraint
        WHERE conrelid = 'notices'::regclass AND contype = 'u';
    EXECUTE format('ALTER TABLE notices DROP CONSTRAINT %I', only_key);
END
$$;
ALTER TABLE notices ADD CONSTRAINT notices_once
    UNIQUE (kind, issuer, name, account, limit_name, route, from_ms, threshold_percent, quota);
