"""The only SQL of the package: pool and session settings, migrations, and one file for each table group."""
