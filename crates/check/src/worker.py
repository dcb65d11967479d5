"""Imports one module in a process of its own and tells how that went, as one line of JSON.

Arguments: what is imported; then folders that are put in front of sys.path. The line goes to the first
standard output; what the modules themselves print goes to standard error.
"""

import importlib
import json
import os
import sys
import traceback
import warnings


def main():
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    name = sys.argv[1]
    sys.path[:0] = sys.argv[2:]
    enabled = getattr(sys, "_is_gil_enabled", lambda: True)
    before = enabled()
    told = {"error": None, "missing": None, "gil_before": before}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            importlib.import_module(name)
        except BaseException as error:
            lines = traceback.format_exception_only(error)
            told["error"] = " ".join("".join(lines[-1:]).split())
            if isinstance(error, ModuleNotFoundError):
                told["missing"] = error.name
    told["gil_after"] = enabled()
    # CPython names the module that it turned the GIL on for.
    told["gil_warnings"] = [
        text for text in (str(one.message) for one in caught) if "global interpreter lock" in text
    ]
    out.write(json.dumps(told) + "\n")
    out.flush()
    # Threads that a module has started, and what it registered for the end, are not waited for.
    os._exit(0)


main()
