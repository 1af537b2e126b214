-- Settles several charges at once, so that a settlement can be part of the statement that keeps the answer it is about.
-- Works beside the previous version, which goes on calling settle(bigint, text[], int[]).

-- p_settlements: [{"charge_id": 7, "amounts": {"tokens_1m": 812}}, ...]; a budget without an amount keeps what was
-- reserved. What was drawn ages from now, at the latest from where it was held. Answers how many charges there were.
CREATE OR REPLACE FUNCTION acra_express.settle_all(p_settlements jsonb) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_array_length(p_settlements) > 0 THEN
        UPDATE acra_express.budget_charges c
        SET ages_from = least(c.ages_from, acra_express.clock()),
            amount = coalesce((s.amounts ->> c.budget)::int, c.amount)
        FROM jsonb_to_recordset(p_settlements) AS s(charge_id bigint, amounts jsonb)
        WHERE c.charge_id = s.charge_id;
    END IF;
    RETURN jsonb_array_length(p_settlements);
END $$;

REVOKE ALL ON FUNCTION acra_express.settle_all(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acra_express.settle_all(jsonb) TO {{role}};
