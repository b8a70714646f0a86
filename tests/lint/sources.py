"""The repository's own files and their includes, for the checks beside this file."""
import os
import re
import sys
from pathlib import Path

MODULES = ["core", "hooks", "analyses", "widgets", "app"]  # each may include itself and those before it
SKIPPED_FOLDERS = {".git", ".cache", "build", "results", "__pycache__"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def files(root, suffixes):
    """Paths relative to root, sorted."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f not in SKIPPED_FOLDERS]
        found += [Path(folder, n).relative_to(root) for n in names if n.endswith(suffixes)]
    return sorted(found)


def text(root, file):
    return (Path(root) / file).read_text(encoding="utf-8")


def code(root, file):
    """The text without comments, lines kept."""
    keep_lines = lambda match: "\n" * match.group().count("\n")
    return re.sub(r"//[^\n]*", "", re.sub(r"/\*.*?\*/", keep_lines, text(root, file), flags=re.S))


def line_of(source, offset):
    return source.count("\n", 0, offset) + 1


def includes(root, file):
    """(line, name, is quoted) of each #include."""
    source = code(root, file)
    return [(line_of(source, m.start(2)), m.group(2), m.group(1) == '"') for m in INCLUDE.finditer(source)]


def main(check):
    """Runs check(root) -> (errors, warnings) as a program: prints them, exits 1 if there is an error."""
    errors, warnings = check(Path(sys.argv[1]).resolve())
    for line in warnings:
        print("warning:", line)
    for line in errors:
        print("error:", line)
    print(f"{len(errors)} errors, {len(warnings)} warnings")
    sys.exit(1 if errors else 0)
