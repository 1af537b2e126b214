"""What operators and alerts read: shared control rows, alert states, and the figures of the status page.

All replicas share these rows. Read queries are bounded and use an index, so that watching never burdens the database.
"""
