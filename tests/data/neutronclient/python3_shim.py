"""What python-neutronclient 3.1.1 (2015) needs to start: names that Python has dropped since."""

import collections
import collections.abc
import inspect
import sys
import types
from typing import Any, NamedTuple

for _name in collections.abc.__all__:
    if not hasattr(collections, _name):
        setattr(collections, _name, getattr(collections.abc, _name))


class _ArgSpec(NamedTuple):
    args: Any
    varargs: Any
    keywords: Any
    defaults: Any


def _getargspec(function: Any) -> _ArgSpec:
    full = inspect.getfullargspec(function)
    return _ArgSpec(full.args, full.varargs, full.varkw, full.defaults)


if not hasattr(inspect, "getargspec"):
    inspect.getargspec = _getargspec  # type: ignore[attr-defined]

# oslo.utils imports it for a function that the client never calls, and it needs a compiler.
sys.modules.setdefault("netifaces", types.ModuleType("netifaces"))
