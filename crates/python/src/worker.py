"""Compiles modules to unchecked-hash bytecode (PEP 552): source on standard input, .pyc on standard output.

A module's bytecode must not depend on what this process compiled before. Two things would make it:

- Code of an earlier module that is still alive. So none is kept.
- Strings of a frozenset constant that are interned already, as other objects: the compiler then puts a new
  frozenset in that constant's place, and marshal writes other references. So those strings are always
  interned beforehand: they are looked for in the source, and where one was overlooked, the module is
  compiled again while the strings that the first result showed are alive.
"""

import gc
import importlib.util
import re
import sys
import types
import warnings
from importlib._bootstrap_external import SourceFileLoader, _code_to_hash_pyc

warnings.simplefilter("ignore")
sys.setrecursionlimit(10000)
# Without the GIL all constants are interned, for good, and code is freed by the collector alone.
FREE_THREADED = "t" in sys.abiflags
if not FREE_THREADED:
    gc.disable()

# Where a set of strings begins, and strings that look like names: no others are interned. Possessive
# repeats, since a hostile source must not make them slow.
SET = re.compile(rb"""\{\s*+["'][^"'\n]*+["']\s*+[,}]""")
NAME = re.compile(rb"""["']([A-Za-z0-9_]++)["']""")


def names_in(constants):
    for constant in constants:
        if isinstance(constant, frozenset):
            # Without the GIL the set itself: never among the known names, so the module is compiled again.
            yield from [constant] if FREE_THREADED else filter(is_name, constant)
        elif isinstance(constant, types.CodeType):
            yield from names_in(constant.co_consts)
        elif isinstance(constant, tuple):
            yield from names_in(constant)


def is_name(constant):
    """Whether it is a string that the compiler interns; one character always is the same object."""
    if not isinstance(constant, str) or len(constant) < 2:
        return False
    return constant.isascii() and constant.replace("_", "a").isalnum()


def compiled(source, path):
    loader = SourceFileLoader("<module>", path)
    known = set()
    if SET.search(source):
        known = {sys.intern(name.decode()) for name in NAME.findall(source)}
    code = loader.source_to_code(source, path)
    names = set(names_in(code.co_consts))
    if not names <= known:
        # Of the first result these strings alone may be alive: qualified names, as `f.<locals>.C`, count too.
        del code
        code = loader.source_to_code(source, path)
    return code


def answer(path, source):
    path = path.decode("utf-8", "surrogateescape")
    try:
        pyc = _code_to_hash_pyc(compiled(source, path), importlib.util.source_hash(source), False)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        # pip passes over a module that does not compile (a template, Python 2); so do we.
        return b"none\t0\n"
    name = importlib.util.cache_from_source(path, optimization="")
    return name.encode("utf-8", "surrogateescape") + b"\t%d\n" % len(pyc) + pyc


requests = sys.stdin.buffer
answers = sys.stdout.buffer
while line := requests.readline():
    size, path = line.rstrip(b"\n").split(b"\t", 1)
    answers.write(answer(path, requests.read(int(size))))
    answers.flush()
