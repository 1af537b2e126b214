"""The company registry in the database: loading it, its SSIC codes, and daily counts over it.

The registry is the platform's table of about 2 million rows, without an index of ours. So the live rows of a code are
listed in our own schema at most once a day, postal codes are counted at most once a day, and no job ever scans or sorts
the table.
"""
