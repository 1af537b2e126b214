-- What changed in a company's record from one answer to the next, for `acra-express export --changed-since`; and the
-- level of a site, stored with the version of the table of thresholds that it was judged by. Works beside the previous
-- version: a trigger writes the history of its outcomes too, and leaves their level empty.

ALTER TABLE acra_express.outcomes
    ADD COLUMN IF NOT EXISTS level text,            -- certain, likely or unsure; null where there is no site
    ADD COLUMN IF NOT EXISTS level_table smallint;  -- version of the thresholds

-- One row for each field that an answer changed, null for "nothing". Only addresses of roles stand here, those that
-- may be stored in the open; addresses of people are counted in emails_hidden. Kept for HISTORY_DAYS.
CREATE TABLE IF NOT EXISTS acra_express.field_history (
    changed_at timestamptz NOT NULL, -- when the answer ended
    uen        text NOT NULL,
    field      text NOT NULL,        -- a column of the export
    before     jsonb,
    after      jsonb,
    PRIMARY KEY (changed_at, uen, field)
);
CREATE INDEX IF NOT EXISTS field_history_uen ON acra_express.field_history (uen, changed_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON acra_express.field_history TO {{role}};

-- The fields of a record that an answer decides. Lists are sorted, so that another order is no change. Paths are lax:
-- a detail of any shape gives an answer, and no error.
CREATE OR REPLACE FUNCTION acra_express.fields_of(p_kind text, p_reason text, p_level text, p_detail jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('outcome', p_kind, 'reason', nullif(p_reason, ''))
        || CASE WHEN p_kind <> 'enriched' THEN '{}' ELSE jsonb_build_object(
            'website', p_detail #> '{site,domain}',
            'level', p_level,
            'emails', (
                SELECT jsonb_agg(e -> 'address' ORDER BY e -> 'address')
                FROM jsonb_path_query(p_detail, '$.emails[*] ? (@.kind == "role" && exists(@.address))') e),
            'emails_status', (
                SELECT jsonb_agg(concat_ws(' ', e ->> 'address', coalesce(e #>> '{verdict,status}', 'unverified'))
                                 ORDER BY e -> 'address')
                FROM jsonb_path_query(p_detail, '$.emails[*] ? (@.kind == "role" && exists(@.address))') e),
            'emails_hidden', (
                SELECT nullif(count(*), 0)
                FROM jsonb_path_query(p_detail, '$.emails[*] ? (@.kind != "role" || exists(@.address_hash))')),
            'phones', (
                SELECT jsonb_agg(n ORDER BY n) FROM jsonb_path_query(p_detail, '$.phones[*].number') n),
            'postal_code', p_detail #> '{postal_code,value}',
            'linkedin', jsonb_path_query_first(p_detail, '$.socials[*] ? (@.network == "linkedin").url'),
            'socials', (
                SELECT jsonb_agg(u ORDER BY u)
                FROM jsonb_path_query(p_detail, '$.socials[*] ? (@.network != "linkedin").url') u)) END)
$$;

-- Runs in the transaction that stores the answer: one look-up by index and one insert, without a further round trip.
-- A level that the earlier answer does not know (the previous version stored it) is no change.
CREATE OR REPLACE FUNCTION acra_express.note_changes() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    earlier jsonb;
    later jsonb;
BEGIN
    SELECT acra_express.fields_of(o.kind, o.reason, coalesce(o.level, NEW.level), o.detail) INTO earlier
    FROM acra_express.outcomes o
    WHERE o.uen = NEW.uen AND o.kind IN ('enriched', 'no_website') AND o.ended_at <= NEW.ended_at
      AND (o.job_id, o.company_id) <> (NEW.job_id, NEW.company_id)
    ORDER BY o.ended_at DESC, o.job_id DESC LIMIT 1;
    later := acra_express.fields_of(NEW.kind, NEW.reason, NEW.level, NEW.detail);
    INSERT INTO acra_express.field_history (changed_at, uen, field, before, after)
    SELECT NEW.ended_at, NEW.uen, key.field, earlier -> key.field, later -> key.field
    FROM (SELECT jsonb_object_keys(coalesce(earlier, '{}')) UNION SELECT jsonb_object_keys(later)) AS key(field)
    WHERE (earlier -> key.field) IS DISTINCT FROM (later -> key.field)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER outcomes_changes AFTER INSERT ON acra_express.outcomes
    FOR EACH ROW WHEN (NEW.kind IN ('enriched', 'no_website') AND NEW.uen <> '')
    EXECUTE FUNCTION acra_express.note_changes();

-- What a campaign's list counted when it was pruned: its listed UENs that never became companies. The campaign's states
-- go on adding up to its total.
ALTER TABLE acra_express.campaigns
    ADD COLUMN IF NOT EXISTS pruned_skipped int NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS pruned_cancelled int NOT NULL DEFAULT 0;

-- The latest count of the standing selection by the age of the last answer; one replica counts at ticks, all show it.
CREATE TABLE IF NOT EXISTS acra_express.freshness (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    counted_at timestamptz NOT NULL,
    days_7     int NOT NULL,   -- looked at within 7 days
    days_30    int NOT NULL,   -- within 30 days, but not within 7
    older      int NOT NULL,
    never      int NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON acra_express.freshness TO {{role}};
