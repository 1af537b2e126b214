"""The configuration tree and the names in the environment that fill it.

`tree` holds the settings, `environment` maps names to them and words the errors, `quiet_hours` parses the one value
with a special syntax. Only this room reads ``os.environ``, and it reads nothing at import. Secrets may be kept in files
(``<NAME>_FILE``). Every name and default is in README.md, "Configuration".
"""
