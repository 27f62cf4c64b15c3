"""Runs commands of ``openstack`` one after the other in one process: importing it takes seconds.

A line of standard input is a command's words as JSON; a line of standard output is its exit code,
and what it printed on both of its outputs.
"""

import contextlib
import io
import json
import sys

from openstackclient import shell

for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = shell.main(json.loads(line))
        except SystemExit as end:
            code = end.code
    print(json.dumps([code or 0, out.getvalue(), err.getvalue()]), flush=True)
