"""The configuration tree and the names in the environment that fill it.

`tree` holds the settings, `environment` maps names to them and words the errors, `quiet_hours` is the one value with a
syntax of its own. Only this room reads ``os.environ``, and it reads nothing at import. Secrets may stand in a file
(``<NAME>_FILE``). Every name and default is in README.md, "Configuration".
"""
