"""Writes the tokenizer goldens: ids and decoded texts by Hugging Face's `tokenizers`, for mixed texts.

    python make.py SHARED      SHARED: the folder of real models and tokenizers beside the repository

Needs `sentencepiece` too, for the two models in its own format (NAME/tokenizer.model).
Tiny tokenizers, trained here on the text below, are written and checked in with their goldens (NAME/tokenizer.json, NAME/golden.json);
of the real ones only the goldens are (shared/NAME.json). Training breaks ties at random: a tokenizer.json that exists is kept.
"""
import io
import json
import pathlib
import sys

import sentencepiece
import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent

CORPUS = """
The residual stream carries what every layer writes. A head reads it, moves something from one position to another, and writes again.
when ann and tom went to the park , tom gave a ball to ann . when sue and max went to the shop , max gave a book to sue .
Ein kleines Modell lernt schnell: Größe, Übung, Straße, naïve café, déjà vu, São Paulo, Łódź, señor, Ελλάδα, Привет мир.
def forward(self, x):\n    # keep the residual\n    return x + self.attn(self.ln1(x))\n\nfor i in range(10):\n\tprint(i, i * 2, 3.14159)\n
It's what they'd said: we'll see, I'm sure; you've won't. "Quoted" (bracketed) [listed] {braced} <angled> 100% #1 $5 a&b a_b a-b a/b a\\b.
今日は良い天気ですね。東京は大きい都市です。 我们学习语言模型。 안녕하세요 세계. مرحبا بالعالم שלום עולם हिन्दी ไทย
2024 1999 12345 67890 0.001 1,000,000 3/4 10:30 -7 +8 1e-5 0xff
"""

TEXTS = [
    "",
    " ",
    "  ",
    "\n",
    "\t\t\n\n  \n",
    "Hello, world!",
    " Hello",
    "hello  world   three    four spaces",
    "When Mary and John went to the store, John gave a drink to",
    "when ann and tom went to the park , tom gave a ball to",
    "trailing spaces   ",
    "   leading spaces",
    "It's we'll I'm you've they'd IT'S don't 'tis ''quoted'' o'clock's'",
    "def f(x):\n    return x**2  # comment\n\n\tif x == 1:\n\t\tprint(\"a\\n\")\r\n",
    "1 12 123 1234 12345 3.14159 1,000,000 ½ ² Ⅷ ٣٤ 1st x1y2",
    "Größe Übung naïve café déjà ÀÉÎÕÜ ÿ ß ẞ ı İ Σίσυφος ΣΑΣ",
    "cafe\u0301 e\u0301\u0302\u0303 n\u0303 A\u030a \u1100\u1161\u11a8 \u0915\u094d\u0937\u093f",
    "今日は良い天気ですね。東京 我们学习 안녕하세요 세계",
    "مرحبا بالعالم שלום עולם हिन्दी ไทย Привет, мир!",
    "😀 👍🏽 👨‍👩‍👧‍👦 🇩🇪 ❤️ 🤷‍♀️ x😀y",
    "ﬁ ﬂ ㎏ Å Ω ℌ １２３ ａｂｃ ⒈ ①",
    "\u0000 \u0001\u001f\u007f \u0085 \u00a0 \u00ad",
    "a\u1680b\u180ec\u2003d\u200be\u200cf\u200dg\u2028h\u2029i\u202fj\u205fk\u3000l\ufeffm\ufffdn",
    "\u2028\u2029 \u3000\u3000 \u00a0\u00a0x \u0085\u0085y \u001c\u001d\u001e\u001fz",
    "a\u0000b \ufffe \uffff \ue000 \U0010ffff \U000e0041",
    "<|endoftext|>",
    "one<|endoftext|>two <|endoftext|> three<|endoftext|>",
    "<s> begin </s> end <unk> <pad> [UNK] [CLS] x<s>y <|start_story|>Once</s>",
    "<0x41> <0x0A> <0xZZ> <0x> <0xe2>",
    "▁ ▁▁ x▁y _▁_ Ġ Ċ ĠĠ Ā",
    "                        24 spaces                         25",
    "a_b-c/d\\e|f~g`h^i*j+k=l<m>n{o}p[q]r(s)t;u:v,w.x?y!z@#$%&\"'",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "!!!!!!!!!!!????????.......,,,,,----- ===>>> <<<",
    "MixedCase camelCase snake_case SCREAMING_CASE kebab-case",
    "https://example.org/a?b=c&d=e#f user@example.org",
    "line one\nline two\r\nline three\rline four\n\n\nline seven",
    "x\u0338 \u0338x \u20dd \u0301 \u0301\u0301",
    "ſ 'ſ K 'S 'LL 'Re",
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park.",
    "The dog said, “Hello!” — and ran… ‘away’.",
    "word [MASK] word[MASK]word  [MASK]  end UPPER [mask]",
    "yesterday Yesterdays yesterday! day",
    "<sp><ic> tail <sp>  <ic>x",
    "\u1e9b\u0323 \uac00\u11a8 \u00c5 \u212b \u2126 \ufb03 \u1fbe",
    "🏴󠁧󠁢󠁳󠁣󠁴󠁿 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 𒀀 🀄︎",
]


def golden(tokenizer, name):
    # The library forgets to skip a special token that its normalizer changes (it looks for the changed name); we skip it. No golden then.
    odd = any(t.special and t.normalized and tokenizer.normalizer and tokenizer.normalizer.normalize_str(t.content) != t.content
              for t in tokenizer.get_added_tokens_decoder().values())
    skipping = (lambda ids: {}) if odd else (lambda ids: {"decoded": tokenizer.decode(ids)})
    tokenizer.no_truncation()
    tokenizer.no_padding()
    cases = []
    for text in TEXTS:
        try:
            ids = tokenizer.encode(text).ids
            plain = tokenizer.encode(text, add_special_tokens=False).ids
        except Exception:  # a word without an id, where the vocabulary has no token for unknown ones
            cases.append({"text": text, "error": True})
            continue
        cases.append({"text": text, "ids": ids, "plain": plain, **skipping(ids),
                      "decoded_all": tokenizer.decode(ids, skip_special_tokens=False)})
    n = tokenizer.get_vocab_size()
    # Single tokens and odd runs of them: what no encoding would give.
    runs = [[(7 * k + j * 13) % n for j in range(1 + k % 5)] for k in range(60)]
    decodes = [{"ids": run, **skipping(run), "decoded_all": tokenizer.decode(run, skip_special_tokens=False)} for run in runs]
    return {"tokenizer": name, "made_by": f"tokenizers {tokenizers.__version__}", "vocab_size": n, "cases": cases, "decodes": decodes}


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = {k: v for k, v in value.items() if k not in ("cases", "decodes")}
    text = json.dumps(rows)[:-1]
    for key in [k for k in ("cases", "decodes") if k in value]:
        text += f', "{key}": [\n' + ",\n".join(json.dumps(row) for row in value[key]) + "\n]"
    path.write_text(text + "}\n")


def byte_level():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    return t, trainers.BpeTrainer(vocab_size=420, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)


def cl100k_like():
    """Split by a newer pattern, digits apart, NFC, a BOS template, ignore_merges: the shape of Llama 3."""
    t = Tokenizer(models.BPE(ignore_merges=True))
    t.normalizer = normalizers.NFC()
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.Digits(individual_digits=True),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True),
                                            processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 0)])])
    return t, trainers.BpeTrainer(vocab_size=400, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)


def word_level():
    """Lower-cased words without accents, signs apart; added tokens with every matching option."""
    t = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    t.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation(), pre_tokenizers.Digits()])
    return t, trainers.WordLevelTrainer(vocab_size=200, special_tokens=["[UNK]", "<pad>", "<s>", "</s>"], show_progress=False)


def words_split():
    """Words between white space, and nothing for unknown ones: the generated languages' form."""
    t = Tokenizer(models.WordLevel(vocab={w: i for i, w in enumerate("when ann and tom went to the park , gave a ball".split())}, unk_token="?"))
    t.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return t, None


def unigram():
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()])
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    t.decoder = decoders.Metaspace()
    t.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return t, trainers.UnigramTrainer(vocab_size=300, special_tokens=["<unk>", "</s>", "<pad>"], unk_token="<unk>", show_progress=False)


def sentencepiece_like():
    """Llama 2's form: ▁ for spaces, no pre-tokenizer, bytes for unknown characters."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    specials = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    return t, trainers.BpeTrainer(vocab_size=460, special_tokens=specials, limit_alphabet=60, max_token_length=12, show_progress=False)


def metaspace_first():
    """A Metaspace mark before the first piece only; unknown characters apart; no decoder for bytes."""
    t = Tokenizer(models.BPE(unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    t.decoder = decoders.Metaspace(prepend_scheme="first")
    return t, trainers.BpeTrainer(vocab_size=250, special_tokens=["<unk>", "<s>"], limit_alphabet=70, show_progress=False)


def behaviors():
    """Every way to keep what a pattern matched."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    split = pre_tokenizers.Split
    t.pre_tokenizer = pre_tokenizers.Sequence([
        split("  ", "removed"), split(Regex(r"\s"), "merged_with_next"), split(Regex(r"[.,;:!?]"), "merged_with_previous"),
        split(Regex(r"\w+"), "contiguous"), split(Regex(r"[a-z]+|\d+"), "isolated", invert=True), pre_tokenizers.CharDelimiterSplit("|")])
    return t, trainers.BpeTrainer(vocab_size=250, special_tokens=["<unk>"], limit_alphabet=90, show_progress=False)


def bloom_like():
    """A class inside a class, and Falcon's runs of signs."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r" ?[^(\s|[.,!?…。，、।۔،])]+"), "isolated"), pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.Digits(),
        pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    return t, trainers.BpeTrainer(vocab_size=380, special_tokens=["<s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)


ADDED = {
    "word_level": [AddedToken("[MASK]", lstrip=True, normalized=False, special=True), AddedToken("yesterday", single_word=True),
                   AddedToken("<sp>", rstrip=True, normalized=False), AddedToken("<ic>", lstrip=True, rstrip=True, normalized=True)],
    "byte_level": [AddedToken("  ", normalized=True), AddedToken("    ", normalized=True), AddedToken("<sp>", rstrip=True, normalized=False)],
    "sentencepiece_like": [AddedToken("[MASK]", normalized=True, special=False)],
    "metaspace_first": [AddedToken("<sp>", normalized=False)],
}


def sentencepiece_golden(name, **options):
    path = HERE / name / "tokenizer.model"
    if not path.exists():
        model = io.BytesIO()
        sentences = [line for line in CORPUS.replace("\t", " ").splitlines() if line]
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(sentences), model_writer=model, normalization_rule_name="identity",
                                                 num_threads=1, minloglevel=2, **options)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(model.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    # NUL ends a text there, and U+FFFD and friends are rules, not text.
    texts = [t for t in TEXTS if "\0" not in t]
    cases = [{"text": t, "ids": processor.encode(t)} for t in texts]
    write(HERE / name / "golden.json", {"tokenizer": name, "made_by": f"sentencepiece {sentencepiece.__version__}", "vocab_size": processor.vocab_size(), "cases": cases})


def without_byte_specials(path):
    """The trainer makes specials of the byte tokens; in real files they are plain tokens of the model."""
    value = json.loads(path.read_text())
    value["added_tokens"] = [t for t in value["added_tokens"] if not t["content"].startswith("<0x")]
    path.write_text(json.dumps(value, ensure_ascii=False))


def main():
    shared = pathlib.Path(sys.argv[1])
    for make in (byte_level, cl100k_like, word_level, words_split, unigram, sentencepiece_like, metaspace_first, behaviors, bloom_like):
        name = make.__name__
        path = HERE / name / "tokenizer.json"
        if not path.exists():
            tokenizer, trainer = make()
            if trainer:
                tokenizer.train_from_iterator(CORPUS.splitlines(keepends=True), trainer)
            tokenizer.add_tokens(ADDED.get(name, []))
            path.parent.mkdir(exist_ok=True)
            tokenizer.save(str(path), pretty=False)
            without_byte_specials(path)
        write(HERE / name / "golden.json", golden(Tokenizer.from_file(str(path)), name))
    sentencepiece_golden("spm_bpe", model_type="bpe", vocab_size=460, byte_fallback=True, remove_extra_whitespaces=False, character_coverage=0.98,
                         user_defined_symbols=["[MASK]", "    "])
    sentencepiece_golden("spm_unigram", model_type="unigram", vocab_size=190, character_coverage=0.98, bos_id=-1)
    for name, path in {"gpt2": "tokenizers/gpt2", "gpt-neox-20b": "tokenizers/gpt-neox-20b", "tinystories-656k": "models/tinystories-656k",
                       "stories260K": "models/stories260K"}.items():
        value = golden(Tokenizer.from_file(str(shared / path / "tokenizer.json")), name)
        write(HERE / "shared" / f"{name}.json", {**value, "folder": path})


if __name__ == "__main__":
    main()
