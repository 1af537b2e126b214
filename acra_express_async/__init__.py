"""The express path of the ACRA lead platform: an always-on service that enriches companies beside the nightly run.

One job, file by file:

1. A row of type ``acra_express_staging_upsert`` is inserted into the platform's `background_jobs`, for example by
   `acra-express enqueue` (cli/enqueue.py, db/jobs/job_commands.py). A trigger sends a NOTIFY
   (db/schema/migrations/0001_core.sql); its payload is only a hint.
2. db/jobs/listen.py holds the LISTEN connection and wakes the poller. So does runtime/cron.py at each tick, and so do
   every reconnect, the next job that falls due, and every worker that becomes free.
3. jobs/poller.py claims a job for each free worker (db/jobs/claims.py) and puts it on a queue. jobs/courtesy.py says
   how many jobs the process may hold: none while the nightly run is at work.
4. jobs/worker.py takes the job and calls the handler of its type, while jobs/lease_keeping.py extends its lease by
   heartbeats. jobs/attempts.py is what the code inside a job may ask of its attempt; jobs/attempt_ends.py decides what
   becomes of a job that failed.
5. companies/staging.py handles the staging job. It reads the job's params (params.py), picks a batch of registry rows
   (the campaign's list in db/jobs/uen_lists.py, db/companies/selection.py, db/registry/ssic_codes.py,
   registry/eligibility.py), upserts each of them into `companies` (db/companies/company_rows.py), and inserts one
   enrichment job for the batch and a continuation for the rest.
6. companies/enrichment.py handles the enrichment job. For each company it takes a slot of the daily cap
   (db/companies/outcomes.py), runs the pipeline, and commits the result together with the job's progress.
7. companies/pipeline.py works on one company: search, read pages, decide whether a site is the company's own
   (extract/candidates.py, extract/identity.py), collect contacts, and verify addresses (companies/verification.py).
8. providers/base.py makes each provider call: first the breaker, the throttle and the budget (limits/breaker.py,
   limits/throttle.py, limits/budget.py), then one send (providers/wire.py). providers/duckduckgo.py, providers/jina.py
   and providers/zerobounce.py each know one provider.
9. db/companies/stored_outcome.py says what may be stored of the outcome, db/companies/platform_records.py writes it
   into the platform's tables, and companies/enrichment.py finishes the job.
10. ops/snapshot.py and metrics.py keep the figures, web/app.py shows them, and alerts/loop.py decides what Slack is
    told.

service/composition.py constructs and connects all of this; runtime/context.py and runtime/turn_loop.py are what nearly
every part uses. README.md has the map of the rooms.
"""

__version__ = "0.1.0"
