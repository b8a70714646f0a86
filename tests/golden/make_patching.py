"""Activation patching: every preset of TransformerLens' patching module, by a plain loop over plain.forward in double precision.

TransformerLens runs the same presets and must agree to 1e-6 of the scale (it keeps its results in fp32).
"""
import itertools, math, torch
from transformer_lens import patching
import plain

KINDS = ("out", "q", "k", "v", "pattern")
SITE = {"out": "attn.hook_z", **{x: f"attn.hook_{x}" for x in ("q", "k", "v", "pattern")}}
STREAM = {x: f"hook_{x}" for x in ("resid_pre", "resid_mid", "attn_out", "mlp_out")}


def presets():
    """name -> (site, axes of the result, index of the slice that is set)"""
    p = {x: (site, ("layer", "pos"), lambda l, i: (slice(None), i)) for x, site in STREAM.items()}
    for x in ("out", "q", "k", "v"):
        p[f"attn_head_{x}_by_pos"] = (SITE[x], ("layer", "pos", "head"), lambda l, i, h: (slice(None), i, h))
        p[f"attn_head_{x}_all_pos"] = (SITE[x], ("layer", "head"), lambda l, h: (slice(None), slice(None), h))
    p["attn_head_pattern_all_pos"] = (SITE["pattern"], ("layer", "head"), lambda l, h: (slice(None), h))
    p["attn_head_pattern_by_pos"] = (SITE["pattern"], ("layer", "head", "dest"), lambda l, h, d: (slice(None), h, d))
    p["attn_head_pattern_dest_src_pos"] = (SITE["pattern"], ("layer", "head", "dest", "src"), lambda l, h, d, s: (slice(None), h, d, s))
    return p


def sweep(model, base, source, metric, preset):
    """The metric for each cell: base's run with one slice of source's activation."""
    site, axes, index = presets()[preset]
    c, P = model[0], base.shape[1]
    cache = plain.run_with_cache(model, source)[1]
    heads = c["n_kv"] if site.endswith(("_k", "_v")) else c["n_heads"]
    size = {"layer": c["n_layers"], "head": heads, "pos": P, "dest": P, "src": P}
    shape = [size[a] for a in axes]
    values = torch.empty(shape, dtype=torch.float64)
    for cell in itertools.product(*map(range, shape)):
        name, fired = f"blocks.{cell[0]}.{site}", []
        def tap(n, x):
            if n != name: return x
            fired.append(n); x = x.clone(); x[index(*cell)] = cache[name][index(*cell)]
            return x
        values[cell] = metric(plain.forward(model, base, tap))
        assert len(fired) == 1
    return values


def every(results, n_heads):
    """The *_every presets: one result a kind on a leading axis, k and v padded with zeros to n_heads."""
    pad = lambda t: torch.nn.functional.pad(t, (0, n_heads - t.shape[-1]))
    by_pos = {x: results[f"attn_head_{x}_by_pos"] for x in KINDS}
    by_pos["pattern"] = by_pos["pattern"].transpose(1, 2)
    return {"attn_head_all_pos_every": torch.stack([pad(results[f"attn_head_{x}_all_pos"]) for x in KINDS]),
            "attn_head_by_pos_every": torch.stack([pad(by_pos[x]) for x in KINDS]),
            "block_every": torch.stack([results[x] for x in ("resid_pre", "attn_out", "mlp_out")])}


def metrics(pairs, clean_logits):
    """name -> function of logits (b, p, v), averaged over pairs.   formats.md, activation-patching. answers and foils are lists of ids."""
    last = lambda logits: logits[:, -1]
    logp = lambda logits: last(logits).log_softmax(-1)
    def over(f): return lambda logits: torch.stack([f(i, pairs["answer_ids"][i], pairs["foil_ids"][i], logits) for i in range(len(logits))]).mean()
    def rank(i, a, f, logits):                                             # from 0; ties to the lower id
        x = last(logits)[i]
        assert len(a) == 1
        return ((x > x[a[0]]).sum() + (x[:a[0]] == x[a[0]]).sum()).double()
    m = {"logit_diff": over(lambda i, a, f, lg: last(lg)[i, a].mean() - last(lg)[i, f].mean()),
         "prob": over(lambda i, a, f, lg: logp(lg)[i, a].exp().sum()),
         "prob_diff": over(lambda i, a, f, lg: logp(lg)[i, a].exp().sum() - logp(lg)[i, f].exp().sum())}
    if all(len(a) == 1 for a in pairs["answer_ids"]):
        q = logp(clean_logits)
        m |= {"logprob": over(lambda i, a, f, lg: logp(lg)[i, a[0]]), "rank": over(rank),
              "kl": over(lambda i, a, f, lg: (q[i].exp() * (q[i] - logp(lg)[i])).sum())}
    return m


def draw(vocab, n, length, differ, seed, lists=False):
    """Seeded pairs whose prompts differ at the given positions."""
    g = torch.Generator().manual_seed(seed)
    clean = torch.randint(0, vocab, (n, length), generator=g)
    corrupt = clean.clone()
    for p in differ: corrupt[:, p] = (corrupt[:, p] + torch.randint(1, vocab, (n,), generator=g)) % vocab
    ids = torch.stack([torch.randperm(vocab, generator=g)[:5] for _ in range(n)]).tolist()
    return {"clean_ids": clean.tolist(), "corrupt_ids": corrupt.tolist(),
            "answer_ids": [x[:2] if lists else x[:1] for x in ids], "foil_ids": [x[2:] if lists else x[4:] for x in ids]}


def flat(t, axes): return {"axes": list(axes), "shape": list(t.shape), "values": t.flatten().tolist()}


def presets_of(model, hooked, pairs, agree):
    """All presets, denoising, logit_diff; confirmed by TransformerLens on the same pairs."""
    clean, corrupt = torch.tensor(pairs["clean_ids"]), torch.tensor(pairs["corrupt_ids"])
    metric = metrics(pairs, plain.forward(model, clean))["logit_diff"]
    results = {name: sweep(model, corrupt, clean, metric, name) for name in presets()}
    axes = {name: p[1] for name, p in presets().items()}
    results |= every(results, model[0]["n_heads"])
    axes |= {"attn_head_all_pos_every": ("kind", "layer", "head"), "attn_head_by_pos_every": ("kind", "layer", "pos", "head"),
             "block_every": ("kind", "layer", "pos")}
    _, cache = hooked.run_with_cache(clean)
    for name, values in results.items():
        agree(f"patching {name}", getattr(patching, "get_act_patch_" + name)(hooked, corrupt, cache, metric), values, 1e-6)
    base = {"clean": metric(plain.forward(model, clean)).item(), "corrupt": metric(plain.forward(model, corrupt)).item()}
    return base | {"presets": {name: flat(v, axes[name]) for name, v in results.items()}}


def metrics_of(model, pairs, preset):
    """One preset under every metric, both directions. Noise: the clean run with slices of the corrupted one."""
    clean, corrupt = torch.tensor(pairs["clean_ids"]), torch.tensor(pairs["corrupt_ids"])
    logits = {"clean": plain.forward(model, clean), "corrupt": plain.forward(model, corrupt)}
    out = {}
    for name, metric in metrics(pairs, logits["clean"]).items():
        out[name] = {k: metric(v).item() for k, v in logits.items()}
        for direction, (base, source) in {"denoise": (corrupt, clean), "noise": (clean, corrupt)}.items():
            out[name][direction] = sweep(model, base, source, metric, preset)
    m = out["logit_diff"]
    span = m["clean"] - m["corrupt"]
    assert not math.isclose(span, 0, abs_tol=1e-3)
    out["logit_diff_recovery"] = {"clean": 1.0, "corrupt": 0.0, **{d: (m[d] - m["corrupt"]) / span for d in ("denoise", "noise")}}
    return {name: {k: flat(v, presets()[preset][1]) if torch.is_tensor(v) else v for k, v in r.items()} for name, r in out.items()}


def make(model, hooked, seed, agree):
    vocab = model[0]["d_vocab"]
    one, two, lists = (draw(vocab, 1, 7, (1, 4), seed), draw(vocab, 2, 8, (1, 2, 5), seed + 1), draw(vocab, 2, 6, (2, 3), seed + 2, lists=True))
    with torch.no_grad():
        return {"one": one | presets_of(model, hooked, one, agree), "two": two | presets_of(model, hooked, two, agree),
                "metrics": two | {"preset": "resid_pre", "metrics": metrics_of(model, two, "resid_pre")},
                "lists": lists | {"preset": "attn_out", "metrics": metrics_of(model, lists, "attn_out")}}
