"""Our schema and role: migrations, grants, row security, the shape of the platform's tables, and uninstall.

Everything of ours is in the schema `acra_express`; the platform's tables get a trigger, an index and policies, but no
column. Migrations only go forward and must work beside the previous version of the service. Production may have any mix
of the platform's own migrations, so `platform_shape` reads which tables and columns exist, and what is missing only
costs the feature that needs it. `role_limits` proves at start that the role cannot do what it must not.
"""
