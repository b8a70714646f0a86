#!/usr/bin/env python3
"""Layering: core <- hooks <- analyses <- widgets <- app, and which libraries each part may see, also through headers that it includes."""
import re

import sources

SOURCES = (".h", ".cpp", ".inc", ".cu")
TORCH = re.compile(r"^(ATen|c10|torch|caffe2)/")
QT = re.compile(r"^(Qt[A-Z]\w*/)?Q[A-Za-z]\w*$|^qt|^qcustomplot\.h$")
HDF5 = re.compile(r"^(hdf5|H5)[\w]*\.h$")
MPI = re.compile(r"^mpi\.h$")
CUDA = re.compile(r"^(cuda|cublas|cudnn|nccl)[\w]*\.h$")
TORCH_FREE = ("core/base/", "core/text/", "core/worlds/", "core/hub/", "hooks/store/", "hooks/expression/", "analyses/views/", "analyses/files/", "analyses/fields/", "widgets/", "app/gui/")
HDF5_FOLDERS = ("hooks/store/", "analyses/views/")
QT_FOLDERS = ("widgets/", "app/")
# What widgets see of core: the parts that are free of torch.
CORE_FOR_WIDGETS = ("core/base/", "core/text/", "core/worlds/", "core/hub/")


def module_of(name):
    first = name.split("/")[0]
    return sources.MODULES.index(first) if first in sources.MODULES else None


def torch_path(root, file, memory):
    """The chain of includes by which `file` reaches a torch header, or None."""
    if file not in memory:
        memory[file] = None  # a cycle adds nothing
        for _, name, quoted in sources.includes(root, file):
            if TORCH.match(name):
                memory[file] = [name]
            elif quoted and (root / name).is_file() and torch_path(root, name, memory):
                memory[file] = [name] + memory[name]
            if memory[file]:
                break
    return memory[file]


def check_include(root, name_of_file, name, quoted):
    """What is wrong with one include, or None."""
    file = name_of_file
    if quoted and not (root / name).is_file():
        if not name.endswith(".moc") and not re.match(r"^(ui_|moc_)", name):
            return f'"{name}": expected a path from the root of the repository'
    if quoted and module_of(name) is not None and module_of(name) > module_of(file):
        return f'an arrow back: {file.split("/")[0]} may not include "{name}"'
    if file.startswith("widgets/") and name.startswith("hooks/"):
        return f'widgets may not include "{name}" of hooks'
    if file.startswith("widgets/") and name.startswith("core/") and not name.startswith(CORE_FOR_WIDGETS):
        return f'widgets may include core/base, core/text, core/worlds and core/hub only, got "{name}"'
    if name == "torch/torch.h" or name == "torch/all.h":
        return f"<{name}> takes half a minute to parse: include <ATen/ATen.h>"
    if TORCH.match(name) and file.endswith(".cu"):
        return f"<{name}>: kernels take pointers, sizes and a stream, no torch header"
    if QT.match(name) and not file.startswith(QT_FOLDERS):
        return f"<{name}>: Qt belongs to widgets, app and tests"
    if HDF5.match(name) and not file.startswith(HDF5_FOLDERS):
        return f"<{name}>: HDF5 belongs to hooks/store and analyses/views"
    if MPI.match(name) and not file.startswith("core/mpi/"):
        return f"<{name}>: MPI belongs to core/mpi, which programs load when mpirun started them"
    if CUDA.match(name) and not file.startswith("core/"):
        return f"<{name}>: CUDA belongs to core"
    return None


def check(root):
    errors, memory, plots = [], {}, []
    found = [f for f in sources.files(root, SOURCES) if f.parts[0] in sources.MODULES]
    for path in found:
        file = path.as_posix()
        for line, name, quoted in sources.includes(root, file):
            wrong = check_include(root, file, name, quoted)
            if wrong:
                errors.append(f"{file}:{line}: {wrong}")
            if name == "qcustomplot.h":
                plots.append(f"{file}:{line}")
        if file.startswith(TORCH_FREE) and torch_path(root, file, memory):
            errors.append(f"{file}: expected no torch header, got one by " + " -> ".join(memory[file]))
    plots += [f"{f}" for f in sources.files(root / "tests", (".cpp", ".h")) if any(n == "qcustomplot.h" for _, n, _ in sources.includes(root / "tests", f))]
    if len(plots) > 1 or any(not re.match(r"widgets/[\w/]*\.h:", p) for p in plots):
        errors.append("<qcustomplot.h>: expected in one wrapper header of widgets, got " + ", ".join(plots))
    if not found:
        errors.append(f"{root}: expected sources, got none")
    return errors, []


if __name__ == "__main__":
    sources.main(check)
