"""Compiles modules to unchecked-hash bytecode (PEP 552): source on standard input, .pyc on standard output.

Each module is compiled in a fork of an interpreter that has compiled nothing: what marshal writes
depends on which strings the process has seen before (interning, reference counts).
"""

import gc
import importlib.util
import os
import sys
import warnings
from importlib._bootstrap_external import SourceFileLoader, _code_to_hash_pyc

warnings.simplefilter("ignore")
sys.setrecursionlimit(10000)
gc.disable()


def answer(path, source):
    path = path.decode("utf-8", "surrogateescape")
    try:
        code = SourceFileLoader("<module>", path).source_to_code(source, path)
        pyc = _code_to_hash_pyc(code, importlib.util.source_hash(source), False)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        # pip passes over a module that does not compile (a template, Python 2); so do we.
        return b"none\t0\n"
    name = importlib.util.cache_from_source(path, optimization="")
    return name.encode("utf-8", "surrogateescape") + b"\t%d\n" % len(pyc) + pyc


requests = sys.stdin.buffer
while line := requests.readline():
    size, path = line.rstrip(b"\n").split(b"\t", 1)
    source = requests.read(int(size))
    child = os.fork()
    if child == 0:
        left = memoryview(answer(path, source))
        while left:
            left = left[os.write(1, left):]
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status != 0:
        sys.exit("the compiler died of " + os.fsdecode(path))
