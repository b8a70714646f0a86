"""A second, independent implementation of the toy models in plain double precision, with one tap at every site.

It shares no code with transformers or TransformerLens: it reads the tensors of the checked-in files itself. make_goldens.py
uses it twice: to confirm the references, and as the plain loop for patching results (TransformerLens keeps those in fp32).
"""
import json, math, torch
from safetensors.torch import load_file


def load(folder):
    """config c and weights w under TransformerLens' names, fp64; k and v keep their own number of heads."""
    raw = json.load(open(f"{folder}/config.json"))
    t = {k: v.double() for k, v in load_file(f"{folder}/model.safetensors").items()}
    if raw.get("format") == "transformer_lens": return dict(raw, n_kv=raw["n_heads"], rotary=None), t
    return (_gpt2 if raw["model_type"] == "gpt2" else _llama)(raw, t)


def _gpt2(raw, t):
    L, H, m = raw["n_layer"], raw["n_head"], raw["n_embd"]
    e = m // H
    c = dict(n_layers=L, n_heads=H, n_kv=H, d_model=m, d_head=e, normalization_type="LN", eps=raw["layer_norm_epsilon"], rotary=None,
             act_fn=raw["activation_function"], attn_only=False, d_vocab=raw["vocab_size"])
    w = {"embed.W_E": t["transformer.wte.weight"], "pos_embed.W_pos": t["transformer.wpe.weight"],
         "ln_final.w": t["transformer.ln_f.weight"], "ln_final.b": t["transformer.ln_f.bias"],
         "unembed.W_U": t.get("lm_head.weight", t["transformer.wte.weight"]).T}
    for l in range(L):
        s, b = f"transformer.h.{l}.", f"blocks.{l}."
        W, bias = t[s + "attn.c_attn.weight"].reshape(m, 3, H, e), t[s + "attn.c_attn.bias"].reshape(3, H, e)
        for i, x in enumerate("QKV"): w[b + "attn.W_" + x], w[b + "attn.b_" + x] = W[:, i].permute(1, 0, 2), bias[i]
        w[b + "attn.W_O"], w[b + "attn.b_O"] = t[s + "attn.c_proj.weight"].reshape(H, e, m), t[s + "attn.c_proj.bias"]
        for n in "12": w[b + f"ln{n}.w"], w[b + f"ln{n}.b"] = t[s + f"ln_{n}.weight"], t[s + f"ln_{n}.bias"]
        for ours, theirs in (("in", "c_fc"), ("out", "c_proj")):
            w[b + "mlp.W_" + ours], w[b + "mlp.b_" + ours] = t[s + f"mlp.{theirs}.weight"], t[s + f"mlp.{theirs}.bias"]
    return c, w


def _llama(raw, t):
    L, H, K, m = raw["num_hidden_layers"], raw["num_attention_heads"], raw["num_key_value_heads"], raw["hidden_size"]
    e = raw.get("head_dim") or m // H
    theta = raw["rope_theta"] if "rope_theta" in raw else raw["rope_parameters"]["rope_theta"]
    c = dict(n_layers=L, n_heads=H, n_kv=K, d_model=m, d_head=e, normalization_type="RMS", eps=raw["rms_norm_eps"], rotary=theta,
             act_fn="silu", attn_only=False, d_vocab=raw["vocab_size"])
    E = t.get("model.embed_tokens.weight", t.get("lm_head.weight"))      # some tied files keep the one name, some the other
    w = {"embed.W_E": E, "ln_final.w": t["model.norm.weight"], "unembed.W_U": t.get("lm_head.weight", E).T}
    for l in range(L):
        s, b = f"model.layers.{l}.", f"blocks.{l}."
        for x, n in (("q", H), ("k", K), ("v", K)):
            w[b + "attn.W_" + x.upper()] = t[s + f"self_attn.{x}_proj.weight"].reshape(n, e, m).permute(0, 2, 1)
        w[b + "attn.W_O"] = t[s + "self_attn.o_proj.weight"].reshape(m, H, e).permute(1, 2, 0)
        w[b + "ln1.w"], w[b + "ln2.w"] = t[s + "input_layernorm.weight"], t[s + "post_attention_layernorm.weight"]
        for ours, theirs in (("gate", "gate"), ("in", "up"), ("out", "down")): w[b + "mlp.W_" + ours] = t[s + f"mlp.{theirs}_proj.weight"].T
    return c, w


def _act(name, x):
    if name == "relu": return x * (x > 0)
    if name == "silu": return x / (1 + torch.exp(-x))
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))            # gelu_new


def _rotate(x, theta):
    """Pairs (i, i + e/2) turned by position * theta^(-2i/e).   x: (b, p, h, e)"""
    e = x.shape[-1]
    angle = torch.arange(x.shape[1], dtype=x.dtype)[:, None] * theta ** (-torch.arange(0, e, 2, dtype=x.dtype) / e)
    cos, sin = angle.cos()[None, :, None], angle.sin()[None, :, None]
    a, b = x[..., :e // 2], x[..., e // 2:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def forward(model, ids, tap=lambda name, x: x):
    """Logits (b, p, v). tap(name, x) sees every site and returns what takes its place."""
    c, w = model
    ids = torch.as_tensor(ids)
    P, e, rms = ids.shape[1], c["d_head"], c["normalization_type"] == "RMS"
    bias = lambda key: w.get(key, 0.0)

    def norm(name, x):
        if c["normalization_type"] is None: return x
        if not rms: x = x - x.mean(-1, keepdim=True)
        scale = tap(name + ".hook_scale", ((x * x).mean(-1, keepdim=True) + c["eps"]).sqrt())
        return tap(name + ".hook_normalized", x / scale) * w[name + ".w"] + bias(name + ".b")

    def attention(n, x, tap):
        q, k, v = (tap(f"{n}.hook_{s.lower()}", torch.einsum("bpm,hme->bphe", x, w[f"{n}.W_{s}"]) + bias(f"{n}.b_{s}")) for s in "QKV")
        if c["rotary"]: q, k = tap(n + ".hook_rot_q", _rotate(q, c["rotary"])), tap(n + ".hook_rot_k", _rotate(k, c["rotary"]))
        share = torch.arange(c["n_heads"]) // (c["n_heads"] // c["n_kv"])                          # which k/v head a query head reads
        scores = torch.einsum("bphe,bshe->bhps", q, k[:, :, share]) / math.sqrt(e)
        future = torch.ones(P, P, dtype=torch.bool).triu(1)
        pattern = tap(n + ".hook_pattern", tap(n + ".hook_attn_scores", scores.masked_fill(future, -math.inf)).softmax(-1))
        z = tap(n + ".hook_z", torch.einsum("bhps,bshe->bphe", pattern, v[:, :, share]))
        return tap(n + ".hook_result", torch.einsum("bphe,hem->bphm", z, w[n + ".W_O"])).sum(2) + bias(n + ".b_O")

    def mlp(n, x, tap):
        pre = tap(n + ".hook_pre", x @ w[n + (".W_gate" if n + ".W_gate" in w else ".W_in")] + bias(n + ".b_in"))
        post = _act(c["act_fn"], pre)
        if n + ".W_gate" in w: post = post * tap(n + ".hook_pre_linear", x @ w[n + ".W_in"])
        return tap(n + ".hook_post", post) @ w[n + ".W_out"] + bias(n + ".b_out")

    x = tap("hook_embed", w["embed.W_E"][ids])
    if not c["rotary"]: x = x + tap("hook_pos_embed", w["pos_embed.W_pos"][:P].expand(len(ids), -1, -1))
    for l in range(c["n_layers"]):
        b = f"blocks.{l}"
        x = tap(b + ".hook_resid_pre", x)
        x = x + tap(b + ".hook_attn_out", attention(b + ".attn", norm(b + ".ln1", x), tap))
        if not c["attn_only"]:
            x = tap(b + ".hook_resid_mid", x)
            x = x + tap(b + ".hook_mlp_out", mlp(b + ".mlp", norm(b + ".ln2", tap(b + ".hook_mlp_in", x.clone())), tap))
        x = tap(b + ".hook_resid_post", x)
    x = tap("unembed.hook_in", norm("ln_final", x))
    return tap("unembed.hook_out", x @ w["unembed.W_U"] + bias("unembed.b_U"))


def run_with_cache(model, ids):
    cache = {}
    def keep(name, x): cache[name] = x; return x
    return forward(model, ids, keep), cache
