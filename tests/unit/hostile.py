"""Names that somebody chose who means harm, and what nobody may find of them in an output."""

from __future__ import annotations

import re
import unicodedata

NAMES = (
    "\x1b]0;owned\x07",
    "\x1b[2J\x1b[31m",
    "a\r\nb",
    "a\rb\bc\0d\x7f",
    "\x9b31m\x9d0;owned\x9c\x85",
    "\u202etxt.exe\u2066\u2069\u200f",
    "\u2028\u2029\ufeff\u200b\ufffe\uffff",
    "half \ud800 and \udfff",
    "</title><script>alert(1)</script>\"&'",
    '"]; x [label="\\N\\G',
    "]]> <!-- -- <![CDATA[ &#0; &#x1b;",
    "\U000e0041\U0010ffff",
    *(chr(code) for code in (*range(0x20), *range(0x7F, 0xA1), 0xAD)),
)

_COLOUR = re.compile(r"\x1b\[(?:0|3[0-7])m")
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def unsafe(text: str, *, colours: bool = False) -> list[str]:
    """The characters that should not be there.

    :param colours: this program's own may be.
    """
    if colours:
        text = _COLOUR.sub("", text)
    return [one for one in text if one != "\n" and unicodedata.category(one) in _UNSEEN]
