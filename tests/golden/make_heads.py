"""Head scores by TransformerLens' detect_head, the diagonal-offset induction score, value-weighted patterns; greedy continuations."""
import torch
from transformer_lens.head_detector import HEAD_NAMES, detect_head
import plain


def pattern_of(kind, ids):
    """The (p, p) detection pattern: what a head of this kind attends to.   definitions: TransformerLens head_detector.py"""
    P = len(ids)
    D = torch.zeros(P, P, dtype=torch.float64)
    for i in range(P):
        for j in range(i + 1):
            if kind == "previous_token_head": D[i, j] = j == i - 1
            if kind == "duplicate_token_head": D[i, j] = j < i and ids[i] == ids[j]
            if kind == "induction_head": D[i, j] = 0 < j and j - 1 < i and ids[i] == ids[j - 1]
    return D


def scores(A, D, no_bos, no_self):
    """mul: share of the attention on D; abs: 1 - p * mean |A - D|.   A: (p, p)"""
    A, gap = A.clone(), (A - D).abs()
    for x in (A, gap):
        if no_bos: x[:, 0] = 0
        if no_self: x.fill_diagonal_(0)
    return ((A * D).sum() / A.sum()).item(), 1 - gap.mean().item() * len(A)


def detections(model, hooked, ids, agree):
    cache = plain.run_with_cache(model, [ids])[1]
    hooked.to_tokens = lambda _: torch.tensor([ids])                      # the toys have no tokenizer
    out = {}
    for kind in HEAD_NAMES:
        D = pattern_of(kind, ids)
        for suffix, kw in (("", {}), (".exclude_bos", {"exclude_bos": True}), (".exclude_current_token", {"exclude_current_token": True})):
            both = [[scores(A, D, *(f in kw for f in ("exclude_bos", "exclude_current_token"))) for A in cache[f"blocks.{l}.attn.hook_pattern"][0]]
                    for l in range(model[0]["n_layers"])]
            for i, measure in enumerate(("mul", "abs")):
                ours = torch.tensor(both, dtype=torch.float64)[..., i]
                # TransformerLens keeps fp32, and rounds the mean of abs to three digits
                agree(f"{kind} {measure}{suffix}", detect_head(hooked, "", kind, error_measure=measure, **kw), ours, 1e-6 if measure == "mul" else 6e-4)
                out[f"{kind}.{measure}{suffix}"] = ours.tolist()
    return out


def induction(model, half):
    """Mean of the pattern's diagonal from each token of the second half to the token after its first occurrence."""
    cache = plain.run_with_cache(model, [half + half])[1]
    return [[A.diagonal(offset=1 - len(half)).mean().item() for A in cache[f"blocks.{l}.attn.hook_pattern"][0]] for l in range(model[0]["n_layers"])]


def weighted(model, ids):
    """Pattern x norm of what the source position writes, ||v W_O|| (Kobayashi et al. 2020), and x ||v||: (b, h, p, s) a layer."""
    c, w = model
    cache, out = plain.run_with_cache(model, ids)[1], {}
    share = torch.arange(c["n_heads"]) // (c["n_heads"] // c["n_kv"])
    for l in range(c["n_layers"]):
        A, v = cache[f"blocks.{l}.attn.hook_pattern"], cache[f"blocks.{l}.attn.hook_v"][:, :, share]
        written = torch.einsum("bshe,hem->bshm", v, w[f"blocks.{l}.attn.W_O"])
        for name, x in (("v", v), ("vW_O", written)):
            out[f"blocks.{l}.pattern_x_norm_{name}"] = (A * x.norm(dim=-1).permute(0, 2, 1)[:, :, None]).contiguous()
    return out


def make(model, hooked, ids, half, agree):
    return {"ids": ids, "detect": detections(model, hooked, ids, agree), "half": half, "induction": induction(model, half)}


def greedy(hf, prompts, n=10):
    """Greedy continuations by generate(); the gap to the runner-up must be wide enough that rounding can't choose."""
    out = []
    for ids in prompts:
        x = torch.tensor([ids])
        hf.generation_config.eos_token_id = None
        y = hf.generate(x, max_new_tokens=n, do_sample=False, pad_token_id=0)[0].tolist()
        top = hf(torch.tensor([y])).logits[0, len(ids) - 1:-1].topk(2).values
        assert len(y) == len(ids) + n and (top[:, 0] - top[:, 1]).min() > 1e-3, "a tie: choose other prompts"
        out.append({"prompt_ids": ids, "continuation_ids": y[len(ids):], "smallest_gap": (top[:, 0] - top[:, 1]).min().item()})
    return out
