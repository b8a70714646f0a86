#!/usr/bin/env python3
"""Every link and image of a Markdown file leads to a file, and to a heading of it if it names one."""
import re
from urllib.parse import unquote

import sources

LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|<(?:a|img)[^>]+(?:href|src)=\"([^\"]+)\"")


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def without_blocks(source):
    return re.sub(r"^```.*?^```", blank, source, flags=re.M | re.S)


def without_code(source):
    return re.sub(r"`[^`\n]*`", blank, without_blocks(source))


def anchors(source):
    """GitHub's names of the headings."""
    names = set()
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*$", without_blocks(source), re.M):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).lower())
        names.add(plain.replace(" ", "-"))
    return names | set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", source))


def check(root):
    errors = []
    documents = sources.files(root, (".md",))
    for path in documents:
        source = sources.text(root, path)
        for match in LINK.finditer(without_code(source)):
            target = unquote(match.group(1) or match.group(2))
            if re.match(r"[a-z]+:", target):
                continue
            where = f"{path.as_posix()}:{sources.line_of(source, match.start())}"
            name, _, anchor = target.partition("#")
            place = (root / path.parent / name) if name else root / path
            if not place.exists():
                errors.append(f"{where}: {target}: expected a file or folder, got none")
            elif anchor and place.suffix == ".md" and anchor not in anchors(place.read_text(encoding="utf-8")):
                errors.append(f"{where}: {target}: expected a heading of that name, got none")
    return errors, []


if __name__ == "__main__":
    sources.main(check)
