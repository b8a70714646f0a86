#!/usr/bin/env python3
"""Published findings about a model, found again with Microtome's own commands.

    replicate.py --microtome build/release/bin/microtome --claims gpt2.json

A claims file names the model, the prompts, the commands, and what each must show. A model that is not on this computer is no failure: the program says
so and exits with 77. Exit: 0 every claim holds, 1 one does not, 2 something is wrong with the files.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SKIPPED = 77
HERE = Path(__file__).resolve().parent


class Wrong(Exception):
    """What the user can mend."""


def run(microtome, command, model, prompts, arguments=()):
    """The result of a command as JSON."""
    line = [str(microtome), command, "--model", model, *arguments, "--json", "--quiet"]
    if prompts:
        line += ["--pairs", str(prompts)]
    ran = subprocess.run(line, capture_output=True, text=True)
    if ran.returncode != 0:
        raise Wrong(f"{' '.join(line)}: exit {ran.returncode}: {ran.stderr.strip()}")
    return json.loads(ran.stdout)


def find_model(microtome, claims):
    """The first of the claims' names that opens; a folder named by the environment must."""
    named = os.environ.get(claims.get("environment", ""), "")
    for name in [named] if named else claims["models"]:
        if subprocess.run([str(microtome), "info", "--model", name, "--json"], capture_output=True).returncode == 0:
            return name
    if named:
        raise Wrong(f"{claims['environment']}: expected a model folder, got {named}")
    return None


def check_spans(microtome, model, pairs):
    """Every role stands where the prompt file says, in this model's tokens."""
    for pair in pairs:
        told = json.loads(subprocess.run([str(microtome), "tokenize", "--model", model, "--prompt", pair["clean"], "--json"],
                                         capture_output=True, text=True, check=True).stdout)
        for role, name in (("IO", "answer"), ("S1", "foil"), ("S2", "foil")):
            piece = told["pieces"][pair["spans"][role][0]]
            if piece.strip() != pair[name].strip():
                raise Wrong(f"{pair['id']}: expected {pair[name]!r} at {role}, got {piece!r}")


def table(result, view):
    columns = [column["name"] for column in result["views"][view]["columns"]]
    return [dict(zip(columns, row)) for row in result["views"][view]["rows"]]


def head_of(row):
    """"9.6" of a row that says layer 9 and head 6, or sender L9.H6."""
    return f"{row['layer']}.{row['head']}" if "layer" in row else row["sender"].replace("L", "").replace("H", "")


def judge(claim, result):
    """(holds, what was found)."""
    kind = claim["kind"]
    if kind == "between":
        value = result["summary"][claim["value"]]
        return claim["least"] <= value <= claim["most"], f"{value:.3f}"
    rows, wanted = table(result, claim["view"]), set(claim["heads"])
    if kind in ("lowest", "highest"):
        rows = sorted(rows, key=lambda row: row[claim["column"]], reverse=kind == "highest")[: claim.get("among", len(wanted))]
        return wanted <= {head_of(row) for row in rows}, ", ".join(f"{head_of(row)} {row[claim['column']]:.3f}" for row in rows)
    if kind == "class":
        found = [head_of(row) for row in rows if claim["class"] in row["class"].split(", ")]
        return (wanted == set(found) if claim.get("exactly") else wanted <= set(found)), ", ".join(found) or "none"
    if kind == "least":
        values = {head_of(row): row[claim["column"]] for row in rows}
        return all(values[head] >= claim["least"] for head in wanted), ", ".join(f"{head} {values[head]:.3f}" for head in claim["heads"])
    raise Wrong(f"claim {claim['says']!r}: expected a kind of claim, got {kind!r}")


def replicate(microtome, file, out=print):
    claims = json.loads(Path(file).read_text())
    model = find_model(microtome, claims)
    if not model:
        out(f"skipped: not run here: no local {claims['models'][0]} (looked for {', '.join(claims['models'])}"
            + (f"; {claims['environment']} names a folder)" if "environment" in claims else ")"))
        return SKIPPED
    pairs = (Path(file).resolve().parent / claims["prompts"]).read_text().splitlines()[: claims["pairs"]]
    check_spans(microtome, model, [json.loads(pair) for pair in pairs])
    results, missed = {}, 0
    with tempfile.TemporaryDirectory() as folder:
        prompts = Path(folder) / "pairs.jsonl"
        prompts.write_text("\n".join(pairs) + "\n")
        for claim in claims["claims"]:
            key = json.dumps(claim["command"])
            if key not in results:
                name, *arguments = [word for word in claim["command"] if word != "PROMPTS"]
                results[key] = run(microtome, name, model, prompts if "PROMPTS" in claim["command"] else None, arguments)
            holds, found = judge(claim, results[key])
            told = claim.get("told", False)  # a finding that depends on thresholds is told, and not required
            missed += not holds and not told
            out(f"{'holds' if holds else 'differs' if told else 'MISSED'}: {claim['says']} [{claim['source']}]\n    found {found}")
    out(f"{model}, {len(pairs)} pairs: {missed} of the required claims missed")
    return 1 if missed else 0


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--microtome", required=True)
    parser.add_argument("--claims", default=HERE / "gpt2.json")
    given = parser.parse_args(arguments)
    try:
        return replicate(given.microtome, given.claims)
    except (Wrong, OSError, KeyError, json.JSONDecodeError, subprocess.CalledProcessError) as error:
        print(f"replicate.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
