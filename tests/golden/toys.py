"""The tiny seeded models of tests/golden: what they are, their weights, and how the references load them.

Weights are drawn wide (matrices gain / sqrt(fan in), norm weights and biases jittered), so that a wrong sign, scale,
bias, head order or activation function shows up far above the tolerances instead of hiding under tiny values.
"""
import json, os, shutil, torch
from safetensors.torch import save_file, load_file
from transformers import AutoConfig, AutoModelForCausalLM
from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights, convert_llama_weights

# Hugging Face folders. d_head differs from hidden/heads in llama-tied; its config.json is rewritten in the older style.
HF = {
    "gpt2": ("gpt2", 11, dict(n_layer=3, n_head=3, n_embd=24, n_positions=32, vocab_size=50, bos_token_id=0, eos_token_id=0)),
    "gpt2-untied": ("gpt2", 12, dict(n_layer=2, n_head=2, n_embd=16, n_inner=40, n_positions=32, vocab_size=40, layer_norm_epsilon=1e-4,
                                     tie_word_embeddings=False, bos_token_id=0, eos_token_id=0)),
    "llama": ("llama", 13, dict(num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, hidden_size=32, intermediate_size=44,
                                vocab_size=48, max_position_embeddings=32, rms_norm_eps=1e-5, rope_theta=5000.0,
                                tie_word_embeddings=False, bos_token_id=0, eos_token_id=0)),
    "llama-tied": ("llama", 14, dict(num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, hidden_size=24, head_dim=8,
                                     intermediate_size=36, vocab_size=44, max_position_embeddings=32, rms_norm_eps=1e-6,
                                     tie_word_embeddings=True, bos_token_id=0, eos_token_id=0)),
}
# Folders with TransformerLens-named tensors.
_TL = {"format": "transformer_lens", "n_ctx": 32, "positional_embedding_type": "standard", "eps": 1e-5}
TL = {
    "attn-only": (15, dict(_TL, n_layers=2, n_heads=3, d_model=24, d_head=10, d_vocab=40, act_fn=None, normalization_type=None, attn_only=True)),
    "attn-only-ln": (16, dict(_TL, n_layers=2, n_heads=3, d_model=24, d_head=8, d_vocab=40, act_fn=None, normalization_type="LN", attn_only=True)),
    "tl-mlp": (17, dict(_TL, n_layers=2, n_heads=2, d_model=16, d_head=8, d_mlp=40, d_vocab=40, act_fn="relu", normalization_type="LN", attn_only=False)),
}
NAMES = [*HF, *TL]


def _draw(name, shape, fan_in, g):
    """One tensor, by what its name says that it is."""
    n = torch.randn(shape, generator=g)
    if any(s in name for s in ("ln_", "norm", "ln1.w", "ln2.w", "ln_final.w")) and not name.endswith((".bias", ".b")):
        return 1 + 0.25 * n
    if name.endswith((".bias", ".b")) or ".b_" in name: return 0.2 * n
    if any(s in name for s in ("wpe", "W_pos")): return 0.4 * n
    if any(s in name for s in ("wte", "embed_tokens", "W_E")): return 0.7 * n
    gain = 1.6 if any(s in name for s in ("c_attn", "q_proj", "k_proj", "W_Q", "W_K")) else 1.0
    return gain * n / fan_in ** 0.5


def _make_hf(name, folder):
    arch, seed, kw = HF[name]
    cfg = AutoConfig.for_model(arch, **kw)
    model = AutoModelForCausalLM.from_config(cfg).float()
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, p in sorted(model.named_parameters()):
            conv1d = arch == "gpt2" and p.dim() == 2 and ".h." in key      # GPT-2 stores (in, out)
            p.copy_(_draw(key, p.shape, p.shape[0] if conv1d else p.shape[-1], g))
    model.save_pretrained(folder)
    os.remove(f"{folder}/generation_config.json")
    if name == "llama-tied":                                              # the style of files written before transformers 5
        c = json.load(open(f"{folder}/config.json"))
        c["rope_theta"] = c.pop("rope_parameters")["rope_theta"]; c["torch_dtype"] = c.pop("dtype"); c["transformers_version"] = "4.41.2"
        c["rope_scaling"] = None
        weights = load_file(f"{folder}/model.safetensors")                # a tied file may keep the head's name only
        weights["lm_head.weight"] = weights.pop("model.embed_tokens.weight")
        save_file(weights, f"{folder}/model.safetensors", metadata={"format": "pt"})
        json.dump(c, open(f"{folder}/config.json", "w"), indent=2, sort_keys=True)


def _tl_config(c, dtype):
    return HookedTransformerConfig(n_layers=c["n_layers"], d_model=c["d_model"], n_ctx=c["n_ctx"], d_head=c["d_head"], n_heads=c["n_heads"],
                                   d_mlp=c.get("d_mlp"), d_vocab=c["d_vocab"], act_fn=c["act_fn"], eps=c["eps"], attn_only=c["attn_only"],
                                   normalization_type=c["normalization_type"], dtype=dtype, device="cpu")


def _make_tl(name, folder):
    seed, c = TL[name]
    g = torch.Generator().manual_seed(seed)
    weights = {}
    for key, p in sorted(HookedTransformer(_tl_config(c, torch.float32)).named_parameters()):
        fan_in = p.shape[0] * p.shape[1] if key.endswith("W_O") else p.shape[-2] if p.dim() > 1 else 1
        weights[key] = _draw(key, p.shape, fan_in, g)
    json.dump(c, open(f"{folder}/config.json", "w"), indent=1)
    save_file(weights, f"{folder}/model.safetensors")


def make(name, folder):
    shutil.rmtree(folder, ignore_errors=True); os.makedirs(folder)
    (_make_hf if name in HF else _make_tl)(name, folder)


def load_hf(folder, dtype=torch.float32):
    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=dtype).eval()


def load_hooked(name, folder, dtype):
    """The folder as a HookedTransformer with raw numerics, all of it in dtype."""
    if name in TL:
        cfg, state = _tl_config(TL[name][1], dtype), load_file(f"{folder}/model.safetensors")
    else:
        hf = load_hf(folder); c = hf.config
        if HF[name][0] == "gpt2":
            cfg = HookedTransformerConfig(n_layers=c.n_layer, d_model=c.n_embd, n_ctx=c.n_positions, d_head=c.n_embd // c.n_head, n_heads=c.n_head,
                                          d_mlp=c.n_inner or 4 * c.n_embd, d_vocab=c.vocab_size, act_fn=c.activation_function, eps=c.layer_norm_epsilon,
                                          normalization_type="LN", dtype=dtype, device="cpu")
        else:
            kv = c.num_key_value_heads
            cfg = HookedTransformerConfig(n_layers=c.num_hidden_layers, d_model=c.hidden_size, n_ctx=c.max_position_embeddings, d_head=c.head_dim,
                                          n_heads=c.num_attention_heads, n_key_value_heads=None if kv == c.num_attention_heads else kv,
                                          d_mlp=c.intermediate_size, d_vocab=c.vocab_size, act_fn=c.hidden_act, eps=c.rms_norm_eps,
                                          normalization_type="RMS", final_rms=True, gated_mlp=True, positional_embedding_type="rotary",
                                          rotary_dim=c.head_dim, rotary_base=c.rope_parameters["rope_theta"], rotary_adjacent_pairs=False,
                                          dtype=dtype, device="cpu")
        state = (convert_gpt2_weights if HF[name][0] == "gpt2" else convert_llama_weights)(hf, cfg)
        state = {k: v.detach() for k, v in state.items()}
    model = HookedTransformer(cfg)
    model.load_and_process_state_dict(state, fold_ln=False, center_writing_weights=False, center_unembed=False, fold_value_biases=False)
    for block in model.blocks:                                            # loading rounds the rotary tables to fp32: make them again
        if cfg.positional_embedding_type == "rotary":
            block.attn.rotary_sin, block.attn.rotary_cos = block.attn.calculate_sin_cos_rotary(cfg.rotary_dim, cfg.n_ctx, base=cfg.rotary_base, dtype=dtype)
    return model.to(dtype).eval()
