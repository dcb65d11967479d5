"""Builds one wheel as PEP 517 says: the folder with the package, then the folder for the wheel."""

import atexit
import importlib
import importlib.metadata
import os
import re
import site
import subprocess
import sys
import tomllib

package, out, tools = sys.argv[1:]
# What a build prints is for people: all of it goes to a file beside the folder for the wheel, and on to the caller.
tee = subprocess.Popen(["tee", out + ".log"], stdin=subprocess.PIPE, stdout=2)
for stream in 1, 2:
    os.dup2(tee.stdin.fileno(), stream)


def drain():
    """Lets the last words through."""
    sys.stdout.flush()
    sys.stderr.flush()
    tee.stdin.close()
    for stream in 1, 2:
        os.close(stream)
    tee.wait()


atexit.register(drain)
# With its .pth files, which PYTHONPATH alone does not read.
site.addsitedir(tools)
os.chdir(package)

project = {}
if os.path.exists("pyproject.toml"):
    with open("pyproject.toml", "rb") as file:
        project = tomllib.load(file)
system = project.get("build-system", {})
name = system.get("build-backend", "setuptools.build_meta:__legacy__")
sys.path[:0] = [os.path.abspath(path) for path in system.get("backend-path", [])]
module, _, path = name.partition(":")
try:
    backend = importlib.import_module(module)
except ImportError as error:
    sys.exit(f"its build backend {name} is not there: {error}")
for part in filter(None, path.split(".")):
    backend = getattr(backend, part)

ask = getattr(backend, "get_requires_for_build_wheel", lambda settings: [])
for line in ask(None):
    wanted = re.match(r"[A-Za-z0-9._-]+", line.strip())
    # One with a marker may be for another platform: the build itself will tell.
    if not wanted or ";" in line:
        continue
    try:
        importlib.metadata.distribution(wanted[0])
    except importlib.metadata.PackageNotFoundError:
        sys.exit(f"it wants {line!r} while it is built, beside what its pyproject.toml names")

backend.build_wheel(out)
