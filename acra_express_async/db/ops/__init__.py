"""What operators and alerts read: shared control rows, alert states, and the figures of the status page."""
