"""QK and OV circuits, composition scores and eigenvalue scores of the toys: circuits.json.

    venv/bin/python make_circuits.py        after make_goldens.py, with the same requirements.txt

From whole matrices in double precision (torch.linalg on d_model x d_model and d_vocab x d_vocab), on weights that are folded here by
TransformerLens' definitions; its own FactoredMatrix and all_composition_scores, which fold in float32, confirm to 1e-4.
"""
import os, warnings
os.environ.setdefault("HF_HUB_OFFLINE", "1"); warnings.filterwarnings("ignore")
import json, torch
import toys

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ("gpt2", "llama", "attn-only", "tl-mlp")


def fold(model):
    """W_Q, W_K, W_V, W_O (layer, head, ...), W_E, W_U in double precision: norm weights in the readers, means out of readers and writers."""
    c, L = model.cfg, range(model.cfg.n_layers)
    centre = c.normalization_type in ("LN", "LNPre")
    normed = c.normalization_type is not None
    out = {}
    for name in "QKV":
        W = torch.stack([getattr(model.blocks[l].attn, f"W_{name}") for l in L]).detach()
        if normed: W = W * torch.stack([model.blocks[l].ln1.w for l in L]).detach()[:, None, :, None]
        out[name] = W - W.mean(2, keepdim=True) if centre else W
    W_O, W_E, W_U = (x.detach() for x in (model.W_O, model.W_E, model.W_U))
    if normed: W_U = W_U * model.ln_final.w.detach()[:, None]
    if centre: W_O, W_E, W_U = W_O - W_O.mean(-1, keepdim=True), W_E - W_E.mean(-1, keepdim=True), W_U - W_U.mean(0, keepdim=True)
    return out["Q"], out["K"], out["V"], W_O, W_E, W_U - W_U.mean(-1, keepdim=True)


def positive(matrix):
    x = torch.linalg.eigvals(matrix)
    return (x.real.sum() / x.abs().sum()).item()


def score(left, right):
    return ((left @ right).norm() / left.norm() / right.norm()).item()


def confirm(model, name, heads):
    """all_composition_scores of TransformerLens after its own folding."""
    layer_norm = model.cfg.normalization_type in ("LN", "LNPre")
    model.process_weights_(fold_ln=True, center_writing_weights=layer_norm, center_unembed=True)
    n, worst = model.cfg.n_heads, 0
    for kind in "QKV":
        theirs = model.all_composition_scores(kind)                       # (l1, h1, l2, h2)
        for i, j, x in heads[kind.lower()]:
            worst = max(worst, abs(theirs[i // n, i % n, j // n, j % n].item() - x))
    assert worst < 1e-4, (name, worst)
    return worst


def main():
    torch.set_num_threads(1)
    everything = {}
    for name in NAMES:
        folder = os.path.join(HERE, name)
        model = toys.load_hooked(name, folder, torch.float64)
        Q, K, V, O, E, U = fold(model)
        n, heads, pairs = model.cfg.n_heads, [], {"q": [], "k": [], "v": []}
        where = [(l, h) for l in range(model.cfg.n_layers) for h in range(n)]
        ov = [V[l, h] @ O[l, h] for l, h in where]
        qk = [Q[l, h] @ K[l, h].T for l, h in where]
        for a, b in zip(ov, qk):
            heads.append({"ov_norm": a.norm().item(), "qk_norm": b.norm().item(), "copying": positive(E @ a @ U), "matching": positive(E @ b @ E.T),
                          "ov_spectrum": torch.linalg.svdvals(a)[:model.cfg.d_head].tolist(), "qk_spectrum": torch.linalg.svdvals(b)[:model.cfg.d_head].tolist()})
        for j, (later, _) in enumerate(where):
            for i, (earlier, _) in enumerate(where):
                if earlier >= later: continue
                for kind, right in (("q", qk[j]), ("k", qk[j].T), ("v", ov[j])): pairs[kind].append([i, j, score(ov[i], right)])
        token = 5
        top = [[(E[token] @ a @ U).topk(4).indices.tolist(), (E[token] @ a @ U).topk(4).values.tolist(),
                (E[token] @ b @ E.T).topk(4).indices.tolist(), (E[token] @ b @ E.T).topk(4).values.tolist()] for a, b in zip(ov, qk)]
        worst = confirm(model, name, pairs)
        everything[name] = {"heads": heads, "composition": pairs, "token": token, "top": top}
        print(f"{name:10} {len(heads)} heads, composition within {worst:.1e} of TransformerLens")
    with open(os.path.join(HERE, "circuits.json"), "w") as f: json.dump(everything, f, separators=(",", ":")); f.write("\n")


if __name__ == "__main__": main()
