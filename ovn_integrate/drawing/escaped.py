"""Names of others in a picture, as they can stand there."""

from __future__ import annotations

from html import escape

from ovn_integrate.errors import one_line


def lines(text: str) -> str:
    """The same lines without what cannot be seen, which XML 1.0 forbids the most of."""
    return "\n".join(one_line(each) for each in text.split("\n"))


def markup(text: str) -> str:
    """Text for XML and HTML, also between quotation marks."""
    return escape(lines(text))
