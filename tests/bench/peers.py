#!/usr/bin/env python3
"""An ordinary forward pass, loading and dumping activations: `microtome bench` and the reference libraries in turns, medians and their ratio.

    peers.py MICROTOME MODEL_FOLDER [--threads 2] [--rounds 3] [--only forward,load,store]

MICROTOME is the program (build/release/bin/microtome). Needs torch and transformers; `store` needs transformer_lens and h5py too.
A ratio above 1 means that Microtome is faster. `store` writes residual stream, attention and MLP outputs of every layer.
"""
import argparse, json, os, random, statistics, subprocess, tempfile, time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from transformers import AutoModelForCausalLM

torch.set_grad_enabled(False)
KEPT = ("hook_resid_pre", "hook_resid_post", "hook_attn_out", "hook_mlp_out")


def ours(a, what, *options):
    run = subprocess.run([a.microtome, "bench", what, "--model", a.model, "--device", "cpu", "--threads", str(a.threads), "--json", *options],
                         capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_of(work, repeats):
    work()
    return statistics.median(seconds(work) for _ in range(repeats))


def line(name, mine, theirs, peer, **more):
    us, them = statistics.median(mine), statistics.median(theirs)
    print(json.dumps({"work": name, "microtome": round(us, 4), peer: round(them, 4), "ratio": round(them / us, 2), **more}), flush=True)


def forward(a):
    model = AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32, attn_implementation="sdpa").eval()
    for rows, length, repeats in ((8, 15, 10), (4, 512, 3)):
        ids = torch.randint(0, model.config.vocab_size, (rows, length), generator=torch.Generator().manual_seed(0))
        mine, theirs = [], []
        for _ in range(a.rounds):
            mine.append(ours(a, "forward", "--batch", str(rows), "--length", str(length), "--repeats", str(repeats))["seconds"])
            theirs.append(median_of(lambda: model(ids, use_cache=False).logits, repeats))
        line(f"forward {rows} x {length}", mine, theirs, "transformers_sdpa")


def load(a):
    mine, theirs = [], []
    for _ in range(a.rounds):
        mine.append(ours(a, "load", "--repeats", "3")["seconds"])
        theirs.append(median_of(lambda: AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32), 3))
    line("load", mine, theirs, "transformers")


def store(a):
    import h5py
    from transformer_lens.model_bridge import TransformerBridge

    model = TransformerBridge.boot_transformers(a.model, device="cpu").eval()
    draw = random.Random(0)
    rows = [[draw.randrange(model.cfg.d_vocab) for _ in range(32)] for _ in range(128)]
    ids = torch.tensor(rows)
    with tempfile.TemporaryDirectory() as folder:
        listed, out = os.path.join(folder, "ids.json"), os.path.join(folder, "peer.h5")
        json.dump(rows, open(listed, "w"))

        def dump():
            with h5py.File(out, "w") as file:
                for at in range(0, len(ids), 8):
                    _, cache = model.run_with_cache(ids[at : at + 8], names_filter=lambda name: name.endswith(KEPT))
                    for name, value in cache.items():
                        block = value.numpy()
                        data = file[name] if name in file else file.create_dataset(name, (len(ids), *block.shape[1:]), dtype="f4")
                        data[at : at + len(block)] = block

        mine, theirs, over = [], [], []
        for _ in range(a.rounds):
            got = ours(a, "store", "--ids", listed, "--folder", folder, "--repeats", "3")
            mine.append(got["seconds"])
            over.append(got["ratio"])
            theirs.append(seconds(dump))
        line("store 128 x 32", mine, theirs, "transformer_lens_h5py", over_a_bare_pass=round(statistics.median(over), 3))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("microtome")
    p.add_argument("model")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--only", default="forward,load,store")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    for name in a.only.split(","):
        {"forward": forward, "load": load, "store": store}[name](a)


if __name__ == "__main__":
    main()
