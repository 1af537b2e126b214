"""The only room with SQL. Its rooms mirror those above it: session, schema, jobs, companies, registry, limits, records,
ops.

Each statement is written in the function that runs it, without f-strings and without ``SELECT *``; values are
parameters. Time is judged by `acra_express.clock()`, the database's clock, because the clocks of our hosts may differ.
In a predicate it is written ``(SELECT acra_express.clock())``: the bare call is volatile and would prevent the use of
an index. Every connection acts as a tenant role that cannot read or write what belongs to others. We are a guest in the
platform's database: transactions are short, locks are not waited for longer than 300 ms, and the order of locks is that
of the nightly run.

`tests/db/test_statements.py` finds every statement here, prepares it on the real schema, and has mypy check parameters
and columns against the Python that passes and reads them.
"""
