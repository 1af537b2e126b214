"""Connections: how they are made and pooled, what is pinned on them, and what their errors mean.

`pool` is what other rooms are given; `connection`, `dsn` and `pinned` make one connection, `codecs` and `stored_json`
convert values, `server_errors` translates errors, `tenant` is the express tenant. Everything that correctness rests on
is set per session (isolation READ COMMITTED, `synchronous_commit = on`, search_path, UTC), since the server's defaults
belong to others. Behind a transaction pooler the role and these settings are set again in every transaction.
"""
