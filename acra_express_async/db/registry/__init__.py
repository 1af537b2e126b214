"""The company registry in the database: rows, SSIC codes, and daily counts over them."""
