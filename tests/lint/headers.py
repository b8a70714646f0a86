#!/usr/bin/env python3
"""Every header that is free of torch compiles alone. Usage: headers.py ROOT COMPILE_COMMANDS

A header counts as compiled if a source that is built without a precompiled header includes it first; the others are compiled here.
"""
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import layers
import sources


def read_commands(root, file):
    """{source: arguments} of compile_commands.json."""
    commands = {}
    for entry in json.loads(Path(file).read_text()):
        source = Path(entry["directory"], entry["file"]).resolve()
        if source.is_relative_to(root):
            commands[source.relative_to(root).as_posix()] = shlex.split(entry["command"])
    return commands


def search_flags(commands):
    """-I and -isystem of all sources, once each."""
    flags = {}
    for arguments in commands.values():
        for index, argument in enumerate(arguments):
            if argument == "-isystem":
                flags[("-isystem", arguments[index + 1])] = None
            elif argument.startswith("-I"):
                flags[(argument,)] = None
    return [word for flag in flags for word in flag]


def proved(root, commands):
    """Headers that some source includes before anything else, in a library without a precompiled header."""
    found = set()
    for source, arguments in commands.items():
        if (root / source).is_file() and not any("cmake_pch" in a for a in arguments):
            found.update(name for _, name, _ in sources.includes(root, source)[:1])
    return found


def compile_alone(root, header, compiler, flags):
    command = [compiler, "-std=c++20", "-fsyntax-only", "-I", str(root), *flags, "-DQT_NO_KEYWORDS", "-x", "c++", "-"]
    run = subprocess.run(command, input=f'#include "{header.as_posix()}"\n#include "{header.as_posix()}"\n', capture_output=True, text=True)
    return None if run.returncode == 0 else f"{header.as_posix()}: expected a header that compiles alone, got\n{run.stderr.strip()}"


def check(root, commands_file, compiler):
    commands = read_commands(root, commands_file)
    flags, memory = search_flags(commands), {}
    headers = [h for h in sources.files(root, (".h",)) if h.parts[0] in sources.MODULES and not layers.torch_path(root, h.as_posix(), memory)]
    known = proved(root, commands)
    alone = [h for h in headers if h.as_posix() not in known]
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        errors = [e for e in pool.map(lambda h: compile_alone(root, h, compiler, flags), alone) if e]
    print(f"{len(headers)} headers free of torch, {len(alone)} of them compiled here")
    return errors if headers else ["expected headers, got none"]


if __name__ == "__main__":
    problems = check(Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "c++")
    for problem in problems:
        print("error:", problem)
    sys.exit(1 if problems else 0)
