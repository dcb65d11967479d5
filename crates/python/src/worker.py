"""Compiles modules to unchecked-hash bytecode (PEP 552): source on standard input, .pyc on standard output.

A module's bytecode must not depend on what this process compiled before. It does in one place: when a
string of a frozenset constant is interned already, as another object, the compiler puts a new frozenset
in that constant's place, and marshal writes other references. So those strings are always interned
beforehand: they are looked for in the source, and where one was overlooked, the module is compiled once
more while the first ones are alive.
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
gc.disable()

# Where a set of strings begins, and strings that look like names: only those are interned.
SET = re.compile(rb"""\{(?:\s|\#.*\n)*["'][^"'\n]*["']\s*[,}]""")
NAME = re.compile(rb"""["']([A-Za-z0-9_]+)["']""")


def names_in(constants):
    for constant in constants:
        if isinstance(constant, frozenset):
            yield from filter(is_name, constant)
        elif isinstance(constant, types.CodeType):
            yield from names_in(constant.co_consts)
        elif isinstance(constant, tuple):
            yield from names_in(constant)


def is_name(constant):
    return isinstance(constant, str) and constant.isascii() and constant.replace("_", "a").isalnum()


def compiled(source, path):
    loader = SourceFileLoader("<module>", path)
    known = set()
    if SET.search(source):
        known = {sys.intern(name.decode()) for name in NAME.findall(source)}
    code = loader.source_to_code(source, path)
    names = set(names_in(code.co_consts))
    if not names <= known:
        # Nothing else of the first one may be alive: its other strings would count as well.
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
