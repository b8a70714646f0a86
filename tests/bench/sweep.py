"""Activation patching of a GPT-2-small-sized random model: this program against TransformerLens and a plain PyTorch wavefront, in turns.

    sweep.py MICROTOME SHARED [--threads N] [--turns N] [--long] [--skip-peers]

MICROTOME is the program of a release build; SHARED the folder beside the repository with peers/ (run with a Python that has what
peers/requirements.txt lists). Prints seconds, ratios and the largest difference of each map; then the arithmetic that it can't do without, and at what share of this
machine's matrix product ours did it. Ours is `seconds.run` of the manifest.
"""
import argparse, json, os, pathlib, random, subprocess, sys, tempfile

p = argparse.ArgumentParser()
p.add_argument("microtome")
p.add_argument("shared")
p.add_argument("--threads", type=int, default=2)
p.add_argument("--turns", type=int, default=3)
p.add_argument("--model", help="a GPT-2 folder, in place of one made here")
p.add_argument("--long", action="store_true", help="time TransformerLens' 2160 cells of attn_head_out_by_pos too (a quarter of an hour)")
p.add_argument("--skip-peers", action="store_true", help="time this program alone")
a = p.parse_args()
peers = pathlib.Path(a.shared) / "peers"
folder = pathlib.Path(tempfile.mkdtemp(prefix="microtome-sweep-"))
env = dict(os.environ, OMP_NUM_THREADS=str(a.threads), HF_HUB_OFFLINE="1")


def run(command):
    done = subprocess.run([str(c) for c in command], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{command}\n{done.stderr[-2000:]}")
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


model = a.model or folder / "model"
if not a.model:
    run([sys.executable, peers / "make_model.py", "gpt2", model, "--full-size"])
random.seed(1)
WORK = [("late", "resid_pre"), ("late", "attn_head_out_all_pos"), ("late", "attn_head_out_by_pos"), ("every", "resid_pre")]
for name, differ in (("late", [9]), ("every", range(15))):
    with open(folder / f"{name}.jsonl", "w") as out:
        for _ in range(8):
            base = [random.randrange(50000) for _ in range(15)]
            source = [(t + 1234) % 50000 if i in differ else t for i, t in enumerate(base)]
            out.write(json.dumps({"clean_ids": source, "corrupt_ids": base, "answer_id": source[9], "foil_id": base[9]}) + "\n")


def ours(pairs, preset):
    out = folder / "out"
    run([a.microtome, "activation-patching", "--model", model, "--pairs", folder / f"{pairs}.jsonl", "--preset", preset, "--metric", "logit_diff",
         "--threads", a.threads, "--figures", "none", "--quiet", "--out", out])
    return json.load(open(out / "manifest.json"))["seconds"]["run"], json.load(open(out / "result.json"))["views"]["effect"]["values"]


def lens(pairs, preset):
    saved = folder / "lens.json"
    run([sys.executable, peers / "sweep.py", model, folder / f"{pairs}.jsonl", preset, "--save", saved, "--threads", a.threads])
    found = json.load(open(saved))["presets"][preset]
    return found["seconds"], found["grid"]


def plain(pairs, preset):
    if preset != "resid_pre":
        return None
    found = json.loads(run([sys.executable, peers / "wavefront.py", model, folder / f"{pairs}.jsonl"]))
    return found["seconds"], found["grid"]


def arithmetic(pairs, preset, layers=12, n=15, d=768, heads=12):
    """Multiplications and additions of the matrix products that a map can't do without: both runs, then each row from where it changes.

    A block's products are 3 d² for queries, keys and values, d² for the heads' output, 8 d² for the MLP. A row is the tokens from the patched
    one on; before attention only the patched ones have changed. In the last layer only one token asks.
    """
    start = 9 if pairs == "late" else 0
    units = 12 * layers * (n + n - start)  # of 2 d² a pair
    carried = rows = 0  # tokens, rows that entered before
    same = 0  # tokens among the carried ones that their row's first attention has yet to change
    for l in range(layers):
        last = l == layers - 1
        places = range(start, n)
        if preset == "resid_pre":
            places = places if l or pairs != "late" else [start]
            entered, new, late = len(places), sum(n - p for p in places), (0, 0, 0)
        elif preset == "attn_head_out_all_pos":
            entered, new, late = 0, 0, (heads * len(places), heads, heads * len(places))  # heads' outputs: after attention
        else:
            late = (heads * len(places), heads * len(places), heads * sum(n - p for p in places))
            entered, new = 0, 0
        now = carried + new
        if last:
            units += 2 * (carried - same + entered) + 10 * (rows + (len(places) if preset == "resid_pre" else 0)) + 9 * late[1]
        else:
            units += 3 * (carried - same + entered) + 9 * (now + late[0])
        rows += late[1] + (len(places) if preset == "resid_pre" else 0)
        carried, same = now + late[2], late[2] - late[0]
    return 8 * units * 2 * d * d


def product_rate():
    """Operations a second of this machine's float32 matrix product, at a size as above."""
    code = ("import torch, time\n"
            f"torch.set_num_threads({a.threads}); x, y = torch.randn(2048, 768), torch.randn(768, 3072); best = 9\n"
            "for _ in range(20):\n    t = time.perf_counter(); x @ y; best = min(best, time.perf_counter() - t)\n"
            "print(2 * 2048 * 768 * 3072 / best)")
    return float(run([sys.executable, "-c", code]))


def flat(x):
    return [z for y in x for z in flat(y)] if isinstance(x, list) else [x]


def median(x):
    return sorted(x)[len(x) // 2]


print(f"{'pairs':6} {'preset':24} {'ours s':>8} {'Lens s':>8} {'ratio':>7} {'plain s':>8} {'ratio':>7} {'difference':>11} {'Gflop':>7} {'rate':>6}")
for pairs, preset in WORK:
    seconds = {"ours": [], "lens": [], "plain": []}
    rates = []
    grids = {}
    for turn in range(a.turns):
        rates.append(product_rate())
        for who, work in (("ours", ours), ("plain", plain), ("lens", lens)):
            if who != "ours" and (a.skip_peers or (who == "lens" and (turn > 0 or (preset.endswith("by_pos") and not a.long)))):
                # the loop takes minutes: once
                continue
            found = work(pairs, preset)
            if found:
                seconds[who].append(found[0])
                grids[who] = flat(found[1])
    row = f"{pairs:6} {preset:24} {median(seconds['ours']):8.2f}"
    largest = 0.0
    for who in ("lens", "plain"):
        if not seconds[who]:
            row += f" {'-':>8} {'-':>7}"
            continue
        row += f" {median(seconds[who]):8.2f} {median(seconds[who]) / median(seconds['ours']):7.1f}"
        largest = max(largest, max(abs(x - y) for x, y in zip(grids["ours"], grids[who], strict=True)))
    compared = len(grids) > 1
    work = arithmetic(pairs, preset)
    print(row + (f" {largest:11.1e}" if compared else f" {'-':>11}") + f" {work / 1e9:7.0f} {work / median(seconds['ours']) / median(rates):6.0%}", flush=True)
