#!/usr/bin/env python3
"""The replication's own machinery, on the bundled model: right claims hold, wrong ones are missed, a model that is not there is skipped out loud.

    test_replicate.py BUILD/bin/microtome
"""
import copy
import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

import make_ioi
import replicate

MICROTOME = sys.argv.pop(1) if len(sys.argv) > 1 else "microtome"
HERE = Path(__file__).resolve().parent


def run(claims):
    """(exit status, what was said) of claims given as a dictionary."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "claims.json"
        file.write_text(json.dumps(claims))
        return replicate.replicate(MICROTOME, file, lines.append), lines


class Replicate(unittest.TestCase):
    def setUp(self):
        self.claims = json.loads((HERE / "tinyworld.json").read_text())
        self.claims["prompts"] = str((HERE / self.claims["prompts"]).resolve())
        self.cache = tempfile.TemporaryDirectory()
        self.addCleanup(self.cache.cleanup)
        os.environ["HF_HUB_CACHE"] = self.cache.name
        os.environ.pop("MICROTOME_GPT2", None)

    def test_what_is_known_of_the_bundled_model_holds(self):
        code, lines = run(self.claims)
        self.assertEqual(code, 0, lines)
        self.assertEqual([line.split(":")[0] for line in lines[:-1]], ["holds"] * 5 + ["differs"], lines)

    def test_each_kind_of_claim_can_be_missed(self):
        kinds = {claim["kind"] for claim in self.claims["claims"]}
        self.assertEqual(kinds | {"highest"}, {"between", "class", "lowest", "highest", "least"})
        for index, change in enumerate([{"most": 8.01}, {"heads": ["0.0"]}, {"heads": ["0.2"]}, {"kind": "highest"}, {"least": 0.99}]):
            claims = copy.deepcopy(self.claims)
            claims["claims"] = [{**claims["claims"][index], **change}]
            code, lines = run(claims)
            self.assertEqual(code, 1, lines)
            self.assertTrue(lines[0].startswith("MISSED"), lines)

    def test_a_model_that_is_not_here_is_skipped_out_loud(self):
        lines = []
        self.assertEqual(replicate.replicate(MICROTOME, HERE / "gpt2.json", lines.append), replicate.SKIPPED)
        self.assertTrue(lines[0].startswith("skipped: not run here: no local gpt2"), lines)

    def test_a_named_folder_without_a_model_is_a_mistake_and_no_skip(self):
        os.environ["MICROTOME_GPT2"] = self.cache.name
        self.addCleanup(os.environ.pop, "MICROTOME_GPT2")
        with self.assertRaisesRegex(replicate.Wrong, "MICROTOME_GPT2: expected a model folder"):
            replicate.replicate(MICROTOME, HERE / "gpt2.json")

    def test_prompts_that_the_model_reads_otherwise_are_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            pair = json.loads(Path(self.claims["prompts"]).read_text().splitlines()[0])
            pair["spans"]["IO"] = [0, 0]
            prompts = Path(folder) / "pairs.jsonl"
            prompts.write_text(json.dumps(pair) + "\n")
            with self.assertRaisesRegex(replicate.Wrong, "expected .* at IO"):
                run({**self.claims, "prompts": str(prompts)})

    def test_the_prompt_file_is_the_generators(self):
        self.assertEqual((HERE / "ioi.jsonl").read_text().splitlines(), make_ioi.lines())

    def test_prompts_ask_the_question(self):
        for line in make_ioi.lines():
            pair = json.loads(line)
            clean, corrupt = make_ioi.words(pair["clean"]), make_ioi.words(pair["corrupt"])
            self.assertEqual(len(clean), len(corrupt))
            at = {role: span[0] for role, span in pair["spans"].items() if role != "END"}
            self.assertEqual([clean[at["IO"]], clean[at["S1"]], clean[at["S2"]]], [pair["answer"].strip(), pair["foil"].strip(), pair["foil"].strip()])
            self.assertEqual(pair["label"] == "abba", at["IO"] < at["S1"])
            names = {corrupt[i] for i in at.values()}
            self.assertEqual(len(names), 3)  # three people: nobody is named twice
            self.assertFalse(names & {pair["answer"].strip(), pair["foil"].strip()})


if __name__ == "__main__":
    unittest.main(verbosity=1)
