-- Who took an opt-out back, and when: without it the company, domain or address is looked at again, and somebody must
-- answer for that. Works beside the previous version, which does not know the table.

CREATE TABLE IF NOT EXISTS acra_express.opt_out_removals (
    kind        text NOT NULL,
    value       text NOT NULL,        -- as in opt_outs: an address is kept as its keyed hash
    recorded_at timestamptz NOT NULL, -- when it had opted out
    removed_at  timestamptz NOT NULL,
    removed_by  text NOT NULL,
    PRIMARY KEY (kind, value, removed_at)
);
GRANT SELECT, INSERT ON acra_express.opt_out_removals TO {{role}};
