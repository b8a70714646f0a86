"""`microtome logits` against `transformers` (float32, eager), on models that are not checked in.

    venv/bin/python check_architectures.py --microtome build/release/bin/microtome --seeds 1 2 3
    venv/bin/python check_architectures.py --microtome build/release/bin/microtome --folders MODEL_FOLDER ...

With seeds: every architecture of architectures.py, with other weights and other ids each time. With folders: those models, whatever made
them. Not part of the test suite: it needs `transformers`. Exit status 1 if a logit is off by more than 1e-5 (1 + max|b|).
"""
import os, sys, warnings
os.environ.setdefault("HF_HUB_OFFLINE", "1"); warnings.filterwarnings("ignore")
import argparse, json, subprocess, tempfile, h5py, torch, transformers
import architectures

transformers.logging.set_verbosity_error(); transformers.utils.logging.disable_progress_bar()


def ours(microtome, folder, ids, work):
    json.dump(ids.tolist(), open(f"{work}/ids.json", "w"))
    subprocess.run([microtome, "logits", "--model", folder, "--ids", f"{work}/ids.json", "--out", f"{work}/logits.h5", "--quiet", "--device", "cpu"], check=True)
    with h5py.File(f"{work}/logits.h5") as file: return torch.tensor(file["logits"][:])


def compare(microtome, name, folder, seed, lengths, work):
    g, worst = torch.Generator().manual_seed(seed), 0.0
    vocab = json.load(open(f"{folder}/config.json"))["vocab_size"]
    for n, length in lengths:
        ids = torch.randint(0, vocab, (n, length), generator=g)
        b = architectures.run(folder, ids).logits
        worst = max(worst, ((ours(microtome, folder, ids, work) - b).abs().max() / (1 + b.abs().max())).item())
    print(f"{name:24} seed {seed:4}  {worst:.2e}  {'' if worst <= 1e-5 else 'WRONG'}", flush=True)
    return worst <= 1e-5


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--microtome", required=True); p.add_argument("--seeds", type=int, nargs="*", default=[]); p.add_argument("--folders", nargs="*", default=[])
    p.add_argument("--length", type=int, default=100, help="tokens of the longest prompt for --folders")
    a = p.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as work:
        for seed in a.seeds:
            for name in architectures.ARCHITECTURES:
                architectures.make(name, f"{work}/{name}", seed)
                good &= compare(a.microtome, name, f"{work}/{name}", seed, [(2, 31), (3, 7), (1, 1)], work)
        for folder in a.folders:
            good &= compare(a.microtome, os.path.basename(folder), folder, 0, [(2, a.length), (3, 7), (1, 1)], work)
    sys.exit(0 if good else 1)
