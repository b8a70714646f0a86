"""What HookedTransformer's weight processing makes of the toys: MODEL/processed.safetensors.

    venv/bin/python make_processing.py        after make_goldens.py, with the same requirements.txt

Sites that processing moves (what is written to the stream, values), and logits, for `batch` of ids.json.
"""
import os, warnings
os.environ.setdefault("HF_HUB_OFFLINE", "1"); warnings.filterwarnings("ignore")
import json, torch
from safetensors.torch import save_file
import toys

HERE = os.path.dirname(os.path.abspath(__file__))
SITES = ("hook_embed", "hook_pos_embed", "attn.hook_v", "attn.hook_z", "hook_attn_out", "hook_resid_post")


def main():
    torch.set_num_threads(1)
    for name in ("gpt2", "llama", "tl-mlp"):
        folder = os.path.join(HERE, name)
        ids = torch.tensor(json.load(open(f"{folder}/ids.json"))["batch"])
        model = toys.load_hooked(name, folder, torch.float64)
        raw = model(ids).log_softmax(-1)
        layer_norm = model.cfg.normalization_type in ("LN", "LNPre")
        model.process_weights_(fold_ln=True, center_writing_weights=layer_norm, center_unembed=True)   # and folds b_V
        seen = {}
        logits = model.run_with_hooks(ids, fwd_hooks=[(lambda n: n.endswith(SITES), lambda x, hook: seen.setdefault(hook.name, x))])
        gap = (logits.log_softmax(-1) - raw).abs().max().item()
        assert gap < 1e-5, (name, gap)      # it processes in float32, whatever the model is in
        seen["logits"] = logits
        save_file({k: v.detach().float().contiguous() for k, v in seen.items()}, f"{folder}/processed.safetensors")
        print(f"{name:8} {len(seen):3} tensors, log-probabilities within {gap:.1e}")


if __name__ == "__main__": main()
