"""Attribution patching, the logit lens and direct logit attribution of gpt2 and llama, from plain.py in double precision: lenses.json.

    python make_lenses.py

The gradients of attribution patching come from autograd and are accepted only if a difference quotient of the run itself agrees (1e-6).
Parts of direct logit attribution are accepted only if they sum to the logit difference (1e-12).
"""
import json, math, torch
import make_patching, plain

PRESETS = ("resid_pre", "resid_mid", "attn_out", "mlp_out", "attn_head_out_by_pos", "attn_head_q_by_pos", "attn_head_v_by_pos",
           "attn_head_pattern_by_pos")


def gradients(model, base, metric, names):
    """name -> (activation, derivative of the metric by it), on the run of `base`."""
    zeros, seen = {}, {}
    def tap(name, x):
        if name not in names: return x
        zeros[name] = torch.zeros_like(x, requires_grad=True); seen[name] = x.detach()
        return x + zeros[name]
    metric(plain.forward(model, base, tap)).backward()
    return {n: (seen[n], zeros[n].grad) for n in names}


def attribution(model, base, source, metric, preset):
    """Sum of (source - base) * gradient over what each cell of the preset replaces (Nanda 2023; gradient on the run that is patched)."""
    site, axes, index = make_patching.presets()[preset]
    names = [f"blocks.{l}.{site}" for l in range(model[0]["n_layers"])]
    with torch.no_grad(): cache = plain.run_with_cache(model, source)[1]
    found, layers = gradients(model, base, metric, names), []
    for n in names:
        x, g = found[n]
        step = 1e-6
        with torch.no_grad():                                                     # the slope along the whole difference
            up, down = (metric(plain.forward(model, base, lambda m, y: y + s * step * (cache[n] - x) if m == n else y)) for s in (1, -1))
        slope = ((cache[n] - x) * g).nan_to_num().sum().item()
        assert math.isclose((up - down).item() / (2 * step), slope, rel_tol=1e-6, abs_tol=1e-7), n
        product = (cache[n] - x) * g
        layers.append(product.sum(0))                                             # over the pairs, whose mean the metric is
    return torch.stack(layers).sum(-1)                                            # over features; of patterns, over the sources


def lens(model, ids, answer):
    """Probability of `answer` at each layer's stream and position: final norm with the stream's own scale, with the last stream's, none."""
    c, w = model
    cache = plain.run_with_cache(model, ids)[1]
    L, rms = c["n_layers"], c["normalization_type"] == "RMS"
    centre = lambda x: x if rms else x - x.mean(-1, keepdim=True)
    scale = lambda x: ((centre(x) ** 2).mean(-1, keepdim=True) + c["eps"]).sqrt()
    last = cache[f"blocks.{L - 1}.hook_resid_post"]
    norms = {"final": lambda x: centre(x) / scale(x) * w["ln_final.w"] + w.get("ln_final.b", 0.0),
             "cached": lambda x: centre(x) / scale(last) * w["ln_final.w"] + w.get("ln_final.b", 0.0), "none": lambda x: x}
    streams = {"pre": [cache[f"blocks.{l}.hook_resid_pre"] for l in range(L)] + [last],
               "mid": [cache[f"blocks.{l}.hook_resid_mid"] for l in range(L)] + [last], "post": [cache[f"blocks.{l}.hook_resid_post"] for l in range(L)]}
    bias = w.get("unembed.b_U", 0.0)
    return {at: {n: torch.stack([(f(x) @ w["unembed.W_U"] + bias).softmax(-1)[0, :, answer] for x in xs]).tolist() for n, f in norms.items()}
            for at, xs in streams.items()}


def parts(model, ids, answer, foil):
    """What each head and MLP adds to the logit difference at the last position, through the final norm's scale of this run (definitions: DLA)."""
    c, w = model
    logits, cache = plain.run_with_cache(model, ids)
    centre = lambda x: x if c["normalization_type"] == "RMS" else x - x.mean(-1, keepdim=True)
    scale = cache["ln_final.hook_scale"][0, -1]
    direction = w["ln_final.w"] * (w["unembed.W_U"][:, answer] - w["unembed.W_U"][:, foil])
    adds = lambda x: (centre(x) / scale * direction).sum(-1)
    L = range(c["n_layers"])
    heads = [adds(cache[f"blocks.{l}.attn.hook_result"][0, -1]) for l in L]
    attn, mlp = ([adds(cache[f"blocks.{l}.hook_{x}_out"][0, -1]) for l in L] for x in ("attn", "mlp"))
    neurons = [cache[f"blocks.{l}.mlp.hook_post"][0, -1] * adds(w[f"blocks.{l}.mlp.W_out"]) for l in L]
    start = adds(cache["hook_embed"][0, -1]) + (0 if c["rotary"] else adds(cache["hook_pos_embed"][0, -1]))
    end = (w.get("ln_final.b", torch.zeros(())) * (w["unembed.W_U"][:, answer] - w["unembed.W_U"][:, foil])).sum()
    if "unembed.b_U" in w: end = end + w["unembed.b_U"][answer] - w["unembed.b_U"][foil]
    difference = logits[0, -1, answer] - logits[0, -1, foil]
    assert math.isclose(start + sum(attn) + sum(mlp) + end, difference, rel_tol=1e-12, abs_tol=1e-12)
    return {"heads": torch.stack(heads).tolist(), "layers": torch.stack([torch.stack(attn), torch.stack(mlp)], -1).tolist(),
            "neurons": torch.stack(neurons).tolist(), "difference": difference.item()}


def make(model, seed):
    pairs = make_patching.draw(model[0]["d_vocab"], 2, 8, (1, 2, 5), seed)
    clean, corrupt = torch.tensor(pairs["clean_ids"]), torch.tensor(pairs["corrupt_ids"])
    with torch.no_grad(): logits = plain.forward(model, clean)
    metric = make_patching.metrics(pairs, logits)
    predicted = {m: {d: {p: attribution(model, base, source, metric[m], p).tolist() for p in PRESETS}
                     for d, (base, source) in {"denoise": (corrupt, clean), "noise": (clean, corrupt)}.items()} for m in ("logit_diff", "kl")}
    answer, foil = pairs["answer_ids"][0][0], pairs["foil_ids"][0][0]
    with torch.no_grad():
        return pairs | {"attribution": predicted, "lens": lens(model, clean[:1], answer), "parts": parts(model, clean[:1], answer, foil)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    out = {name: make(plain.load(name), seed) for name, seed in (("gpt2", 71), ("llama", 73))}
    json.dump(out, open("lenses.json", "w"))
