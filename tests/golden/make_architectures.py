"""Remakes tests/golden/architectures: a tiny model of each architecture and what `transformers` computes with it.

    venv/bin/python make_architectures.py [NAME ...]         (the environment of requirements.txt)

Deterministic (seeds below, one thread). float32 numbers are those of transformers as it is (eager attention); float64 numbers are those of
the same code with its casts to float32 patched out, and are accepted only if both agree to 1e-5.
"""
import os, sys, warnings
os.environ.setdefault("HF_HUB_OFFLINE", "1"); warnings.filterwarnings("ignore")
import json, shutil, torch, transformers
from safetensors.torch import save_file
import architectures

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "architectures")
torch.set_num_threads(1)
transformers.logging.set_verbosity_error()


def agree(what, a, b, tolerance):
    a, b = a.double(), b.double()
    worst, bound = (a - b).abs().max().item(), tolerance * (1 + b.abs().max().item())
    assert worst <= bound, f"{what}: {worst:.3g} > {bound:.3g}"


def make(name):
    folder = os.path.join(HERE, name)
    shutil.rmtree(folder, ignore_errors=True); os.makedirs(folder)
    seed = 4000 + 7 * list(architectures.ARCHITECTURES).index(name)
    cfg = architectures.make(name, folder, seed)
    g = torch.Generator().manual_seed(seed + 1)
    draw = lambda *shape: torch.randint(0, cfg.vocab_size, shape, generator=g)
    runs = {"long": draw(1, 23), "short": draw(2, 8)}                      # beyond every window and original context; before most
    json.dump({k: v.tolist() for k, v in runs.items()}, open(f"{folder}/ids.json", "w"), separators=(",", ":"))
    out = {}
    for key, ids in runs.items():
        single, double = architectures.run(folder, ids), architectures.run_double(folder, ids)
        assert double.logits.dtype == torch.float64
        pairs = [("logits", single.logits, double.logits)]
        pairs += [(f"hidden.{i}", *p) for i, p in enumerate(zip(single.hidden_states, double.hidden_states))]
        pairs += [(f"attention.{i}", *p) for i, p in enumerate(zip(single.attentions, double.attentions))]
        for what, a, b in pairs:
            agree(f"{name} {key} {what}", a, b, 1e-5)
            if key == "short" and what != "logits": continue               # keeps the files small
            out[f"{key}.{what}.float32"] = a.float().contiguous()
            if not what.startswith("attention"): out[f"{key}.{what}.float64"] = b.contiguous()
    save_file(out, f"{folder}/reference.safetensors")
    print(name, sum(os.path.getsize(f"{folder}/{f}") for f in os.listdir(folder)) // 1024, "kB")


# Everything that TransformerLens' own config can say beside what make_goldens.py has, in one model; all of its hook points, float64.
LENS = dict(n_layers=3, n_heads=4, n_key_value_heads=2, d_model=24, d_head=8, d_mlp=28, d_vocab=40, n_ctx=32, act_fn="gelu_new", gated_mlp=True,
            normalization_type="RMS", final_rms=True, eps=1e-4, use_normalization_before_and_after=True, use_qk_norm=True,
            positional_embedding_type="rotary", rotary_dim=6, rotary_base=700, rotary_base_local=90, rotary_adjacent_pairs=True,
            use_local_attn=True, attn_types=["local", "global", "local"], window_size=5, attn_scale=2.5, attn_scores_soft_cap=3.0,
            output_logits_soft_cap=6.0)


def make_lens(name="transformer_lens"):
    from transformer_lens import HookedTransformer, HookedTransformerConfig
    folder = os.path.join(HERE, name)
    shutil.rmtree(folder, ignore_errors=True); os.makedirs(folder)
    model = HookedTransformer(HookedTransformerConfig(**LENS, dtype=torch.float64, device="cpu")).eval()
    g = torch.Generator().manual_seed(4999)
    with torch.no_grad():
        for key, p in sorted(model.named_parameters()):
            n = torch.randn(p.shape, generator=g)
            p.copy_((1 + 0.25 * n if key.endswith(".w") else 0.2 * n if ".b_" in key else n / p.shape[-2] ** 0.5).float())   # exact in float32
    ids = torch.randint(0, LENS["d_vocab"], (1, 13), generator=g)
    model.cfg.use_attn_result = model.cfg.use_hook_mlp_in = True
    with torch.no_grad(): logits, cache = model.run_with_cache(ids)
    buffers = ("mask", "IGNORE", "rotary_sin", "rotary_cos")               # TransformerLens saves them too
    state = {k: v.float() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    assert any(k.endswith(b) for k in state for b in buffers)
    save_file({k: v.contiguous().clone() for k, v in state.items()}, f"{folder}/model.safetensors")
    json.dump(LENS, open(f"{folder}/config.json", "w"), indent=1)
    json.dump({"long": ids.tolist(), "short": ids[:, :8].tolist()}, open(f"{folder}/ids.json", "w"), separators=(",", ":"))
    sites = {k: v.contiguous().clone() for k, v in cache.items()}
    save_file({"long.logits.float64": logits, **{k: v for k, v in sites.items() if ".2." in k or "blocks" not in k}}, f"{folder}/reference.safetensors")
    print(name, sum(os.path.getsize(f"{folder}/{f}") for f in os.listdir(folder)) // 1024, "kB")


if __name__ == "__main__":
    for name in sys.argv[1:] or [*architectures.ARCHITECTURES, "transformer_lens"]:
        make_lens() if name == "transformer_lens" else make(name)
