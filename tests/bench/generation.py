#!/usr/bin/env python3
"""Tokens per second of `microtome generate` and of transformers' generate() on the same model, prompt and threads, and whether they say the same.

    generation.py MICROTOME MODEL_FOLDER [--tokens 128] [--prompt-tokens 16] [--threads 1] [--repeats 3]

MICROTOME is the program (build/release/bin/microtome). Needs torch and transformers. Loading is not counted; the best of the repeats is told.
"""
import argparse, json, subprocess, time

import torch
from transformers import AutoModelForCausalLM


def ours(a, ids):
    best, text = 0, None
    for _ in range(a.repeats):
        run = subprocess.run([a.microtome, "generate", "--model", a.model, "--device", "cpu", "--threads", str(a.threads), "--ids", ",".join(map(str, ids)),
                              "--max-new-tokens", str(a.tokens), "--ignore-end", "--json", "--quiet"], capture_output=True, text=True, check=True)
        result = json.loads(run.stdout)
        best, text = max(best, result["tokens_per_second"]), result["ids"]
    return best, text


def theirs(a, ids):
    torch.set_num_threads(a.threads)
    model = AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32).eval()
    prompt = torch.tensor([ids])
    best, text = 0, None
    for _ in range(a.repeats):
        start = time.perf_counter()
        with torch.inference_mode():
            made = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=a.tokens, min_new_tokens=a.tokens, do_sample=False, pad_token_id=0)
        best, text = max(best, a.tokens / (time.perf_counter() - start)), made[0, len(ids):].tolist()
    return best, text, model.config.vocab_size


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("microtome")
    p.add_argument("model")
    for name, default in (("tokens", 128), ("prompt-tokens", 16), ("threads", 1), ("repeats", 3)):
        p.add_argument("--" + name, type=int, default=default)
    a = p.parse_args()
    ids = [(7 * i + 3) % 251 + 1 for i in range(a.prompt_tokens)]
    them, reference, _ = theirs(a, ids)
    us, text = ours(a, ids)
    same = next((i for i, (x, y) in enumerate(zip(text, reference)) if x != y), len(text))
    print(json.dumps({"model": a.model, "threads": a.threads, "tokens": a.tokens, "microtome": round(us, 1), "transformers": round(them, 1),
                      "ratio": round(us / them, 2), "equal_tokens": same}))


if __name__ == "__main__":
    main()
