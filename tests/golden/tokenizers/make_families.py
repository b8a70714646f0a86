"""Writes families/: the settings that published model families put around their vocabulary, with the ids that Hugging Face's `tokenizers` gives.

    python make_families.py SHARED      SHARED: the folder of texts and real tokenizers beside the repository

The families differ in normalizer, splitting, added tokens, template and decoder, so they share two small vocabularies: byte_level.json and
sentencepiece.json, trained here across word borders (a text that is split elsewhere gives other ids). A vocabulary that exists is kept.
families/NAME.json holds the rest of a tokenizer.json and the goldens of the texts in families/texts.json; of long texts, the number of ids and
the SHA-256 of the ids as little-endian int32. shared/full_text.json holds the same for whole files and the real tokenizers.
"""
import hashlib
import json
import pathlib
import random
import struct
import sys
import unicodedata

import tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from make import CORPUS, HERE, TEXTS

FOLDER = HERE / "families"

MORE_TEXTS = [
    "Family 👨‍👩‍👧‍👦 👩🏿‍🚀🏳️‍🌈🏴‍☠️ flags 🇫🇷🇯🇵🇧🇷 keycaps 1️⃣#️⃣ ❤️‍🔥 skin 👋🏻👋🏼👋🏽👋🏾👋🏿",
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。カタカナ・ひらがな「漢字」ー々〆〤",
    "床前明月光，疑是地上霜。举头望明月，低头思故乡。2024年10月5日，价格￥１２３４。",
    "키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다. ㅋㅋㅋ ㅠㅠ 각 각",
    "السَّلَامُ عَلَيْكُمْ ورحمة الله وبركاته، العدد ١٢٣٤٥ و۱۲۳. نستعليق\u200cمی\u200cخواهم",
    "สวัสดีครับ ประเทศไทย ๑๒๓๔ น้ำใจ ก็ไม่เป็นไร เเละ กำ",
    "नमस्ते दुनिया क्षत्रिय ज्ञान १२३४५ বাংলা தமிழ் తెలుగు ಕನ್ನಡ മലയാളം සිංහල ਪੰਜਾਬੀ",
    "o\u0308u\u0308a\u0308 é e\u0301 ṩ s\u0323\u0307 s\u0307\u0323 Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞",
    "0 00 000 0000 00000 000000 0000000 00000000 1e10 1_000_000 12,345,678.90 0x1F 192.168.0.1 2024-11-25T02:42:36Z +49 (0)30 123456",
    "a b  c   d    e     f      g       h        i         j" + " " * 40 + "k",
    "\n\n\n\n\n\n" + "x\n\n\ny \n \n z\t\t\tw\r\n\r\n\r\nv \r u" + "\n" * 20,
    " \n  \n   \n    text\n\t \t\n end \n ",
    "I'm you're he'd we'll they've it's DON'T CAN'T I'M YOU'RE HE'D O'Neill's rock'n'roll 'tis '90s ’s I’m",
    "for (int i=0;i<n;++i){\n    if(a[i]!=b[i]) return -1;\n        /* nested */ x->y = &z[i]; // comment\n}\n\n\n#include <vector>\n",
    "SELECT * FROM users WHERE name='O''Brien' AND id IN (1,2,3);--\n<div class=\"a b\">&nbsp;<br/></div>\n{\"k\": [1.5e-3, null, true]}\n",
    "\\begin{equation} \\sum_{i=1}^{n} x_i^2 \\leq \\left( \\frac{a}{b} \\right)^{2} \\end{equation} $$\\alpha_{\\beta}$$",
    "CamelCaseWord XMLHttpRequest iPhone15Pro eBay McDonald's ÉCOLE École ΑΒΓαβγ ЖЗИжзи ǅ ǈ ʰʲ ªº ⅣⅤ ①② ½¾ ²³",
    "/usr/local/bin//x/ a/b/c\n/d ./e ../f C:\\Dir\\file.txt ~!@#$%^&*()_+`-={}|[]\\:\";'<>?,./",
    "…—–‘’“”„‚«»‹›¡¿§¶†‡•‰′″※‼⁇ €£¥₩₹₿ ∀∂∈ℝ∧∪≡∞ ↑↗↨ ╔═╗ ▁▂▃ ☺☻ ♪♫ ①②③ ⓐⓑ ㊀㊁",
    "\u200b\u200c\u200d\u2060\ufeff zero\u200bwidth soft\u00adhyphen nb\u00a0sp \u2003em\u2003\u2009thin \u3000ideo\u3000 \u0085nel \u2028ls",
]

NOT_UTF8 = ["61ff62", "c3", "e282", "f09f98", "61c328e28228", "eda080", "f4908080", "c0af", "fffefd20fc", "e4bda0e5a5", "6120f09f9882f09f98", "80bf80"]

CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"


def o200k(end, numbers):
    return (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{end}|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{end}|\p{{N}}{numbers}"
            rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def byte_level(use_regex=True, prefix=False, trim=True):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": trim, "use_regex": use_regex}


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": pattern if isinstance(pattern, dict) else {"Regex": pattern}, "behavior": behavior, "invert": invert}


def sequence(kind, *parts):
    return {"type": "Sequence", {"normalizer": "normalizers", "pre": "pretokenizers", "post": "processors", "decoder": "decoders"}[kind]: list(parts)}


def template(first, ids, last=None):
    special = [{"SpecialToken": {"id": first, "type_id": 0}}] if first else []
    end = [{"SpecialToken": {"id": last, "type_id": 0}}] if last else []
    return {"type": "TemplateProcessing", "single": special + [{"Sequence": {"id": "A", "type_id": 0}}] + end,
            "pair": special + [{"Sequence": {"id": "A", "type_id": 0}}] + end + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {name: {"id": name, "ids": [ids[name]], "tokens": [name]} for name in (first, last) if name}}


def replace(what, by):
    return {"type": "Replace", "pattern": {"String": what}, "content": by}


SPACES_BACK = [replace("▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"}]
STRIP = {"type": "Strip", "content": " ", "start": 1, "stop": 0}


def families(ids):
    """name → (vocabulary, options of the model, added tokens, the other parts). `ids` names tokens → ids of the shared vocabularies."""
    special, plain = dict(special=True, normalized=False), dict(special=False, normalized=False)
    spaces = [(" " * n, dict(special=False, normalized=True)) for n in (24, 12, 8, 4, 3, 2)]

    def bytes_(name, added, options={}, **parts):
        return name, "byte_level", options, added, {"decoder": byte_level(), "post_processor": byte_level(trim=False), **parts}

    def pieces(name, added, options={}, **parts):
        return name, "sentencepiece", {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True, **options}, added, parts

    spm = [("<unk>", special), ("<s>", special), ("</s>", special)]
    after = ids["next"]
    chat = [("<|im_start|>", special), ("<|im_end|>", special), ("<think>", plain), ("</think>", plain)]
    spm_steps = dict(normalizer=sequence("normalizer", {"type": "Prepend", "prepend": "▁"}, replace(" ", "▁")), decoder=sequence("decoder", *SPACES_BACK, STRIP))
    return [
        bytes_("gpt2", [("<|endoftext|>", special)], pre_tokenizer=byte_level()),
        bytes_("roberta", [("<s>", special), ("</s>", special), ("<mask>", dict(special=True, normalized=False, lstrip=True))], pre_tokenizer=byte_level(prefix=True),
               post_processor={"type": "RobertaProcessing", "sep": ["</s>", after + 1], "cls": ["<s>", after], "trim_offsets": True, "add_prefix_space": True},
               truncation={"direction": "Right", "max_length": 16, "strategy": "LongestFirst", "stride": 0},
               padding={"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 1, "pad_type_id": 0, "pad_token": "!"}),
        bytes_("neox", [("<|endoftext|>", special), ("<|padding|>", special)] + spaces, normalizer={"type": "NFC"}, pre_tokenizer=byte_level(),
               post_processor=byte_level()),
        bytes_("codegen", [("<|endoftext|>", dict(special=True, normalized=True))] + spaces + [("\t\t", dict(normalized=True)), ("\t\t\t\t", dict(normalized=True))],
               pre_tokenizer=byte_level()),
        bytes_("starcoder", [("<|endoftext|>", special), ("<fim_prefix>", special)],
               pre_tokenizer=sequence("pre", {"type": "Digits", "individual_digits": True}, byte_level())),
        bytes_("falcon", [("<|endoftext|>", special), (">>ABSTRACT<<", special)],
               pre_tokenizer=sequence("pre", {"type": "Punctuation", "behavior": "Contiguous"}, byte_level(), {"type": "Digits", "individual_digits": False},
                                      split("[0-9][0-9][0-9]"))),
        bytes_("llama3", [("<|begin_of_text|>", special), ("<|eot_id|>", special), ("<|start_header_id|>", special), ("<|end_header_id|>", special)],
               {"ignore_merges": True}, pre_tokenizer=sequence("pre", split(CL100K % "{1,3}"), byte_level(False)),
               post_processor=sequence("post", byte_level(trim=False), template("<|begin_of_text|>", {"<|begin_of_text|>": after}))),
        bytes_("cl100k", [("<|endoftext|>", special), ("<|im_start|>", dict(special=True, normalized=False, rstrip=True, lstrip=True))], {"ignore_merges": True},
               pre_tokenizer=sequence("pre", split(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
                                                   "Removed", True), byte_level(False))),
        bytes_("qwen2", chat, {"byte_fallback": False, "fuse_unk": False}, normalizer={"type": "NFC"}, pre_tokenizer=sequence("pre", split(CL100K % ""), byte_level(False, trim=False))),
        bytes_("tekken", [("<unk>", special), ("<s>", special), ("[INST]", special), ("[/INST]", special)], {"ignore_merges": True},
               pre_tokenizer=sequence("pre", split(o200k("", "")), byte_level(False)), post_processor=template("<s>", {"<s>": after + 1})),
        bytes_("o200k", [("<|start|>", special), ("<|message|>", special)], pre_tokenizer=sequence("pre", split(o200k(CONTRACTIONS, "{1,3}")), byte_level(False))),
        bytes_("deepseek", [("<｜begin▁of▁sentence｜>", special), ("<｜User｜>", plain)],
               pre_tokenizer=sequence("pre", split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"), split(
                   r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), byte_level(False)),
               post_processor=template("<｜begin▁of▁sentence｜>", {"<｜begin▁of▁sentence｜>": after})),
        bytes_("scripts", [("<s>", special)], pre_tokenizer=sequence("pre", split(r"\p{Han}+|\p{Hiragana}+|\p{Arabic}+|\p{Thai}{2,3}|\p{N}{2}+|\p{Common}"), byte_level(False))),
        pieces("llama2", spm, **spm_steps, post_processor=template("<s>", {"<s>": 1})),
        pieces("phi3", spm[:2] + [("</s>", dict(special=False, normalized=False, rstrip=True))] + [(t, dict(special=True, normalized=False, rstrip=True)) for t in
               ("<|user|>", "<|assistant|>", "<|end|>", "<|endoftext|>")], **spm_steps, post_processor=template("<s>", {"<s>": 1})),
        pieces("mistral", spm + [("[INST]", special), ("[/INST]", special)], normalizer=None, decoder=sequence("decoder", *SPACES_BACK, STRIP),
               pre_tokenizer={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}, post_processor=template("<s>", {"<s>": 1})),
        pieces("tinyllama_eos", spm, **spm_steps, post_processor=template("<s>", {"<s>": 1, "</s>": 2}, "</s>")),
        pieces("gemma", [("<unk>", special), ("<s>", special), ("<start_of_turn>", special), ("<end_of_turn>", special), ("\n\n", plain), ("\n\n\n", plain),
                         ("▁▁", plain), ("▁▁▁▁", plain), ("<table>", plain)],
               normalizer=replace(" ", "▁"), pre_tokenizer=split({"String": " "}, "MergedWithPrevious"), decoder=sequence("decoder", *SPACES_BACK),
               post_processor=template("<s>", {"<s>": 1})),
        pieces("no_fallback", spm, {"byte_fallback": False, "fuse_unk": False}, **spm_steps),
        pieces("fuse", spm, {"byte_fallback": False}, **spm_steps),
        bytes_("normalized", [("<MASK>", dict(special=False, normalized=True)), ("word", dict(special=False, normalized=False, single_word=True)),
                              ("CaFé", dict(special=False, normalized=True, single_word=True)), ("<|Sep|>", dict(special=True, normalized=False, lstrip=True, rstrip=True))],
               normalizer=sequence("normalizer", {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": True},
                                   {"type": "Replace", "pattern": {"Regex": r"\s{2,}|\t"}, "content": " "}), pre_tokenizer=byte_level()),
    ]


def training_text(shared):
    wiki = (shared / "data/wikitext-2/valid.txt").read_text()[:150_000]
    stories = json.loads((shared / "data/tinystories-sample/tinystories_1000.json").read_text())[:100]
    code = "".join(sorted(p.read_text() for p in (HERE.parents[2] / "core/text").glob("*.cpp")))[:60_000]
    return wiki + "\n".join(stories) + code + (CORPUS + "\n".join(TEXTS + MORE_TEXTS)) * 3


def train(shared):
    text = training_text(shared)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trainer = trainers.BpeTrainer(vocab_size=1600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), max_token_length=14, show_progress=False)
    yield "byte_level", tokenizer, trainer, text
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    specials = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=1600, special_tokens=specials, limit_alphabet=160, max_token_length=14, show_progress=False)
    yield "sentencepiece", tokenizer, trainer, text.replace(" ", "▁")


def vocabularies(shared):
    for name, tokenizer, trainer, text in train(shared):
        path = FOLDER / f"{name}.json"
        if not path.exists():
            tokenizer.train_from_iterator([text[i:i + 2000] for i in range(0, len(text), 2000)], trainer)
            model = json.loads(tokenizer.to_str())["model"]
            path.write_text(json.dumps({"vocab": model["vocab"], "merges": model["merges"]}, ensure_ascii=False, separators=(",", ":")))
        yield name, json.loads(path.read_text())


def digest(ids):
    return hashlib.sha256(struct.pack(f"<{len(ids)}i", *ids)).hexdigest()


def mixed(seed):
    """Characters of many scripts, signs and spaces in no order: what splits and merges meets every neighbour."""
    rng = random.Random(seed)
    ranges = [(0x20, 0x7F)] * 6 + [(0xA0, 0x180), (0x300, 0x370), (0x390, 0x530), (0x5D0, 0x700), (0x900, 0x980), (0xE00, 0xE50), (0x1100, 0x1200), (0x1E00, 0x2070),
                                   (0x2190, 0x2300), (0x3000, 0x3100), (0x4E00, 0x5000), (0xAC00, 0xB000), (0xFB00, 0xFB50), (0xFF00, 0xFFF0), (0x1D400, 0x1D500), (0x1F300, 0x1F650)]
    characters = [chr(rng.randrange(*rng.choice(ranges))) for _ in range(1500)]
    for i in range(0, 1500, 7):
        characters[i] = rng.choice(["  ", " ", "\n", "\r\n", "\t", "'s", "'LL", "12", " a", "The", "\u00a0", "\u200d", "\u3000"])
    return unicodedata.normalize("NFC", "".join(characters)) if seed % 2 else "".join(characters)


def texts():
    root = HERE.parents[2]
    long = [(root / name).read_text()[start:start + 2500] for name, start in (("README.md", 0), ("resources/docs/tokenizers.md", 0), ("core/text/regex.cpp", 2000),
                                                                             ("tests/golden/tokenizers/make.py", 5000))] + [mixed(seed) for seed in range(4)]
    path = FOLDER / "texts.json"
    if not path.exists():
        path.write_text(json.dumps({"short": TEXTS + MORE_TEXTS, "long": long}, ensure_ascii=False, indent=0))
    value = json.loads(path.read_text())
    return value["short"], value["long"]


def golden(tokenizer, added, short, long):
    tokenizer.no_truncation()
    tokenizer.no_padding()
    own = ["".join(f"a{t}b {t} {t}{t}  {t}\n{t}\nX{t.upper()}.{t.lower()}_{t}'s" for t, _ in added)] + [f"{t} hello{t}world {t}" for t, _ in added[:6]]
    rows = []
    for text in short + own:
        ids = tokenizer.encode(text).ids
        row = {"ids": ids} if text in short else {"text": text, "ids": ids}
        for key, got in (("decoded", tokenizer.decode(ids)), ("decoded_all", tokenizer.decode(ids, skip_special_tokens=False))):
            if got != text:
                row[key] = got
        rows.append(row)
    longs = [{"tokens": len(ids), "sha256": digest(ids)} for ids in (tokenizer.encode(text).ids for text in long)]
    broken = [{"hex": h, "ids": tokenizer.encode(bytes.fromhex(h).decode("utf-8", errors="replace")).ids} for h in NOT_UTF8]
    rng = random.Random(1)
    runs = [[rng.randrange(tokenizer.get_vocab_size()) for _ in range(1 + k % 6)] for k in range(20)]
    decodes = [{"ids": r, "decoded": tokenizer.decode(r), "decoded_all": tokenizer.decode(r, skip_special_tokens=False)} for r in runs]
    # The library does not skip a special token whose name its normalizer changes; none of the families has one.
    return {"vocab_size": tokenizer.get_vocab_size(), "cases": rows, "long": longs, "not_utf8": broken, "decodes": decodes}


def family(name, base, options, added, parts, models_, short, long):
    model = models_[base]
    next_id = len(model["vocab"])
    tokens = []
    for content, flags in added:
        at = model["vocab"].get(content) if base == "sentencepiece" else None
        if at is None:
            at, next_id = next_id, next_id + 1
        tokens.append({"id": at, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": False, **flags})
    rest = {"version": "1.0", "truncation": None, "padding": None, "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None, **parts,
            "added_tokens": sorted(tokens, key=lambda t: t["id"])}
    options = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False,
               "byte_fallback": False, "ignore_merges": False, **options}
    tokenizer = Tokenizer.from_str(json.dumps({**rest, "model": {**options, **model}}))
    got = golden(tokenizer, added, short, long)
    head = {"made_by": f"tokenizers {tokenizers.__version__}", "vocabulary": base, "options": options, "tokenizer": rest, "vocab_size": got["vocab_size"]}
    dump = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = dump(head)[:-1]
    for key in ("cases", "long", "not_utf8", "decodes"):
        text += f',\n"{key}":[\n' + ",\n".join(dump(row) for row in got[key]) + "\n]"
    (FOLDER / f"{name}.json").write_text(text + "}\n")


def full_text(shared):
    rows = []
    stories = "\n\n".join(json.loads((shared / "data/tinystories-sample/tinystories_1000.json").read_text()))
    files = {"wikitext-2/test.txt": None, "wikitext-2/valid.txt": None, "tinystories-sample/tinystories_1000.json": stories}
    for name in ("gpt2", "gpt-neox-20b"):
        tokenizer = Tokenizer.from_file(str(shared / "tokenizers" / name / "tokenizer.json"))
        for file, text in files.items():
            ids = tokenizer.encode(text if text is not None else (shared / "data" / file).read_bytes().decode()).ids
            rows.append({"folder": f"tokenizers/{name}", "file": f"data/{file}", "tokens": len(ids), "sha256": digest(ids)})
    text = "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]"
    (HERE / "shared/full_text.json").write_text(f'{{"made_by": "tokenizers {tokenizers.__version__}", "joined_by": "\\n\\n", "files": {text}}}\n')


def main():
    shared = pathlib.Path(sys.argv[1])
    FOLDER.mkdir(exist_ok=True)
    models_ = dict(vocabularies(shared))
    short, long = texts()
    assert len(set(short)) == len(short)
    for name, base, options, added, parts in families({"next": len(models_["byte_level"]["vocab"])}):
        family(name, base, options, added, parts, models_, short, long)
    full_text(shared)


if __name__ == "__main__":
    main()
