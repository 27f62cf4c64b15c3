"""Input that nobody foresaw: it is refused, breaks nothing and leaves nothing half made.

Short, for each change; ``FUZZ=N scripts/test tests/functional/fuzz`` tries N times as much as
``--whole`` does.
"""
