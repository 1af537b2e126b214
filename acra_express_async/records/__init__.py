"""Records: what a data specialist takes out of the service, and how sure the service is of it.

`record` is one company as it leaves (the columns of `acra-express export`), `files` writes records as csv, jsonl or
xlsx, `levels` turns a site's points into a word, and `reasons` says in words what the codes of a decision mean.
Opted-out companies, and addresses of which only a hash is kept, never become part of a record.
"""
