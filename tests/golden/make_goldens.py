"""Remakes everything in tests/golden that is data: tiny seeded models and what the reference libraries compute with them.

    python -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python make_goldens.py [models patching heads generation]

Deterministic (seeds below, one thread). Every number comes from transformers or TransformerLens, and is accepted only if
the independent implementation in plain.py agrees with it; where neither can hold double precision, plain.py is stored.
"""
import os, sys, warnings
os.environ.setdefault("HF_HUB_OFFLINE", "1"); warnings.filterwarnings("ignore")
import importlib.metadata, json, platform, torch
from safetensors.torch import save_file
import make_heads, make_patching, plain, toys

HERE = os.path.dirname(os.path.abspath(__file__))
torch.set_num_threads(1)


def folder(name): return os.path.join(HERE, name)


def write_json(path, value):
    with open(os.path.join(HERE, path), "w") as f: json.dump(value, f, separators=(",", ":")); f.write("\n")


def agree(what, a, b, tolerance):
    """formats.md: |a - b| <= tolerance (1 + max|b|), and the same -inf entries."""
    a, b = a.double(), b.double()
    assert a.shape == b.shape, (what, a.shape, b.shape)
    mask = torch.isinf(b)
    assert torch.equal(mask, torch.isinf(a)), f"{what}: -inf masks differ"
    a, b = a[~mask], b[~mask]
    bound = tolerance * (1 + (b.abs().max().item() if b.numel() else 0))
    worst = (a - b).abs().max().item() if b.numel() else 0
    assert worst <= bound, f"{what}: {worst:.3g} > {bound:.3g}"
    return worst / (1 + b.abs().max().item()) if b.numel() else 0.0


def ids_of(name):
    """Equal lengths as one batch; other lengths on their own: one token, a middle length, the whole context."""
    g = torch.Generator().manual_seed(100 + toys.NAMES.index(name))
    vocab = plain.load(folder(name))[0]["d_vocab"]
    draw = lambda *shape: torch.randint(0, vocab, shape, generator=g)
    batch = draw(2, 7)
    batch[0, 4], batch[1, 5] = batch[0, 1], batch[1, 0]                    # something repeats
    return batch, [draw(1, n) for n in (1, 12, 32)]


# Sites that a plain run leaves out, and the flag with which TransformerLens makes them.
SPLITS = {"use_split_qkv_input": ("hook_q_input", "hook_k_input", "hook_v_input"), "use_attn_in": ("hook_attn_in",)}


def hooked_sites(model, ids, metric=None):
    """Every hook point's activation, and with a metric its gradient too.   Names exactly TransformerLens'."""
    sites, grads = {}, {}
    for flag in (None, *SPLITS):
        if flag == "use_attn_in" and model.cfg.n_key_value_heads: continue   # TransformerLens: shapes clash (n_heads copies, n_kv weights)
        model.cfg.use_attn_result = flag is None
        model.cfg.use_hook_mlp_in = flag is None and not model.cfg.attn_only
        for f in SPLITS: setattr(model.cfg, f, f == flag)
        seen = {}
        def keep(x, hook): seen.setdefault(hook.name, []).append(x)      # ln1 runs three times, once each for q, k and v
        logits = model.run_with_hooks(ids, fwd_hooks=[(lambda _: True, keep)])
        wanted = {k: v for k, v in seen.items() if flag is None or k.endswith(SPLITS[flag])}
        sites |= {k: calls[-1] for k, calls in wanted.items()}
        if metric:                                                        # the derivative by the site: the sum over its calls
            flat = [(k, x) for k, calls in wanted.items() for x in calls]
            for (k, x), d in zip(flat, torch.autograd.grad(metric(logits), [x for _, x in flat])): grads[k] = grads.get(k, 0) + d
    copy = lambda d: {k: v.detach().clone().contiguous() for k, v in d.items()}
    if "hook_pos_embed" in sites: sites["hook_pos_embed"] = sites["hook_pos_embed"].expand(len(ids), -1, -1)
    return copy(sites), copy(grads)


def make_model(name):
    toys.make(name, folder(name))
    batch, singles = ids_of(name)
    write_json(f"{name}/ids.json", {"batch": batch.tolist(), "singles": [s[0].tolist() for s in singles]})
    model = plain.load(folder(name))
    answer, foil = batch[:, 2], (batch[:, 3] + 1) % model[0]["d_vocab"]
    metric = lambda logits: (logits[:, -1].gather(1, answer[:, None]) - logits[:, -1].gather(1, foil[:, None])).mean()

    # Logits: transformers (fp32, eager) for its own formats, HookedTransformer for the others; fp64 beside them.
    hooked32, hooked64 = (toys.load_hooked(name, folder(name), d) for d in (torch.float32, torch.float64))
    hf32, hf64 = (toys.load_hf(folder(name), d) for d in (torch.float32, torch.float64)) if name in toys.HF else (None, None)
    logits, worst = {}, {"plain": 0.0, "fp32": 0.0, "hf": 0.0}
    with torch.no_grad():
        for key, ids in (("batch", batch), *((f"single.{i}", s) for i, s in enumerate(singles))):
            r32 = hf32(ids).logits if hf32 else hooked32(ids)
            r64 = hooked64(ids)
            worst["plain"] = max(worst["plain"], agree(f"{name} {key} plain", plain.forward(model, ids), r64, 1e-11))
            worst["fp32"] = max(worst["fp32"], agree(f"{name} {key} fp32", r32, r64, 1e-5))
            if hf64:                                                       # Llama's norm and rotary cast to fp32 inside, GPT-2 has no such cast
                worst["hf"] = max(worst["hf"], agree(f"{name} {key} transformers", hf64(ids).logits, r64, 1e-11 if toys.HF[name][0] == "gpt2" else 1e-5))
            logits |= {f"{key}.float32": r32.contiguous(), f"{key}.float64": r64.contiguous()}
    save_file(logits, f"{folder(name)}/logits.safetensors")

    sites32, _ = hooked_sites(hooked32, batch)
    sites64, grads = hooked_sites(hooked64, batch, metric)
    own, cache = plain_sites(model, batch, metric)
    missing = set(cache) ^ {k for k in sites64 if not k.endswith(sum(SPLITS.values(), ()))}
    assert not missing, missing
    for k, v in cache.items():
        agree(f"{name} {k} plain", v, sites64[k], 1e-11)
        agree(f"{name} {k} fp32", sites32[k], sites64[k], 1e-5)
        agree(f"{name} d/d {k}", own[k], grads[k], 1e-10)
    save_file(sites32, f"{folder(name)}/sites.safetensors"); save_file(sites64, f"{folder(name)}/sites64.safetensors")
    write_json(f"{name}/metric.json", {"metric": "logit_diff", "position": -1, "answer_ids": answer.tolist(), "foil_ids": foil.tolist(),
                                       "value": metric(logits["batch.float64"]).item()})
    if name in ("gpt2", "llama", "attn-only-ln"): save_file(grads, f"{folder(name)}/grads.safetensors")
    print(f"{name:13} {len(sites64):3} sites   " + "   ".join(f"{k} {v:.1e}" for k, v in worst.items()))


def plain_sites(model, ids, metric):
    """Gradients of the metric by plain.py, at its own sites, and the sites themselves."""
    cache = {}
    def keep(name, x):
        cache[name] = x if x.requires_grad else x.requires_grad_()
        return cache[name]
    logits = plain.forward((model[0], {k: v.clone().requires_grad_() for k, v in model[1].items()}), ids, keep)
    d = torch.autograd.grad(metric(logits), list(cache.values()))
    return dict(zip(cache, d)), {k: v.detach() for k, v in cache.items()}


def main():
    print("python", platform.python_version(), *(f"{p} {importlib.metadata.version(p)}" for p in ("torch", "transformers", "transformer-lens", "safetensors", "numpy")))
    parts = sys.argv[1:] or ["models", "patching", "heads", "generation"]
    if "models" in parts:
        for name in toys.NAMES: make_model(name)
    if "patching" in parts:
        write_json("patching.json", {name: make_patching.make(plain.load(folder(name)), toys.load_hooked(name, folder(name), torch.float64), seed, agree)
                                     for name, seed in (("gpt2", 200), ("llama", 300))})
    if "heads" in parts:
        g, heads = torch.Generator().manual_seed(400), {}
        for name in ("gpt2", "llama", "attn-only"):
            model, hooked = plain.load(folder(name)), toys.load_hooked(name, folder(name), torch.float64)
            draw = lambda vocab, n: torch.randint(0, vocab, (n,), generator=g).tolist()
            ids, half = draw(9, 14), draw(model[0]["d_vocab"], 8)          # of nine tokens: many repeats
            with torch.no_grad():
                heads[name] = make_heads.make(model, hooked, ids, half, agree)
                save_file(make_heads.weighted(model, json.load(open(f"{folder(name)}/ids.json"))["batch"]), f"{folder(name)}/weighted_patterns.safetensors")
        write_json("heads.json", heads)
    if "generation" in parts:
        prompts = {name: json.load(open(f"{folder(name)}/ids.json")) for name in toys.HF}
        with torch.no_grad():
            write_json("generation.json", {name: make_heads.greedy(toys.load_hf(folder(name)), [p["batch"][0], p["singles"][0], p["singles"][1]]) for name, p in prompts.items()})


if __name__ == "__main__": main()
