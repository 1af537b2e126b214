"""Our schema and role: migrations, grants, row security, the shape of the platform's tables, and uninstall."""
