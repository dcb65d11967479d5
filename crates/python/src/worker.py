"""Compiles modules to unchecked-hash bytecode (PEP 552): source on standard input, .pyc on standard output."""

import importlib.util
import sys
import warnings
from importlib._bootstrap_external import SourceFileLoader, _code_to_hash_pyc

warnings.simplefilter("ignore")
sys.setrecursionlimit(10000)
requests, answers = sys.stdin.buffer, sys.stdout.buffer
while line := requests.readline():
    size, path = line.rstrip(b"\n").split(b"\t", 1)
    path = path.decode("utf-8", "surrogateescape")
    source = requests.read(int(size))
    try:
        code = SourceFileLoader("<module>", path).source_to_code(source, path)
        pyc = _code_to_hash_pyc(code, importlib.util.source_hash(source), False)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        # pip passes over a module that does not compile (a template, Python 2); so do we.
        answers.write(b"none\t0\n")
    else:
        name = importlib.util.cache_from_source(path, optimization="")
        answers.write(name.encode("utf-8", "surrogateescape") + b"\t%d\n" % len(pyc) + pyc)
    answers.flush()
