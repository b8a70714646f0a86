"""Seeded tiny models of every architecture of `transformers` that the program reads, and the reference runs on them.

Weights are drawn wide, sizes are odd (grouped heads, heads wider or narrower than d_model / heads), caps are low and windows and original
contexts short, so that whatever a reader of the config forgets shows up far above the tolerance.
"""
import contextlib, json, os, torch
from transformers import AutoConfig, AutoModelForCausalLM

_SIZES = dict(num_hidden_layers=2, hidden_size=24, vocab_size=40, max_position_embeddings=64, bos_token_id=0, eos_token_id=0, pad_token_id=0)
_LLAMA = dict(_SIZES, num_attention_heads=4, num_key_value_heads=2, intermediate_size=28)
_GEMMA = dict(_LLAMA, head_dim=8, query_pre_attn_scalar=11, sliding_window=6)
_LONG = dict(rope_type="longrope", short_factor=[1.0, 1.1, 1.3, 1.7], long_factor=[1.2, 2.0, 3.5, 6.0])

# folder: (model_type, config)
ARCHITECTURES = {
    "gpt_neo": ("gpt_neo", dict(num_layers=3, num_heads=3, hidden_size=24, intermediate_size=40, vocab_size=40, max_position_embeddings=32,
                                attention_types=[[["global", "local"], 1], [["local"], 1]], window_size=5, bos_token_id=0, eos_token_id=0)),
    "gpt_neox": ("gpt_neox", dict(_SIZES, num_attention_heads=3, intermediate_size=40, rotary_pct=0.5, layer_norm_eps=1e-4)),
    "gpt_neox_sequential": ("gpt_neox", dict(_SIZES, num_attention_heads=2, intermediate_size=40, rotary_pct=0.34, rotary_emb_base=500,
                                             use_parallel_residual=False, attention_bias=False, tie_word_embeddings=True)),
    "gptj": ("gptj", dict(n_layer=2, n_head=3, n_embd=24, n_positions=32, vocab_size=40, rotary_dim=6, n_inner=40, bos_token_id=0, eos_token_id=0)),
    "opt": ("opt", dict(_SIZES, num_attention_heads=3, ffn_dim=40, word_embed_proj_dim=24)),
    "llama_linear": ("llama", dict(_LLAMA, attention_bias=True, mlp_bias=True, rope_parameters=dict(rope_type="linear", factor=2.5, rope_theta=900.0))),
    "llama_dynamic": ("llama", dict(_LLAMA, max_position_embeddings=10, head_dim=8, rope_parameters=dict(rope_type="dynamic", factor=2.0, rope_theta=1000.0))),
    "llama_3": ("llama", dict(_LLAMA, head_dim=8, rope_parameters=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                                           original_max_position_embeddings=100, rope_theta=10000.0))),
    "llama_yarn": ("llama", dict(_LLAMA, head_dim=12, rope_parameters=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16,
                                                               beta_fast=3.0, beta_slow=0.3, rope_theta=800.0))),
    "mistral": ("mistral", dict(_LLAMA, sliding_window=6, head_dim=10, rms_norm_eps=1e-4)),
    "qwen2": ("qwen2", dict(_LLAMA, use_sliding_window=True, sliding_window=7, max_window_layers=1, tie_word_embeddings=True)),
    "qwen3": ("qwen3", dict(_LLAMA, head_dim=10, rms_norm_eps=1e-5)),
    "phi": ("phi", dict(_SIZES, num_attention_heads=4, num_key_value_heads=2, intermediate_size=40, hidden_size=32, partial_rotary_factor=0.5)),
    "phi_qk_norm": ("phi", dict(_SIZES, num_attention_heads=3, intermediate_size=40, partial_rotary_factor=0.75, qk_layernorm=True)),
    "phi3": ("phi3", dict(_LLAMA, hidden_size=32, sliding_window=9, original_max_position_embeddings=12, rope_parameters=dict(_LONG, rope_theta=700.0))),
    "gemma": ("gemma", dict(_LLAMA, num_key_value_heads=1, head_dim=8)),
    "gemma2": ("gemma2", dict(_GEMMA, attn_logit_softcapping=3.0, final_logit_softcapping=4.0)),
    "gemma3_text": ("gemma3_text", dict(_GEMMA, num_hidden_layers=4, sliding_window_pattern=2, final_logit_softcapping=9.0,
                                        rope_parameters={"full_attention": dict(rope_type="linear", factor=4.0, rope_theta=5000.0),
                                                         "sliding_attention": dict(rope_type="default", rope_theta=300.0)})),
}


def _draw(name, shape, about_zero, g):
    """One tensor, by what its name says that it is."""
    n = torch.randn(shape, generator=g)
    if len(shape) == 1 and ("norm" in name or "ln_" in name) and not name.endswith(".bias"): return (0 if about_zero else 1) + 0.25 * n
    if len(shape) == 1: return 0.2 * n
    if any(s in name for s in ("wpe", "embed_positions")): return 0.4 * n
    if any(s in name for s in ("wte", "embed_tokens", "embed_in")): return 0.7 * n
    gain = 1.6 if any(s in name for s in ("q_proj", "k_proj", "qkv", "query_key_value")) else 1.0
    return gain * n / shape[-1] ** 0.5


def config_of(name, **changes):
    kind, kw = ARCHITECTURES[name]
    return AutoConfig.for_model(kind, **{**json.loads(json.dumps(kw)), **changes})


def make(name, folder, seed, **changes):
    """Writes the model folder; returns the config."""
    cfg = config_of(name, **changes)
    model = AutoModelForCausalLM.from_config(cfg).float()
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, p in sorted(model.named_parameters()): p.copy_(_draw(key, p.shape, name.startswith("gemma"), g))
    model.save_pretrained(folder)
    with contextlib.suppress(FileNotFoundError): os.remove(f"{folder}/generation_config.json")
    return cfg


def run(folder, ids):
    """transformers as it is: float32, eager attention."""
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    with torch.no_grad(): return model(ids, output_hidden_states=True, output_attentions=True, use_cache=False)


@contextlib.contextmanager
def _no_casts():
    """Inside, whatever asks for float32 gets float64: norms, softmax and rotary tables of transformers cast to float32 by name."""
    kept = torch.float32, torch.Tensor.float
    torch.set_default_dtype(torch.float64)
    torch.float32 = torch.float = torch.float64
    torch.Tensor.float = torch.Tensor.double
    try: yield
    finally:
        torch.float32 = torch.float = kept[0]
        torch.Tensor.float = kept[1]
        torch.set_default_dtype(kept[0])


def run_double(folder, ids):
    """The same code in double precision, its casts to float32 patched out."""
    loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    weights = {k: v.double() for k, v in loaded.state_dict().items()}
    cfg = AutoConfig.from_pretrained(folder, attn_implementation="eager")
    with _no_casts():
        cfg.dtype = torch.float64
        model = AutoModelForCausalLM.from_config(cfg, attn_implementation="eager").double().eval()
        missing, unexpected = model.load_state_dict(weights, strict=False)
        model.tie_weights()
        assert not unexpected and all(cfg.tie_word_embeddings for _ in missing), (missing, unexpected)
        for module in model.modules():                                     # a buffer made from a Python number
            if hasattr(module, "scalar_embed_scale"): module.embed_scale = torch.tensor(module.scalar_embed_scale, dtype=torch.float64)
        with torch.no_grad(): return model(ids, output_hidden_states=True, output_attentions=True, use_cache=False)
