"""What is logged, made safe to look at: names of others and what others answered are in it."""

from __future__ import annotations

import logging
import traceback

from ovn_integrate.errors import one_line


def escape() -> None:
    """Have every record of this process escaped, whatever handler prints it."""
    logging.setLogRecordFactory(_Record)


class _Record(logging.LogRecord):
    """A record of one line, and of one more for each of its traceback, set in."""

    def getMessage(self) -> str:
        # Handlers and their formatters differ (gunicorn has its own); all of them ask for this,
        # and take a traceback that is there already.
        if self.exc_info and not self.exc_text:
            lines = "".join(traceback.format_exception(*self.exc_info)).splitlines()
            self.exc_text = "\n".join("  " + one_line(line.expandtabs()) for line in lines)
        return one_line(super().getMessage())
