#!/usr/bin/env python3
"""What no file may say: work left over, paths of one machine, calls and settings that traps were found in. Long files are warned of."""
import re

import sources

CODE = (".h", ".cpp", ".inc", ".cu")
BUILD = ("CMakeLists.txt", ".cmake", "CMakePresets.json")
SCRIPTS = (".sh", ".py", ".md", ".json", ".txt")
LIMITS = {".h": 120, ".cpp": 250, ".cu": 250}

# (pattern, suffixes, files that may, why)
RULES = [
    (r"\b(TODO" r"|FIXME" r"|XXX)\b", CODE + BUILD + (".sh", ".py", ".md"), (), "work left over: do it or leave it out"),
    (r"(?<![\w$./-])/(root|home|Users|work)/\w", CODE + BUILD + SCRIPTS, (), "a path of one machine"),
    (r"\bhasCUDA\b|\bcuda::is_available\b|\bgetNumGPUs\b", CODE, ("core/device.cpp",), "asking torch for CUDA before it is loaded loses it for the process: core/device.h"),
    (r"H5F_LIBVER_LATEST|H5F_ACC_SWMR_\w+", CODE, (), "a file of that kind is lost when the program is killed"),
    (r"#\s*pragma\s+omp|-fopenmp", CODE + BUILD, ("core/CMakeLists.txt", "core/parallel."), "core/parallel.h"),
    (r"\bat::parallel_for\b", CODE, ("core/parallel.",), "a plain loop, for want of OpenMP: core/parallel.h"),
    (r"\b(SKIP|PASS|FAIL)_REGULAR_EXPRESSION\b", BUILD, (), "overrides the exit status: a failed test is reported as skipped"),
    (r"^[ \t]*using\s+namespace\s+std\b", CODE, (), "names stay in their namespace"),
    (r"(?<![\w:.])fork\s*\(\)", CODE, ("tests/",), "no fork after the first tensor operation: posix_spawn"),
]
OWN = "tests/lint/"  # states the patterns


def check(root):
    errors, warnings = [], []
    for pattern, suffixes, allowed, why in RULES:
        expression = re.compile(pattern, re.M)
        for path in sources.files(root, suffixes):
            file = path.as_posix()
            if file.startswith(OWN) or (allowed and file.startswith(allowed)):
                continue
            source = sources.text(root, file) if file.endswith(SCRIPTS) or why.startswith(("work", "a path")) else sources.code(root, file)
            errors += [f"{file}:{sources.line_of(source, m.start())}: {m.group().strip()}: {why}" for m in expression.finditer(source)]
    for path in sources.files(root, tuple(LIMITS)):
        lines = sources.text(root, path).count("\n")
        if lines > LIMITS[path.suffix] and path.parts[0] in sources.MODULES:
            warnings.append(f"{path.as_posix()}: expected at most {LIMITS[path.suffix]} lines, got {lines}")
    return errors, warnings


if __name__ == "__main__":
    sources.main(check)
