-- The start looks whether a restore left out the rows that everything counts on; the role could not see these.
GRANT SELECT ON acra_express.budget_locks TO {{role}};
