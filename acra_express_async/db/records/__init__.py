"""Reads records of companies for exports, page by page.

A record is a company's last decision with its registry row and its campaign. Opt-outs are honoured at the time of
reading. Reading never holds a transaction open between pages, because an open one would delay the nightly's ALTER TABLE
and VACUUM.
"""
