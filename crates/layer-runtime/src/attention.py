#!/usr/bin/env python3
"""Says in the log which attention implementations import on this machine, and which of ComfyUI's flags selects each.

The entrypoint starts it in the background with ComfyUI's own arguments. It yields to everything else, writes no
file, and what it imports it imports in a process of its own, so that a kernel that crashes is a line in the log.
"""

import ctypes
import importlib
import os
import signal
import sys
import sysconfig
import warnings
from importlib import metadata
from pathlib import Path, PurePosixPath

# ComfyUI's name for it, what ComfyUI takes of it, the package that brings it, the flag, and what else is to say.
ATTENTION = (
    ("pytorch", "torch.nn.functional:scaled_dot_product_attention", "torch", "--use-pytorch-cross-attention", "default with a GPU"),
    ("sage", "sageattention:sageattn", "sageattention", "--use-sage-attention", ""),
    ("flash", "flash_attn:flash_attn_func", "flash-attn", "--use-flash-attention", ""),
    ("xformers", "xformers.ops:memory_efficient_attention", "xformers", "--disable-xformers", "taken without a flag; this one declines it"),
)
BUILT_IN = (
    ("quad", "--use-quad-cross-attention", "default without a GPU"),
    ("split", "--use-split-cross-attention", ""),
)
# Kernels that nodes use of themselves. What the image was made with stands in a list beside this file; these are
# told too where somebody has installed them later.
KERNELS = ("comfy-kitchen", "flash-attn-3", "flash-attn-4", "nunchaku", "sageattn3", "spas-sage-attn")
LISTED = Path(__file__).with_name("kernels.txt")
FLAGS = Path("/opt/comfyui/comfy/cli_args.py")
SECONDS = 60  # for one import


def main(arguments):
    given = [word.split("=")[0] for word in arguments]
    # ComfyUI ends where a kernel that it is told to take does not import: then the reason shall stand above that.
    if not {"--use-sage-attention", "--use-flash-attention"}.intersection(given):
        yield_to_others()
    known = text_of(FLAGS)
    rows = []

    def row(name, flag, remark, status):
        remarks = [remark] if remark else []
        if flag.startswith("--") and known and f'"{flag}"' not in known:
            remarks.append("not a flag of this ComfyUI")
        if flag in given:
            remarks.append("given")
        rows.append((name, flag, f"{status} ({'; '.join(remarks)})" if remarks else status))

    # Once here for all that follow.
    broken = attempt(lambda: importlib.import_module("torch"))
    for name, target, package, flag, remark in ATTENTION:
        failed = broken if package == "torch" else None
        row(titled(name, package), flag, remark, failed or apart(lambda: imported(package, [target])))
    for name, flag, remark in BUILT_IN:
        row(name, flag, remark, "part of ComfyUI")
    with_flag = {canonical(package) for _, _, package, _, _ in ATTENTION}
    listed = {canonical(line) for line in text_of(LISTED).splitlines() if line and not line.startswith("#")}
    for package in sorted(listed.union(KERNELS) - with_flag):
        if package in listed or version(package):
            row(titled(package, package), "no flag: for nodes", "", apart(lambda: imported(package, modules(package))))

    head = "attention and other kernels; " + apart(gpu, "the GPU cannot be asked")
    if "--cpu" in given:
        head += "; ComfyUI runs on the CPU (--cpu)"
    widths = [max(len(one[column]) for one in rows) for column in (0, 1)]
    lines = [head] + [f"  {name:{widths[0]}}  {flag:{widths[1]}}  {status}" for name, flag, status in rows]
    # In one write, since ComfyUI writes to the same log.
    sys.stdout.write("".join(f"strata: {line}\n" for line in lines))
    sys.stdout.flush()


def yield_to_others():
    """Only what nobody else wants of the processors."""
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except OSError:
        os.nice(19)


def apart(work, failing="does not import"):
    """What `work` returns in a process of its own, or how it failed."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that torch has threads: they wait
        child = os.fork()
    if child == 0:
        try:
            signal.alarm(SECONDS)
            null = os.open(os.devnull, os.O_RDWR)
            for stream in (1, 2):
                os.dup2(null, stream)
            said = []
            failed = attempt(lambda: said.append(work()), failing)
            os.write(write, (failed or said[0]).encode(errors="replace")[:4000])
        finally:
            os._exit(0)
    os.close(write)
    with open(read, errors="replace") as pipe:
        said = pipe.read()
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if ended == -signal.SIGALRM:
        return f"{failing} within {SECONDS} s"
    if ended < 0:
        return f"{failing}: it ends with {signal.Signals(-ended).name}"
    return said or failing


def attempt(work, failing="does not import"):
    """How `work` failed, in a line; None if it did not."""
    try:
        work()
    except BaseException as error:  # modules that leave with SystemExit are not rare
        lines = str(error).strip().splitlines() or [""]
        return f"{failing}: {type(error).__name__}: {lines[0]}".removesuffix(": ")[:300]
    return None


def imported(package, targets):
    """Imports modules, and of `module:name` the name as well."""
    gil = gil_enabled()
    if not targets:
        return "brings no module"
    for target in targets:
        module, _, name = target.partition(":")
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name == module.partition(".")[0] and not version(package):
                return "not installed"
            raise
        if name and not hasattr(found, name):
            raise ImportError(f"cannot import name {name!r} from {module!r}")
    return "imports" if gil_enabled() == gil else "imports, and turns the GIL on"


def gil_enabled():
    free_threaded = sysconfig.get_config_var("Py_GIL_DISABLED")
    return not free_threaded or sys._is_gil_enabled()


def gpu():
    """The GPUs as the driver tells them. It makes no CUDA context, and so takes no memory there."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no GPU here (no NVIDIA driver): what imports may still not run"
    count = ctypes.c_int()
    failed = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    if failed or not count.value:
        return f"no GPU here (the driver's answer: {failed}): what imports may still not run"
    told = []
    for device in range(count.value):
        name = ctypes.create_string_buffer(100)
        driver.cuDeviceGetName(name, len(name), device)
        numbers = []
        for attribute in (75, 76):  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR
            number = ctypes.c_int()
            driver.cuDeviceGetAttribute(ctypes.byref(number), attribute, device)
            numbers.append(str(number.value))
        told.append(f"{name.value.decode(errors='replace')} (compute capability {'.'.join(numbers)})")
    return "GPU: " + ", ".join(told)


def modules(package):
    """What a package brings to import: its topmost folders with __init__.py, and modules beside them."""
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        return [package.replace("-", "_")]
    paths = [PurePosixPath(str(file)) for file in files]
    folders = {path.parent for path in paths if path.name == "__init__.py"}
    top = {folder for folder in folders if not any(parent in folders for parent in folder.parents)}
    alone = {path.parent / path.name.split(".")[0] for path in paths if len(path.parts) == 1 and path.suffix in (".py", ".so")}
    names = sorted(".".join(path.parts) for path in top | alone)
    return [name for name in names if name and not name.startswith(("_", "test")) and ".dist-info" not in name]


def version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def titled(name, package):
    return f"{name} {version(package)}".strip()


def canonical(name):
    return name.strip().lower().replace("_", "-").replace(".", "-")


def text_of(path):
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


if __name__ == "__main__":
    main(sys.argv[1:])
