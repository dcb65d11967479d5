#!/usr/bin/env python3
"""Resolves an edition into its lock: editions/NAME.toml -> editions/NAME.lock.

A stopgap until `cargo xtask lock` does this. It asks the machine's own clients: apt-get (Debian), in a
root of its own that borrows the machine's mirror, proxy and keyring, and uv (Python), which pip fetches.
Needs Python 3.11 or newer, pip, and apt with debian-archive-keyring. Writes nothing but the lock.
"""

import argparse
import collections
import datetime
import email.utils
import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib
import urllib.parse

LAYERS = ["base", "python", "torch", "deps", "perf", "comfy", "runtime"]
ARCHITECTURE = "amd64"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
GLIBC = (2, 28)  # what wheels may ask of the C library at most


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("edition", type=pathlib.Path, help="the edition: editions/NAME.toml")
    arguments.add_argument("--output", type=pathlib.Path, help="the lock (default: beside the edition)")
    arguments.add_argument(
        "--date",
        type=datetime.date.fromisoformat,
        help="the lock's date, YYYY-MM-DD (default: today); if given, no wheel uploaded later is taken",
    )
    arguments.add_argument("--debian", metavar="URI", help="Debian mirror (default: apt's sources)")
    arguments = arguments.parse_args()
    today = datetime.datetime.now(datetime.timezone.utc).date()
    created = f"{arguments.date or today}T00:00:00Z"

    with open(arguments.edition, "rb") as file:
        edition = tomllib.load(file)
    check_keys(edition)
    with tempfile.TemporaryDirectory(prefix="first-lock-") as scratch:
        scratch = pathlib.Path(scratch)
        say("resolving Debian packages")
        debs, suite_date = lock_debian(edition, scratch, arguments.debian)
        say("resolving Python packages")
        uv = Uv(edition["python"]["version"], created if arguments.date else None, scratch)
        wheels = lock_python(edition, uv)
        sources = lock_sources(edition, uv)

    text = write_lock(edition, arguments.edition.stem, created, suite_date, debs, wheels, sources)
    output = arguments.output or arguments.edition.with_suffix(".lock")
    output.write_text(text, encoding="utf-8")
    for what, entries in [("debs", debs), ("wheels", wheels), ("sources", sources)]:
        size = sum(entry["size"] for entry in entries)
        say(f"{len(entries)} {what}, {size / 1e6:,.1f} MB")


def say(message):
    print(f"first-lock: {message}", file=sys.stderr)


def fail(message):
    sys.exit(f"first-lock: error: {message}")


def run(command, **settings):
    done = subprocess.run(command, text=True, capture_output=True, **settings)
    if done.returncode != 0:
        fail(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def check_keys(edition):
    """A misspelt key must not be passed over in silence."""
    known = {"debian": {"suite", "components"}, "python": {"version"}, "layer": set(LAYERS), "owner": None}
    known["image"] = {"title", "description", "env", "labels"}
    for table, keys in known.items():
        unknown = set(edition.get(table, {})) - keys if keys else set()
        if unknown:
            fail(f"[{table}]: unknown {sorted(unknown)}")
    for layer, table in edition["layer"].items():
        if unknown := set(table) - {"debian", "python", "constraints", "source"}:
            fail(f"[layer.{layer}]: unknown {sorted(unknown)}")
    if unknown := set(edition) - set(known):
        fail(f"unknown tables {sorted(unknown)}")


def of_layer(edition, layer, key):
    return edition["layer"].get(layer, {}).get(key, [])


# Debian ------------------------------------------------------------------------------------------------


def lock_debian(edition, scratch, mirror):
    """All packages in one solution, starting from an empty system; then each to its layer."""
    suite = edition["debian"]["suite"]
    components = edition["debian"].get("components", ["main"])
    environment, inrelease = private_apt(scratch / "apt", suite, components, mirror)
    wanted = {layer: of_layer(edition, layer, "debian") for layer in LAYERS}
    names = sorted({name for layer in LAYERS for name in wanted[layer]})
    plan = run(
        ["apt-get", "--simulate", "--no-install-recommends", "install", "?essential", *names],
        env=environment,
    )
    chosen = re.findall(r"^Inst (\S+) \((\S+) ", plan, re.MULTILINE)
    if not chosen:
        fail(f"apt-get finds nothing to install:\n{plan}")
    text = run(["apt-cache", "show", *(f"{name}={version}" for name, version in chosen)], env=environment)
    packages = {package["Package"]: package for package in map(stanza, text.strip().split("\n\n"))}

    providers = collections.defaultdict(list)  # name -> (package, version or None)
    for name, package in sorted(packages.items()):
        providers[name].append((name, package["Version"]))
        for group in relations(package.get("Provides", "")):
            for provided, relation, version in group:
                providers[provided].append((name, version if relation == "=" else None))
    for package in packages.values():
        package["depends"] = satisfied(package, "Depends", providers)
        package["pre-depends"] = satisfied(package, "Pre-Depends", providers)

    debs, placed = [], set()
    for layer in LAYERS:
        roots = set(wanted[layer])
        if layer == LAYERS[0]:
            roots |= {name for name, package in packages.items() if package.get("Essential") == "yes"}
        reached = reach(roots, lambda name: packages[name]["depends"] + packages[name]["pre-depends"])
        for name in sorted(reached - placed):
            package = packages[name]
            debs.append(
                {
                    "layer": layer,
                    "name": name,
                    "version": package["Version"],
                    "architecture": package["Architecture"],
                    "filename": package["Filename"],
                    "size": int(package["Size"]),
                    "sha256": package["SHA256"],
                    "essential": package.get("Essential") == "yes",
                    "depends": package["depends"],
                    "pre-depends": package["pre-depends"],
                }
            )
        placed |= reached
    if stray := set(packages) - placed:
        fail(f"apt-get installs what nothing here asks for: {sorted(stray)}")
    date = email.utils.parsedate_to_datetime(stanza(inrelease.split("\n\n", 1)[1])["Date"])
    return debs, date.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def private_apt(root, suite, components, mirror):
    """An apt of its own: the machine's mirror, proxy settings and keyring, and nothing else of it."""
    for folder in ["etc/apt/apt.conf.d", "etc/apt/preferences.d", "var/lib/apt/lists/partial", "var/lib/dpkg"]:
        (root / folder).mkdir(parents=True)
    (root / "var/cache/apt/archives/partial").mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    settings = [
        f'Dir "{root}";',
        f'Dir::State::status "{root}/var/lib/dpkg/status";',
        f'APT::Architecture "{ARCHITECTURE}";',
        f'APT::Architectures {{ "{ARCHITECTURE}"; }};',
        'APT::Sandbox::User "root";',
        'Acquire::Languages "none";',
        # A mirror may be a dated snapshot.
        'Acquire::Check-Valid-Until "false";',
    ]
    transport = re.compile(r"Acquire::(https?|ftp|tor|Proxy|Retries)\b", re.IGNORECASE)
    settings += [line for line in run(["apt-config", "dump"]).splitlines() if transport.match(line)]
    (root / "apt.conf").write_text("\n".join(settings) + "\n")
    environment = {**os.environ, "APT_CONFIG": str(root / "apt.conf"), "LC_ALL": "C"}

    attempts = []
    for uri in [mirror] if mirror else machine_mirrors():
        options = f"arch={ARCHITECTURE} signed-by={KEYRING}"
        source = f"deb [{options}] {uri} {suite} {' '.join(components)}\n"
        (root / "etc/apt/sources.list").write_text(source)
        command = ["apt-get", "-qq", "--error-on=any", "update"]
        done = subprocess.run(command, env=environment, text=True, capture_output=True)
        if done.returncode == 0:
            [inrelease] = (root / "var/lib/apt/lists").glob("*_InRelease")
            return environment, inrelease.read_text()
        attempts.append(f"{uri}: {done.stderr}")
    fail(f"no Debian archive with suite {suite} among apt's sources\n" + "\n".join(attempts))


def machine_mirrors():
    """The archives that the machine itself uses, the likeliest first."""
    form = "$(REPO_URI) $(RELEASE)"
    targets = run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"])
    mirrors = {line.split(" ")[0].rstrip("/") for line in targets.splitlines() if "security" not in line}
    return sorted(mirrors, key=lambda uri: (not uri.endswith("/debian"), uri))


def stanza(text):
    fields, key = {}, None
    for line in text.splitlines():
        if line[:1] in (" ", "\t"):
            fields[key] += "\n" + line
        elif ":" in line:
            key, value = line.split(":", 1)
            fields[key] = value.strip()
    return fields


def relations(text):
    """`a (>= 1) | b, c:any` -> [[("a", ">=", "1"), ("b", "", "")], [("c", "", "")]]"""
    groups = []
    for group in filter(None, (part.strip() for part in text.split(","))):
        alternatives = []
        for alternative in group.split("|"):
            match = re.match(r"\s*([^\s:(]+)(?::\S+)?\s*(?:\(\s*([<>=]+)\s*([^)\s]+)\s*\))?", alternative)
            alternatives.append((match[1], match[2] or "", match[3] or ""))
        groups.append(alternatives)
    return groups


def satisfied(package, field, providers):
    """What in this lock satisfies a field: for each group, whoever is first alternative can be had from."""
    found = set()
    for group in relations(package.get(field, "")):
        for name, relation, version in group:
            fitting = {
                provider
                for provider, provided in providers[name]
                if not relation or provided and compare(provided, relation, version)
            }
            if fitting:
                found |= fitting
                break
        else:
            fail(f"{package['Package']}: nothing satisfies {field} {group}")
    return sorted(found - {package["Package"]})


@functools.cache
def compare(left, relation, right):
    relation = {"<<": "lt", "<=": "le", "=": "eq", ">=": "ge", ">>": "gt"}[relation]
    return subprocess.run(["dpkg", "--compare-versions", left, relation, right]).returncode == 0


def reach(roots, neighbours):
    seen, todo = set(), list(roots)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += neighbours(name)
    return seen


# Python ------------------------------------------------------------------------------------------------


class Uv:
    """`uv pip compile` for the image's Python, with the machine's own settings for the index."""

    def __init__(self, python, newest, scratch):
        self.python, self.newest, self.scratch = python, newest, scratch
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        run([*pip, "install", "--quiet", "--no-deps", "--target", scratch / "uv", "uv"])
        self.environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
        if "SSL_CERT_FILE" not in os.environ:
            self.environment["UV_SYSTEM_CERTS"] = "true"
        if not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & set(os.environ):
            done = subprocess.run([*pip, "config", "list"], text=True, capture_output=True)
            if match := re.search(r"\.index-url='(.*)'", done.stdout):
                self.environment["UV_DEFAULT_INDEX"] = match[1]

    def resolve(self, requirements, constraints=(), *options):
        """Requirements (PEP 508) -> {normalised name: the wheel to take}."""
        files = [self.scratch / name for name in ("in.txt", "constraints.txt", "pylock.toml")]
        files[0].write_text("\n".join(requirements) + "\n")
        files[1].write_text("\n".join(constraints) + "\n")
        files[2].unlink(missing_ok=True)
        newest = ["--exclude-newer", self.newest] if self.newest else []
        run(
            [
                self.scratch / "uv/bin/uv", "pip", "compile", "--quiet", files[0],
                "--constraints", files[1], "--output-file", files[2], "--format", "pylock.toml",
                "--python-version", self.python,
                "--python-platform", "x86_64-manylinux_{}_{}".format(*GLIBC),
                "--only-binary", ":all:", *newest, *options,
            ],
            env=self.environment,
        )  # fmt: skip
        found = {}
        for package in tomllib.loads(files[2].read_text())["packages"]:
            name = normalised(package["name"])
            if name in found:
                fail(f"{name}: two versions")
            found[name] = self.best_wheel(name, package)
        return found

    def best_wheel(self, name, package):
        """Of a package's wheels the one that pip would take."""
        ranks = {tag: rank for rank, tag in enumerate(tags(self.python))}
        choices = []
        for wheel in package.get("wheels", []):
            filename = wheel.get("name") or urllib.parse.unquote(wheel["url"].rsplit("/", 1)[1])
            distribution, version, *build, pythons, abis, platforms = filename[: -len(".whl")].split("-")
            if normalised(distribution) != name or not same_version(version, package["version"]):
                fail(f"{filename} is not {name} {package['version']}")
            rank = [
                ranks[tag]
                for python in pythons.split(".")
                for abi in abis.split(".")
                for platform in platforms.split(".")
                if (tag := f"{python}-{abi}-{platform}") in ranks
            ]
            if rank:
                number = int(re.match(r"\d+", build[0])[0]) if build else -1
                choices.append(((min(rank), -number), filename, wheel))
        if not choices:
            fail(f"{name} {package['version']} has no wheel for Python {self.python}")
        _, filename, wheel = min(choices, key=lambda choice: choice[:2])
        if "size" not in wheel or "sha256" not in wheel.get("hashes", {}):
            fail(f"{filename}: the index tells no size or no sha256")
        return {
            "name": name,
            "version": package["version"],
            "filename": filename,
            "size": wheel["size"],
            "sha256": wheel["hashes"]["sha256"],
        }


def lock_python(edition, uv):
    """One environment; then each package to the lowest layer that needs it."""
    requirements = {layer: of_layer(edition, layer, "python") for layer in LAYERS}
    constraints = [line for layer in LAYERS for line in of_layer(edition, layer, "constraints")]
    requested = {normalised(re.match(r"[\w.-]+", line)[0]) for layer in LAYERS for line in requirements[layer]}
    solution = uv.resolve([line for layer in LAYERS for line in requirements[layer]], constraints)
    pins = [f"{name}=={wheel['version']}" for name, wheel in solution.items()]
    wheels, placed, below = [], set(), []
    for layer in LAYERS:
        if requirements[layer]:
            below += requirements[layer]
            part = uv.resolve(below, pins)
            for name in sorted(set(part) - placed):
                if part[name] != solution.get(name):
                    fail(f"{name}: layer {layer} alone resolves differently")
                wheels.append({"layer": layer, **part[name], "requested": name in requested})
            placed |= set(part)
    if stray := set(solution) - placed:
        fail(f"resolved, but in no layer: {sorted(stray)}")
    return wheels


def lock_sources(edition, uv):
    sources = []
    for layer in LAYERS:
        for source in sorted(of_layer(edition, layer, "source"), key=lambda source: source["name"]):
            [wheel] = uv.resolve([source["wheel"]], (), "--no-deps").values()
            sources.append(
                {
                    "layer": layer,
                    "name": source["name"],
                    "version": source["version"],
                    "kind": "wheel",
                    "project": wheel["name"],
                    "filename": wheel["filename"],
                    "size": wheel["size"],
                    "sha256": wheel["sha256"],
                    "subfolder": source.get("subfolder", ""),
                    "to": source["to"],
                    "exclude": sorted(source.get("exclude", [])),
                }
            )
    return sources


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def same_version(left, right):
    return re.sub(r"[-_.]+", ".", left).lower() == re.sub(r"[-_.]+", ".", right).lower()


def tags(python):
    """The tags that CPython takes on this platform, best first: the order of PEP 425 and of pip."""
    major, minor = map(int, python.split("."))
    legacy = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
    platforms = []
    for number in range(GLIBC[1], 4, -1):
        platforms.append(f"manylinux_{GLIBC[0]}_{number}_x86_64")
        platforms += [f"{legacy[number]}_x86_64"] if number in legacy else []
    platforms.append("linux_x86_64")
    this = f"cp{major}{minor}"
    generic = [f"py{major}{minor}", f"py{major}", *(f"py{major}{old}" for old in range(minor - 1, -1, -1))]
    yield from (f"{this}-{abi}-{platform}" for abi in (this, "abi3", "none") for platform in platforms)
    for old in range(minor - 1, 1, -1):
        yield from (f"cp{major}{old}-abi3-{platform}" for platform in platforms)
    yield from (f"{python}-none-{platform}" for python in generic for platform in platforms)
    yield f"{this}-none-any"
    yield from (f"{python}-none-any" for python in generic)


# The lock ----------------------------------------------------------------------------------------------


def write_lock(edition, name, created, suite_date, debs, wheels, sources):
    python = edition["python"]["version"]
    [interpreter] = [deb for deb in debs if deb["name"] == f"python{python}"] or [None]
    if interpreter is None:
        fail(f"no layer asks for Debian's python{python}")
    upstream = interpreter["version"].split(":", 1)[-1].rsplit("-", 1)[0]
    packages = f"/usr/local/lib/python{python}/dist-packages"
    image = edition.get("image", {})
    lines = []

    def table(head, entries):
        if head:
            lines.extend(["", head])
        for key, value in entries.items():
            if value or value == 0 and value is not False:
                lines.append(f"{key} = {toml(value)}")

    platform = f"linux/{ARCHITECTURE}"
    table("", {"version": 1, "edition": name, "created": created, "platform": platform})
    table(
        "[debian]",
        {
            "suite": edition["debian"]["suite"],
            "architecture": ARCHITECTURE,
            "components": edition["debian"].get("components", ["main"]),
            "date": suite_date,
        },
    )
    table(
        "[python]",
        {
            "version": upstream,
            "tag": "cp" + python.replace(".", ""),
            "interpreter": f"/usr/bin/python{python}",
            "purelib": packages,
            "platlib": packages,
            "scripts": "/usr/local/bin",
            "headers": f"/usr/local/include/python{python}",
            "data": "/usr/local",
        },
    )
    table("[image]", {"title": image["title"], "description": image.get("description", "")})
    for key in ("env", "labels"):
        if image.get(key):
            table(f"[image.{key}]", {quoted(name): image[key][name] for name in sorted(image[key])})
    for owner in sorted(edition.get("owner", []), key=lambda owner: owner["path"]):
        table("[[owner]]", {"path": owner["path"], "package": normalised(owner["package"])})
    for head, entries in [("[[deb]]", debs), ("[[wheel]]", wheels), ("[[source]]", sources)]:
        for entry in entries:
            table(head, entry)
    return "\n".join(lines) + "\n"


def quoted(key):
    return key if re.fullmatch(r"[\w-]+", key, re.ASCII) else toml(key)


def toml(value):
    """Strings, numbers, truth and lists of them are written alike in TOML and JSON."""
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()
