"""Path patching of the toys by TransformerLens' hooks: path_patching.json.

    venv/bin/python make_path_patching.py        after make_goldens.py, with the same requirements.txt

Three runs a cell (Wang et al. 2022, appendix B; definitions in hooks/path_patching.h), in double precision, the pairs of patching.json.
"""
import os, warnings
os.environ.setdefault("HF_HUB_OFFLINE", "1"); warnings.filterwarnings("ignore")
import json, torch
import toys

HERE = os.path.dirname(os.path.abspath(__file__))
RECEIVERS = ("logits", "L1.H0.q", "L2.H1.k", "L2.H0.v", "L1.mlp", "L1.H1.q,L2.H0.k,L2.mlp")


def receiver(name, last):
    """(hook, head or None) of one receiver."""
    if name == "logits": return f"blocks.{last}.hook_resid_post", None
    layer, node, *letter = name.split(".")
    return (f"blocks.{layer[1:]}.hook_mlp_in", None) if node == "mlp" else (f"blocks.{layer[1:]}.attn.hook_{letter[0]}", int(node[1:]))


def path_patch(model, base, source, sender, receivers, through_mlps):
    """Logits after the third run.   sender: (layer, head) or (layer, None) for its MLP"""
    kept = model.run_with_cache(base)[1], model.run_with_cache(source)[1]
    layer, head = sender
    inputs = {}

    def frozen(x, hook):                       # hook_z: (b, p, h, e)
        y = kept[0][hook.name].clone()
        if head is not None and hook.name == f"blocks.{layer}.attn.hook_z": y[:, :, head] = kept[1][hook.name][:, :, head]
        return y

    def mlp(x, hook):
        if head is None and hook.name == f"blocks.{layer}.hook_mlp_out": return kept[1][hook.name]
        return x if through_mlps else kept[0][hook.name]

    def keep(x, hook): inputs[hook.name] = x.clone()

    def put(x, hook):
        for name, h in receivers:
            if name == hook.name: x[:, :, h if h is not None else slice(None)] = inputs[name][:, :, h if h is not None else slice(None)]
        return x

    hooks = [(lambda n: n.endswith("hook_z"), frozen), (lambda n: n.endswith("hook_mlp_out"), mlp)]
    model.run_with_hooks(base, fwd_hooks=hooks + [(name, keep) for name in {n for n, _ in receivers}])
    return model.run_with_hooks(base, fwd_hooks=[(name, put) for name in {n for n, _ in receivers}])


def main():
    torch.set_num_threads(1); torch.set_grad_enabled(False)
    data, everything = json.load(open(os.path.join(HERE, "patching.json"))), {}
    for name in ("gpt2", "llama"):
        model = toys.load_hooked(name, os.path.join(HERE, name), torch.float64)
        model.cfg.use_hook_mlp_in = True
        pairs, c = data[name]["two"], model.cfg
        clean, corrupt = torch.tensor(pairs["clean_ids"]), torch.tensor(pairs["corrupt_ids"])
        def measure(logits):
            ends = [[x if isinstance(x, list) else [x] for x in pairs[k]] for k in ("answer_ids", "foil_ids")]
            return torch.stack([logits[i, -1, a].mean() - logits[i, -1, f].mean() for i, (a, f) in enumerate(zip(*ends))]).mean().item()
        cells = []
        for base, source, which in ((clean, corrupt, "clean"), (corrupt, clean, "corrupt")):
            before = measure(model(base))
            for text in RECEIVERS:
                receivers = [receiver(r, c.n_layers - 1) for r in text.split(",")]
                for through in (True, False):
                    rows = [[measure(path_patch(model, base, source, (l, h), receivers, through)) - before
                             for h in [*range(c.n_heads), None]] for l in range(c.n_layers)]
                    cells.append({"base": which, "receivers": text, "through_mlps": through, "effect": rows})
        everything[name] = cells
        print(name, len(cells), "maps; largest effect", max(abs(x) for m in cells for r in m["effect"] for x in r))
    with open(os.path.join(HERE, "path_patching.json"), "w") as f: json.dump(everything, f, separators=(",", ":")); f.write("\n")


if __name__ == "__main__": main()
