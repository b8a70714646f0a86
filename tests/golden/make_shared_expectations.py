"""What transformers and TransformerLens give on the trained models of the shared folder, for tests that are skipped where it is missing.

    venv/bin/python make_shared_expectations.py FOLDER      (the one that holds models/ and data/)  ->  shared_expectations.json
"""
import os, sys
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import base64, itertools, json, torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from transformer_lens import HookedTransformer
import plain, toys

HERE = os.path.dirname(os.path.abspath(__file__))
torch.set_num_threads(1); torch.set_grad_enabled(False)


def close(a, b, tolerance=1e-5):
    worst = (a.double() - b.double()).abs().max().item()
    assert worst <= tolerance * (1 + b.abs().max().item()), worst
    return worst


def story(folder, text="Once upon a time,"):
    """Next-token probabilities and 20 greedy tokens after a story's first words."""
    hf = toys.load_hf(folder)
    tok = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/tokenizer.json")
    ids = tok(text)["input_ids"]
    logits = hf(torch.tensor([ids])).logits[0, -1]
    close(logits, plain.forward(plain.load(folder), [ids])[0, -1])
    p = logits.double().softmax(-1)
    hf.generation_config.eos_token_id = None
    y = hf.generate(torch.tensor([ids]), max_new_tokens=20, do_sample=False, pad_token_id=0)[0].tolist()
    top = hf(torch.tensor([y])).logits[0, len(ids) - 1:-1].topk(2).values
    best = p.topk(5)
    return {"text": text, "ids": ids, "pieces": tok.convert_ids_to_tokens(ids), "top_ids": best.indices.tolist(), "top_probabilities": best.values.tolist(),
            "greedy_ids": y[len(ids):], "smallest_gap": (top[:, 0] - top[:, 1]).min().item(), "greedy_text": tok.decode(y, skip_special_tokens=True)}


def previous_token_heads(folder, ids):
    """Mean attention to the token before, (layer, head), over positions 1..."""
    model = plain.load(folder)
    cache = plain.run_with_cache(model, [ids])[1]
    return [cache[f"blocks.{l}.attn.hook_pattern"][0].diagonal(offset=-1, dim1=-2, dim2=-1).mean(-1).tolist() for l in range(model[0]["n_layers"])]


def sorter(folder):
    """Six letters in, the same six sorted out: all 729; and the original's own numbers for one input."""
    hf, right = toys.load_hf(folder), 0
    words = torch.tensor(list(itertools.product(range(3), repeat=6)))
    y = words
    for _ in range(6): y = torch.cat([y, hf(y).logits[:, -1].argmax(-1, keepdim=True)], 1)
    right = (y[:, 6:] == words.sort(1).values).all(1).sum().item()
    probe = [2, 1, 0, 1, 1, 2]
    part = json.load(open(f"{folder}/gpt-nano-sort-t0-partials.json"))
    def tensor(x): return torch.frombuffer(bytearray(base64.b64decode(x["data"])), dtype={"torch.int64": torch.int64, "torch.float32": torch.float32}[x["dtype"]]).reshape(x["shape"])
    model = plain.load(folder)
    original = tensor(part["idx"]).long()
    logits, cache = plain.run_with_cache(model, original)
    close(hf(original).logits, logits)
    ours = {"ln_f": cache["unembed.hook_in"], "lm_head": logits, "q": cache["blocks.0.attn.hook_q"].transpose(1, 2), "attSm": cache["blocks.0.attn.hook_pattern"],
            "gelu": cache["blocks.0.mlp.hook_post"], "mlpResid": cache["blocks.0.hook_resid_post"]}
    errors = {}
    for k, v in ours.items():
        theirs = tensor(part[k])
        errors[k] = (v.reshape(theirs.shape).double() - theirs).abs().max().item()
    return {"words": len(words), "sorted": right, "probe": probe, "probe_sorted": sorted(probe), "probe_logits": hf(torch.tensor([probe])).logits[0, -1].tolist(),
            "partials_ids": original.tolist(), "partials_max_error": errors}


def characters(folder, shared):
    """Nats a character on windows of 32 characters (31 predicted) of the first ten stories, and one window's logits."""
    vocab = {c: int(i) for i, c in json.load(open(f"{folder}/vocab.json"))["itos"].items()}
    known = {c for c, i in vocab.items() if i < 92 and not 61 <= i <= 65}
    windows = []
    for text in json.load(open(f"{shared}/data/tinystories-sample/tinystories_1000.json"))[:10]:
        text = "".join(c for c in text if c in known)
        windows += [[vocab[c] for c in text[i:i + 32]] for i in range(0, len(text) - 31, 32)]
    config = json.load(open(f"{folder}/config.json"))
    hooked = HookedTransformer(toys._tl_config(config, torch.float32))
    hooked.load_and_process_state_dict(load_file(f"{folder}/model.safetensors"), fold_ln=False, center_writing_weights=False, center_unembed=False, fold_value_biases=False)
    ids = torch.tensor(windows)
    logits = hooked(ids)
    close(logits, plain.forward(plain.load(folder), ids))
    nll = -logits[:, :-1].double().log_softmax(-1).gather(2, ids[:, 1:, None])
    return {"windows": len(windows), "nats_per_character": nll.mean().item(), "ids": windows[0], "window_nats": nll[0].mean().item(), "last_logits_head": logits[0, -1, :8].tolist()}


def main():
    shared = sys.argv[1]
    at = lambda name: f"{shared}/models/{name}"
    out = {"tinystories-656k": story(at("tinystories-656k")), "stories260K": story(at("stories260K"))}
    s = out["stories260K"]
    s["previous_token"] = previous_token_heads(at("stories260K"), s["ids"] + s["greedy_ids"])
    out |= {"gpt-nano-sort": sorter(at("gpt-nano-sort")), "mini-gpt2-tinystories-char": characters(at("mini-gpt2-tinystories-char"), shared)}
    with open(f"{HERE}/shared_expectations.json", "w") as f: json.dump(out, f, indent=1); f.write("\n")
    print(json.dumps({k: {n: x for n, x in v.items() if isinstance(x, (float, int, str, dict))} for k, v in out.items()}, indent=1))


if __name__ == "__main__": main()
