"""Compiles modules to unchecked-hash bytecode (PEP 552): source on standard input, .pyc on standard output.

A module's bytecode must not depend on what this process compiled before. It does in one place: when a
string of a frozenset constant is interned already, as another object, the compiler puts a new frozenset
in that constant's place, and marshal writes other references. A second compilation while the first is
still alive finds all of those strings interned, whatever came before; so its result is the one taken.
"""

import gc
import importlib.util
import sys
import types
import warnings
from importlib._bootstrap_external import SourceFileLoader, _code_to_hash_pyc

warnings.simplefilter("ignore")
sys.setrecursionlimit(10000)
gc.disable()


def has_frozenset(constants):
    for constant in constants:
        if isinstance(constant, frozenset):
            return True
        if isinstance(constant, types.CodeType):
            constant = constant.co_consts
        if isinstance(constant, tuple) and has_frozenset(constant):
            return True
    return False


def answer(path, source):
    path = path.decode("utf-8", "surrogateescape")
    loader = SourceFileLoader("<module>", path)
    try:
        code = loader.source_to_code(source, path)
        if has_frozenset(code.co_consts):
            first, code = code, loader.source_to_code(source, path)
        pyc = _code_to_hash_pyc(code, importlib.util.source_hash(source), False)
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
