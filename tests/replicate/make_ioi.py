#!/usr/bin/env python3
"""Prompts of indirect object identification (Wang et al. 2022) for GPT-2, in our own words: make_ioi.py > ioi.jsonl

Each pair is a prompt in which two people meet and one of them gives something to the other, and the same prompt with three other names (the paper's
ABC prompts), which asks no such question. Half are ABBA (the giver is named second), half BABA. Every word is one GPT-2 token, so a word's number is
its token's: replicate.py checks that with the model's own tokenizer before it runs anything.
"""
import json
import random

NAMES = "Mary John Tom James Martin Amy Alice Anna Paul Mark Sarah Laura Kate Peter Simon Lucy Jack Emma Robert Susan David Michael".split()
PLACES = "store garden school office station hospital house park beach restaurant".split()
THINGS = "ring book ball drink letter computer key basket bottle camera".split()
TEMPLATES = [
    "When {a} and {b} went to the {place}, {s} gave a {thing} to",
    "After {a} and {b} met at the {place}, {s} handed a {thing} to",
    "While {a} and {b} were working at the {place}, {s} passed a {thing} to",
    "Then, {a} and {b} had a long day at the {place}, and {s} brought a {thing} to",
    "Today {a} and {b} walked home from the {place}, and {s} decided to give a {thing} to",
    "Yesterday {a} and {b} got lost near the {place}. {s} later sold a {thing} to",
]


def words(text):
    """The text's tokens, by number."""
    return text.replace(",", " ,").replace(".", " .").split()


def pair(number, draw):
    template = TEMPLATES[number // 2 % len(TEMPLATES)]
    abba = number % 2 == 0
    io, subject, *others = draw.sample(NAMES, 5)
    place, thing = draw.choice(PLACES), draw.choice(THINGS)
    first, second = (io, subject) if abba else (subject, io)
    clean = template.format(a=first, b=second, s=subject, place=place, thing=thing)
    corrupt = template.format(a=others[0], b=others[1], s=others[2], place=place, thing=thing)
    at = words(clean)
    s1 = at.index(subject)
    spans = {"IO": [at.index(io)] * 2, "S1": [s1] * 2, "S2": [at.index(subject, s1 + 1)] * 2, "END": -1}
    return {"id": f"ioi-{number + 1}", "clean": clean, "corrupt": corrupt, "answer": " " + io, "foil": " " + subject,
            "label": "abba" if abba else "baba", "spans": spans}


def lines(count=120, seed=0):
    draw = random.Random(seed)
    return [json.dumps(pair(i, draw), separators=(",", ":")) for i in range(count)]


if __name__ == "__main__":
    print("\n".join(lines()))
