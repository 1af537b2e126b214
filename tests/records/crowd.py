"""A database as it may be after years: companies with two decisions each, their registry, history and campaigns, what
people said about a tenth of them, and a sample."""

from __future__ import annotations

from acra_express_async.db.session.pool import Connection

CAMPAIGN = 1000
"""Companies of one campaign; every tenth came from a list."""
CODES = 100
"""SSIC codes, so that one has a hundredth of all companies."""


async def crowd(owner: Connection, companies: int, *, details: bool = True, base: int = 0) -> None:
    """Fill the database; half of the companies are enriched, and half of these changed between the two decisions.

    Args:
        details: with the detail of each answer (about 1 kB), as an export reads it.
        base: what comes before the first id of a company, job, campaign and run.
    """
    for statement in (*_PREPARED, *_FILLED, *_DONE):
        await owner.execute(
            statement.replace(":companies", str(companies))
            .replace(":codes", str(CODES))
            .replace(":campaign", str(CAMPAIGN))
            .replace(":details", str(details).lower())
            .replace(":base", str(base)),
            timeout=1200,
        )


_PREPARED = (
    "ALTER TABLE acra_express.outcomes DISABLE TRIGGER USER",  # they would take a minute per million rows
    "DROP INDEX IF EXISTS idx_staging_acra_companies_name_trgm",
)
_DONE = (
    "SELECT setval(pg_get_serial_sequence('background_jobs', 'job_id'), max(job_id)) FROM background_jobs",
    "ALTER TABLE acra_express.outcomes ENABLE TRIGGER USER",
    "ANALYZE",
)
_FILLED = (
    """
    INSERT INTO staging_acra_companies (uen, entity_name, entity_type_description, entity_status_description,
        primary_ssic_code, primary_ssic_description, block, street_name, postal_code)
    SELECT to_char(i, 'FM000000000') || 'A', 'FIRM ' || i || ' PTE. LTD.', 'Local Company', 'Live Company',
           10000 + i % :codes, 'Trade ' || i % :codes, (i % 900)::text, 'SOME STREET', to_char(i % 800000, 'FM000000')
    FROM generate_series(1, :companies) AS i
    """,
    """
    INSERT INTO companies (company_id, uen, name, industry_code)
    SELECT :base + i, to_char(i, 'FM000000000') || 'A', 'FIRM ' || i || ' PTE. LTD.', (10000 + i % :codes)::text
    FROM generate_series(1, :companies) AS i
    """,
    """
    INSERT INTO acra_express.outcomes (job_id, company_id, uen, kind, reason, ended_at, campaign_id, detail, level)
    SELECT :base + 1 + ((round * :companies::bigint + i) / 5), :base + i, to_char(i, 'FM000000000') || 'A',
           CASE WHEN i % 2 = 0 THEN 'enriched' WHEN i % 10 = 1 AND round = 1 THEN 'failed' ELSE 'no_website' END,
           CASE WHEN i % 2 = 0 THEN '' ELSE 'no_proof' END,
           now() - (1 - round) * interval '40 days' - i * interval '1 second',
           :base + 1 + (round * :companies::bigint + i) / :campaign,
           CASE WHEN :details AND i % 2 = 0 THEN jsonb_build_object(
               'service', 'acra-express', 'job_id', :base + 1 + ((round * :companies::bigint + i) / 5),
               'site', jsonb_build_object('domain', 'company' || i || '.com.sg', 'points', 90, 'evidence',
                   jsonb_build_array(
                       jsonb_build_object('signal', 'uen', 'points', 60, 'url', 'https://company' || i || '.com.sg/'),
                       jsonb_build_object('signal', 'postal_code', 'points', 30, 'url',
                                          'https://company' || i || '.com.sg/contact'))),
               'emails', jsonb_build_array(jsonb_build_object(
                   'address', 'info@company' || i || '.com.sg', 'kind', 'role',
                   'url', 'https://company' || i || '.com.sg/contact',
                   'verdict', jsonb_build_object('status', 'valid'))),
               'phones', jsonb_build_array(jsonb_build_object('number', '+656' || to_char(i, 'FM0000000'))),
               'pages', jsonb_build_array('https://company' || i || '.com.sg/', repeat(md5(i::text), 8)))
           ELSE '{}' END,
           CASE WHEN i % 2 = 0 THEN 'certain' END
    FROM generate_series(0, 1) AS round CROSS JOIN generate_series(1, :companies) AS i
    """,
    """
    INSERT INTO background_jobs (job_id, job_type, status, params, started_at, ended_at)
    SELECT :base + i, 'acra_express_enrich_candidates', 'done', '{}', now(), now()
    FROM generate_series(1, 1 + 2 * :companies / 5) AS i
    """,
    "INSERT INTO enrichment_runs (run_id, tenant_id, ended_at, status) VALUES (:base + 1, 9, now(), 'succeeded')",
    """
    INSERT INTO company_enrichment_runs (company_id, run_id, about_text, source_json, updated_at)
    SELECT :base + i, :base + 1, 'Company ' || i || ' repairs pumps.', jsonb_build_object(
               'service', 'acra-express', 'job_id', :base + 1 + ((:companies::bigint + i) / 5)), now()
    FROM generate_series(2, :companies, 2) AS i
    """,
    """
    INSERT INTO acra_express.field_history (changed_at, uen, field, before, after)
    SELECT now() - (1 - round) * interval '40 days' - i * interval '1 second', to_char(i, 'FM000000000') || 'A', field,
           CASE WHEN round = 1 THEN to_jsonb('old' || i || '.sg') END, to_jsonb('company' || i || '.com.sg')
    FROM generate_series(0, 1) AS round CROSS JOIN generate_series(2, :companies, 2) AS i
    CROSS JOIN unnest(ARRAY['website', 'outcome']) AS field WHERE round = 0 OR i % 4 = 0
    """,
    """
    INSERT INTO acra_express.campaigns (campaign_id, enqueued_at)
    SELECT :base + i, now() - (2 * :companies / :campaign - i) * interval '3 hours'
    FROM generate_series(1, 2 * :companies / :campaign) AS i
    """,
    """
    INSERT INTO acra_express.campaign_uens (campaign_id, uen, place, staging_job_id, listed_at)
    SELECT :base + 1 + (round * :companies::bigint + i) / :campaign, to_char(i, 'FM000000000') || 'A', i,
           :base + 1 + (round * :companies::bigint + i) / 5, now()
    FROM generate_series(0, 1) AS round CROSS JOIN generate_series(10, :companies, 10) AS i
    """,
    """
    INSERT INTO acra_express.samples (drawn_at, drawn_by, seed, wanted, population)
    VALUES (now(), 'mei', 7, :campaign, :companies)
    """,
    """
    INSERT INTO acra_express.sample_members (sample_id, place, uen, company_id, job_id, domain, points, level,
        level_table)
    SELECT (SELECT max(sample_id) FROM acra_express.samples), i / 2, to_char(i, 'FM000000000') || 'A', :base + i,
           :base + 1 + ((:companies::bigint + i) / 5), 'company' || i || '.com.sg', 90, 'certain', 2
    FROM generate_series(2, 2 * :campaign, 2) AS i
    """,
    """
    INSERT INTO acra_express.judgements (uen, field, value, judgement, judged_by, judged_at, sample_id)
    SELECT to_char(i, 'FM000000000') || 'A', 'site', 'wrong' || i || '.com.sg', 'reject', 'mei',
           now() - i * interval '1 minute',
           CASE WHEN i <= 2 * :campaign AND i % 20 = 0 THEN (SELECT max(sample_id) FROM acra_express.samples) END
    FROM generate_series(10, :companies, 10) AS i
    """,
    """
    INSERT INTO acra_express.code_members (code, uen, sole_proprietor)
    SELECT (10000 + i % :codes)::text, to_char(i, 'FM000000000') || 'A', false
    FROM generate_series(1, :companies) AS i
    """,
    """
    INSERT INTO acra_express.code_fills (code, filled_at, members, sole_proprietors)
    SELECT (10000 + i)::text, now(), :companies / :codes, 0 FROM generate_series(0, :codes - 1) AS i
    """,
)
