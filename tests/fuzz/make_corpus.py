"""Writes the corpora of the fuzz targets whose files are made by hand: python3 make_corpus.py. Files that a fuzzer found are kept beside them."""
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).parent / "corpus"


def put(target, name, data):
    (HERE / target).mkdir(parents=True, exist_ok=True)
    (HERE / target / name).write_bytes(data if isinstance(data, bytes) else data.encode() if isinstance(data, str) else json.dumps(data, ensure_ascii=False).encode())


def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else header.encode() if isinstance(header, str) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def t(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


S = "safetensors"
good = {"__metadata__": {"format": "pt"}, "a": t("F32", [2, 3], 0, 24), "b.weight": t("BF16", [], 24, 26), "c": t("I64", [0, 5], 26, 26), "d": t("BOOL", [3], 26, 29)}
put(S, "good", safetensors(good, bytes(range(29))))
put(S, "every_type", safetensors({d: t(d, [1], o, o + n) for d, n, o in [("F64", 8, 0), ("I64", 8, 8), ("F32", 4, 16), ("I32", 4, 20), ("F16", 2, 24), ("BF16", 2, 26),
                                                                       ("I16", 2, 28), ("I8", 1, 30), ("U8", 1, 31), ("BOOL", 1, 32)]}, bytes(33)))
put(S, "empty", b"")
put(S, "empty_header", safetensors("{}"))
put(S, "padded_header", safetensors("{}      "))
put(S, "seven_bytes", b"\x02\0\0\0\0\0\0")
put(S, "length_only", struct.pack("<Q", 2))
put(S, "length_max", safetensors("{}", length=2**64 - 1))
put(S, "length_wraps", safetensors("{}", length=2**64 - 8))
put(S, "length_past_end", safetensors("{}", length=3))
put(S, "length_over_limit", safetensors("{}", length=100_000_001))
put(S, "length_zero", safetensors("{}", length=0))
put(S, "truncated_header", safetensors(good)[:40])
put(S, "truncated_data", safetensors(good, bytes(28)))
put(S, "left_over_data", safetensors(good, bytes(30)))
put(S, "overlap", safetensors({"a": t("F32", [1], 0, 4), "b": t("F32", [1], 2, 6)}, bytes(6)))
put(S, "same_data", safetensors({"a": t("F32", [1], 0, 4), "b": t("F32", [1], 0, 4)}, bytes(4)))
put(S, "hole", safetensors({"a": t("U8", [1], 0, 1), "b": t("U8", [1], 2, 3)}, bytes(3)))
put(S, "begin_after_end", safetensors({"a": t("U8", [1], 1, 0)}, bytes(1)))
put(S, "offset_max", safetensors({"a": t("U8", [1], 2**64 - 1, 2**64 - 1)}, bytes(1)))
put(S, "offset_negative", safetensors({"a": t("U8", [1], -1, 0)}, bytes(1)))
put(S, "offset_fraction", safetensors({"a": t("U8", [1], 0.0, 1.0)}, bytes(1)))
put(S, "offset_one", safetensors('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}', bytes(1)))
put(S, "shape_overflow", safetensors({"a": t("F64", [2**32, 2**32, 2**32], 0, 8)}, bytes(8)))
put(S, "shape_wraps_to_small", safetensors({"a": t("U8", [2**32, 2**32], 0, 0)}))
put(S, "shape_bytes_wrap", safetensors({"a": t("F64", [2**61], 0, 0)}))
put(S, "shape_max_and_zero", safetensors({"a": t("U8", [2**63 - 1, 0], 0, 0)}))
put(S, "shape_negative", safetensors({"a": t("U8", [-1, -1], 0, 1)}, bytes(1)))
put(S, "shape_text", safetensors('{"a":{"dtype":"U8","shape":"1","data_offsets":[0,1]}}', bytes(1)))
put(S, "dtype_unknown", safetensors({"a": t("F8_E4M3", [1], 0, 1)}, bytes(1)))
put(S, "dtype_number", safetensors('{"a":{"dtype":1,"shape":[1],"data_offsets":[0,1]}}', bytes(1)))
put(S, "twice", safetensors('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', bytes(1)))
put(S, "metadata_number", safetensors('{"__metadata__":{"a":1}}'))
put(S, "metadata_list", safetensors('{"__metadata__":[]}'))
put(S, "name_not_utf8", safetensors(b'{"\xff":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', bytes(1)))
put(S, "name_empty", safetensors({"": t("U8", [1], 0, 1)}, bytes(1)))
put(S, "deep", safetensors('{"a":' + "[" * 200 + "]" * 200 + "}"))
put(S, "header_list", safetensors("[]"))
put(S, "header_bom", safetensors(b"\xef\xbb\xbf{}"))

J = "json"
put(J, "values", '{"a": [1, -2, 3.5e-7, true, false, null, "\\u00e9\\n\\ud83d\\ude00"], "b": {"c": {}, "d": []}, "": 18446744073709551615}')
put(J, "empty", "")
put(J, "deep_lists", "[" * 150 + "]" * 150)
put(J, "deep_objects", '{"a":' * 99 + "1" + "}" * 99)
put(J, "deep_open", "[" * 5000)
put(J, "twice", '{"a": 1, "b": {"a": 1, "a": 2}}')
put(J, "twice_by_escape", '{"a": 1, "\\u0061": 2}')
put(J, "numbers", "[0, -0, 0.0, -0.0, 1e308, 5e-324, 9223372036854775807, -9223372036854775808, 9223372036854775808, 123456789012345678901234567890, 0.1]")
put(J, "number_over", "1e309")
put(J, "number_bad", "[01, +1, .5, 1., 0x10, NaN, Infinity]")
put(J, "not_utf8", b'{"a": "\xff\xfe"}')
put(J, "overlong", b'"\xc0\x80\xe0\x80\x80"')
put(J, "surrogate", '["\\ud800", "\\udc00\\ud800"]')
put(J, "surrogate_bytes", b'"\xed\xa0\x80"')
put(J, "bom", b"\xef\xbb\xbf{}")
put(J, "nul", b'{"a\\u0000b": "\\u0000"}')
put(J, "raw_nul", b'"a\0b"')
put(J, "cut_string", '{"a": "bc')
put(J, "cut_escape", '"\\u12')
put(J, "trailing", "{} {}")
put(J, "comments", "/* no */ {} // no")
put(J, "strings", json.dumps(["\x7f", "\u2028", "\U0010ffff", "\\", '"', "/"]))

T = "tokenizer"
BYTES = {f"<0x{b:02X}>": b + 3 for b in range(256)}
WORDS = {"<unk>": 0, "<s>": 1, "</s>": 2, "e": 3, "t": 4, "▁": 5, "▁t": 6, "te": 7, "▁te": 8, "a": 9, "aa": 10, "aaaa": 11, "é": 12}


def bpe(**changes):
    model = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": False,
             "ignore_merges": False, "vocab": WORDS, "merges": [["▁", "t"], ["t", "e"], ["▁t", "e"], ["a", "a"], ["aa", "aa"]]}
    return {**model, **changes}


def added(content, i, **flags):
    return {"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **flags}


def tokenizer(model=None, **parts):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None,
            "model": model or bpe(), **parts}


def sequence(key, *steps):
    return {"type": "Sequence", key: list(steps)}


def regex(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert}


TEMPLATE = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
SPACES = sequence("normalizers", {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"})
BACK = sequence("decoders", {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0})
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}

put(T, "sentencepiece", tokenizer(normalizer=SPACES, decoder=BACK, post_processor=TEMPLATE, added_tokens=[added("<s>", 1), added("[MASK]", 13, lstrip=True, normalized=True)]))
put(T, "byte_fallback", tokenizer(bpe(byte_fallback=True, vocab={"<unk>": 0, **BYTES, "▁": 300}, merges=[]), normalizer=SPACES, decoder=BACK))
put(T, "byte_level", tokenizer(bpe(vocab={"Ġ": 0, "t": 1, "e": 2, "Ġt": 3, "a": 4, "Ã": 5, "©": 6, "Ã©": 7}, unk_token=None, merges=["Ġ t", "Ã ©"]), pre_tokenizer=BYTE_LEVEL,
                               decoder=BYTE_LEVEL, post_processor=BYTE_LEVEL))
put(T, "word_level", tokenizer({"type": "WordLevel", "vocab": {"[UNK]": 0, "once": 1, "time": 2}, "unk_token": "[UNK]"},
                               normalizer=sequence("normalizers", {"type": "NFD"}, {"type": "Lowercase"}, {"type": "StripAccents"}, {"type": "Strip", "strip_left": True, "strip_right": True}),
                               pre_tokenizer=sequence("pretokenizers", {"type": "Whitespace"}, {"type": "Punctuation", "behavior": "Isolated"}, {"type": "Digits", "individual_digits": True})))
put(T, "word_level_no_unknown", tokenizer({"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "?"}, pre_tokenizer={"type": "WhitespaceSplit"}))
put(T, "unigram", tokenizer({"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["▁", -2], ["e", -3.5], ["▁t", -1], ["im", -4], ["aaaa", -3], ["aa", -2], ["a", -1.5]], "byte_fallback": False},
                            normalizer=sequence("normalizers", {"type": "Nmt"}, {"type": "NFKC"}), pre_tokenizer={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True},
                            decoder={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}))
put(T, "unigram_no_unknown", tokenizer({"type": "Unigram", "unk_id": None, "vocab": [["a", -1]]}))
put(T, "unigram_bad_unknown", tokenizer({"type": "Unigram", "unk_id": 7, "vocab": [["a", -1]]}))
put(T, "unigram_empty_token", tokenizer({"type": "Unigram", "unk_id": 0, "vocab": [["", 1e308], ["a", -1e308], ["a", 1e308]]}))
put(T, "unigram_row", tokenizer({"type": "Unigram", "unk_id": 0, "vocab": [["a"], "b", {}]}))
for name, behavior in {"removed": "Removed", "previous": "MergedWithPrevious", "next": "MergedWithNext", "contiguous": "Contiguous"}.items():
    put(T, f"split_{name}", tokenizer(pre_tokenizer=sequence("pretokenizers", regex(r"\s+|(?i:'s)|[^\s\p{L}]?\p{L}+", behavior), regex(r"\w*", behavior, True), {"type": "CharDelimiterSplit", "delimiter": "e"})))
put(T, "regex_empty_match", tokenizer(pre_tokenizer=regex("x*|$|^|(?=a)")))
put(T, "regex_slow", tokenizer(pre_tokenizer=regex("(a*)*b|(a|aa)+$|( +)+$")))
put(T, "regex_bad", tokenizer(pre_tokenizer=regex("(((")))
put(T, "regex_set", tokenizer(pre_tokenizer=regex("[\\p{L}&&[^a]]")))
put(T, "regex_verb", tokenizer(pre_tokenizer=regex("(*COMMIT)a\\K")))
put(T, "regex_recursive", tokenizer(pre_tokenizer=regex("(a(?1)?b|\\g<1>)")))
put(T, "regex_lookbehind", tokenizer(pre_tokenizer=regex("(?<=a)a(?=a)|(?<!x)e")))
put(T, "replace_grows", tokenizer(normalizer=sequence("normalizers", *[{"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaaaaaaaaa"}] * 12)))
put(T, "replace_empty", tokenizer(normalizer={"type": "Replace", "pattern": {"String": ""}, "content": "a"}))
put(T, "replace_regex", tokenizer(normalizer={"type": "Replace", "pattern": {"Regex": " {2,}|a*"}, "content": ""}, decoder={"type": "Replace", "pattern": {"Regex": "a"}, "content": "\u0301"}))
put(T, "nested_sequence", tokenizer(normalizer=json.loads('{"type": "Sequence", "normalizers": [' * 40 + '{"type": "NFC"}' + "]}" * 40)))
put(T, "strip_all", tokenizer(decoder=sequence("decoders", {"type": "Fuse"}, {"type": "Strip", "content": "a", "start": 2**62, "stop": 2**62})))
put(T, "merge_unknown", tokenizer(bpe(merges=[["zz", "y"]])))
put(T, "merge_result_unknown", tokenizer(bpe(merges=[["e", "t"]])))
put(T, "merge_cycle", tokenizer(bpe(vocab={"a": 0, "": 1, "aa": 2}, unk_token=None, merges=[["a", ""], ["", "a"], ["", ""], ["a", "a"]])))
put(T, "merge_twice", tokenizer(bpe(merges=[["a", "a"], ["t", "e"], ["a", "a"]])))
put(T, "merge_three", tokenizer(bpe(merges=["a a a", "", " "])))
put(T, "merge_numbers", tokenizer(bpe(merges=[[1, 2]])))
put(T, "id_giant", tokenizer(bpe(vocab={"a": 2**62, "b": 2**64 - 1}, merges=[])))
put(T, "id_high", tokenizer(bpe(vocab={"a": 2**24 - 1}, merges=[], unk_token=None)))
put(T, "id_negative", tokenizer(bpe(vocab={"a": -1}, merges=[])))
put(T, "id_twice", tokenizer(bpe(vocab={"a": 0, "b": 0}, merges=[], unk_token=None)))
put(T, "unknown_missing", tokenizer(bpe(unk_token="<none>")))
put(T, "no_vocabulary", tokenizer({"type": "BPE", "vocab": {}, "merges": []}))
put(T, "word_piece", tokenizer({"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "a"}))
put(T, "unsupported_step", tokenizer(normalizer={"type": "BertNormalizer"}, pre_tokenizer={"type": "UnicodeScripts"}, decoder={"type": "CTC"}))
put(T, "template_unknown", tokenizer(post_processor={**TEMPLATE, "special_tokens": {}}))
put(T, "template_no_text", tokenizer(post_processor={**TEMPLATE, "single": TEMPLATE["single"][:1]}))
put(T, "template_ids", tokenizer(post_processor={**TEMPLATE, "special_tokens": {"<s>": {"ids": [-1, 2**63, "a"]}}}))
put(T, "post_sequence", tokenizer(post_processor=sequence("processors", BYTE_LEVEL, TEMPLATE, {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1]})))
put(T, "added_overlap", tokenizer(added_tokens=[added("a", 20), added("aa", 21, rstrip=True), added(" ", 22, lstrip=True, rstrip=True), added("\u0301", 23, single_word=True),
                                                added("", 24), added("aa", 25, normalized=True)], normalizer={"type": "Lowercase"}))
put(T, "added_unspaced", tokenizer(added_tokens=[added("E", 20, normalized=True)], normalizer={"type": "Strip", "strip_left": True, "strip_right": False}))
put(T, "parts_wrong_type", tokenizer(normalizer=[], pre_tokenizer="a", decoder=3, added_tokens={}))
put(T, "model_list", {"model": []})
put(T, "plain_words", {"<unk>": 0, "Once": 1, "upon": 2})
put(T, "plain_characters", {c: i for i, c in enumerate(" Onceuptim,é")})
put(T, "plain_spaces", {"Once upon": 0, " ": 1, "a": 2})
put(T, "plain_itos", {"itos": {"0": " ", "7": "a"}, "note": "sparse"})
put(T, "plain_itos_keys", {"itos": {"-1": "a", "99999999999999999999": "b", "x": "c"}})
put(T, "plain_list", ["a", "b", "", 3])
put(T, "plain_stoi", {"stoi": {"a": 1, "bc": 0}})
put(T, "empty", b"")

L = "llama2c"


def llama2c(rows, longest=7):
    return struct.pack("<i", longest) + b"".join(struct.pack("<fi", score, len(text)) + text for score, text in rows)


ROWS = [(0, b"<unk>"), (0, b"\n<s>\n"), (0, b"\n</s>\n")] + [(0, b"<0x%02X>" % b) for b in range(256)]
REST = [(-0.0, b" t"), (-1, b"im"), (-2, b" "), (-3, b"t"), (-4, b"i"), (-5, b"m"), (-6, b"e"), (-7, "é".encode()), (-8, b" tim")]
put(L, "good", llama2c(ROWS + REST))
put(L, "bytes_only", llama2c(ROWS))
put(L, "short", llama2c(ROWS[:10]))
put(L, "empty", b"")
put(L, "cut", llama2c(ROWS + REST)[:-3])
put(L, "longest_negative", llama2c(ROWS, -1))
put(L, "longest_giant", llama2c(ROWS, 2**31 - 1))
put(L, "length_negative", llama2c(ROWS) + struct.pack("<fi", 0, -1))
put(L, "length_giant", llama2c(ROWS) + struct.pack("<fi", 0, 2**31 - 1) + b"a")
put(L, "score_nan", llama2c(ROWS + [(float("nan"), b"a")]))
put(L, "score_inf", llama2c(ROWS + REST + [(float("inf"), b" ti"), (float("-inf"), b"me")]))
put(L, "not_utf8", llama2c(ROWS + [(0, b"\xff")]))
put(L, "empty_token", llama2c(ROWS + REST + [(1, b"")]))
put(L, "names_of_newlines", llama2c([(0, b""), (0, b"\n\n"), (0, b"\n")] + ROWS[3:]))
put(L, "zeros", bytes(64))

P = "sentencepiece"


def varint(n):
    out = b""
    while n >= 0x80:
        out, n = out + bytes([n & 0x7F | 0x80]), n >> 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    return varint(number << 3) + varint(value & (2**64 - 1))


def piece(text, score, kind=1):
    return field(1, field(1, text if isinstance(text, bytes) else text.encode()) + field(2, float(score)) + field(3, kind))


PIECES = piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3) + piece("▁", -9) + piece("▁t", -1) + piece("im", -2) + piece("t", -3) + piece("i", -4) + piece("m", -5)
BPE = field(2, field(3, 2))
PLAIN = field(3, field(1, b"identity") + field(3, 1) + field(4, 0) + field(5, 1))
put(P, "bpe", PIECES + BPE + PLAIN)
put(P, "unigram", PIECES + field(2, field(3, 1)) + field(3, field(1, b"identity") + field(3, 0)))
put(P, "bytes", PIECES + b"".join(piece(f"<0x{b:02X}>", 0, 6) for b in range(256)) + field(2, field(3, 2) + field(35, 1)) + PLAIN)
put(P, "user_defined", PIECES + piece("  ", 0, 4) + piece("[MASK]", 0, 4) + piece("▁▁", 0, 4) + BPE + PLAIN)
put(P, "rules", PIECES + field(3, field(2, b"\0" * 16)))
put(P, "unused", PIECES + piece("a", 0, 5))
put(P, "type_giant", PIECES + piece("a", 0, 2**63))
put(P, "unknown_out", PIECES + field(2, field(40, 99)))
put(P, "unknown_negative", PIECES + field(2, field(40, -1) + field(41, -1)))
put(P, "bos_giant", PIECES + field(2, field(41, 2**63 - 1)))
put(P, "words", PIECES + field(2, field(3, 3)))
put(P, "empty", b"")
put(P, "no_pieces", BPE + PLAIN)
put(P, "piece_empty", piece("", 0))
put(P, "piece_not_utf8", piece(b"\xff", 0))
put(P, "score_nan", PIECES + piece("a", float("nan")))
put(P, "score_inf", PIECES + piece("a", float("inf")) + piece("▁ti", float("-inf")) + BPE)
put(P, "same_twice", PIECES + piece("t", 5) + BPE)
put(P, "cut", (PIECES + BPE)[:-1])
put(P, "length_giant", varint(1 << 3 | 2) + varint(2**64 - 1) + b"a")
put(P, "varint_long", b"\x0a" + b"\xff" * 11)
put(P, "group", b"\x0b\x0c")
put(P, "wire_type_7", b"\x0f")

# Sessions: the documented one, every key, and older and newer schemas.
S = "session"
put(S, "example", (HERE.parent.parent / "unit/results/data/example.microtome.json").read_bytes())
put(S, "empty", {"schema": 1})
put(S, "newer", {"schema": 2})
put(S, "schema_0", {"schema": 0, "prompts": [{"id": "p1", "clean": "a", "corrupted": "b"}]})
put(S, "schema_0_malformed", {"schema": 0, "prompts": [{"id": "p1", "clean": "a", "corrupted": "b"}, 3, None]})
put(S, "every_key", {
    "schema": 1, "model": {"path": "../a", "sha256": "00", "dtype": "bfloat16", "device": "cuda:1", "processing": "processed"}, "threads": 4096, "seed": -3,
    "prompts": [{"id": "p", "clean": "a", "spans": {"S2": [-3, -1], "x": "y", "END": -1}, "prepend_bos": False, "label": "l", "group": "g"},
                {"id": "q", "clean_ids": [1], "corrupt_ids": [2], "answer_id": [3, 4], "foil": ["a", "b"]}],
    "interventions": [{"id": "i", "type": "noise", "target": "blocks.*.attn.hook_z", "positions": "role:S2,3,5-7,-1,last", "heads": [0, 3], "layers": [2], "strength": -0.5,
                       "source": "p", "seed": 9, "enabled": False},
                      {"id": "j", "type": "clamp_feature", "target": "L8.sae:res-jb.f5", "positions": "token: John"},
                      {"id": "k", "type": "edit_weight", "target": "blocks.0.mlp.W_out"}, {"id": "n", "type": "zero", "target": "L5.mlp.n12"}],
    "steps": [{"id": "s.1", "run": "logit-lens", "top_k": [1, {"x": None}]}], "exports": [{"step": "s.1", "data": "d.csv"}], "views": {"a": {"b": [1]}}, "notes": "two\nlines"})

# Prompt files: the first byte says pairs or prompts (2) and CSV or JSON lines (1).
S = "prompts"
put(S, "pairs_jsonl", b'\x02{"clean": "a b", "corrupt": "a c", "answer": " Mary", "foil": [" John", " Tom"]}\r\n\n{"clean_ids": [1, 2], "corrupt_ids": [1, 3], "answer_id": 5335, '
    b'"spans": {"IO": [2, 3], "s": "the", "END": -1}, "prepend_bos": false}')
put(S, "pairs_csv", b'\x03\xef\xbb\xbfclean,corrupt,answer,foil,spans,prepend_bos,label\r\n"Then, ""he"" said",b, Mary,"["" John"", "" Tom""]","{""S2"": [1, 2]}",true,yes\r\n'
    b'"two\nlines",b,[,,,,\r\n')
put(S, "prompts_jsonl", b'\x00{"text": "a", "label": 1}\n{"ids": [0, 2147483647], "label": true, "group": "g"}\n')
put(S, "prompts_csv", b'\x01ids,group\n"[3, 4]",7\n')
put(S, "open_quote", b'\x01text\n"a\nb')
put(S, "not_utf8", b'\x00{"text": "\xc3("}')
put(S, "empty", b"\x01")

# Results: a grid, one whose values are elsewhere, and the other kinds.
S = "result"
axes = [{"name": "layer", "labels": ["0", "1"]}, {"name": "position", "labels": ["When", " Mary"]}]
grid = {"kind": "grid", "help": "Effect", "unit": "logit difference", "diverging": True, "axes": axes, "shape": [2, 2], "values": [[0.1, None], [None, 3.0]],
        "mask": [[True, True], [True, False]], "sem": None, "minus_infinity": [2]}
put(S, "grid", {"schema": 1, "analysis": "activation-patching", "views": {"effect": grid}, "summary": {"clean": 3.55, "corrupt": None}, "warnings": ["one"], "complete": True})
put(S, "in_h5", {"schema": 1, "analysis": "a", "views": {"effect": {**grid, "values": {"h5": "/views/effect"}, "sem": {"h5": "/views/effect.sem"}}}, "summary": {}})
put(S, "others", {"schema": 1, "analysis": "a", "views": {
    "s": {"kind": "scalar", "help": "", "unit": "u", "value": None, "plus_infinity": [0]},
    "c": {"kind": "curve", "help": "", "unit": "", "x_name": "step", "x": [1, 2], "series": [{"name": "loss", "y": [0.5, None], "sem": [0.1, 0.2], "minus_infinity": [1]}]},
    "t": {"kind": "table", "help": "", "columns": [{"name": "token", "unit": ""}, {"name": "p", "unit": ""}], "rows": [["a", 1], ["b", None], [3, 0.5]], "plus_infinity": [3]},
    "g": {"kind": "graph", "help": "", "unit": "", "nodes": [{"id": "a", "kind": "head", "layer": 0, "head": 1, "label": "L0.H1"}, {"id": "b", "kind": "logits", "position": 3, "label": ""}],
          "edges": [{"source": "a", "target": "b", "score": 1.5, "exact": None}, {"source": "b", "target": "a", "score": None, "exact": 0.25}], "minus_infinity": [1]},
    "w": {"kind": "token_text", "help": "", "unit": "", "diverging": True, "tokens": ["a", ","], "values": [1, None]}}, "summary": {}, "warnings": [], "complete": False})

# Questions to h5/store, which has blocks.0.hook_resid_post and blocks.1.attn.hook_pattern.
S = "query"
for number, text in enumerate([
    "L1H1.pattern[prev] > 0.5", "L0.resid_post[3] top 20", "norm(L0.resid_post) > 12 and not (token = ' a' or position < 2)", "max(L1H0.pattern) >= 1 or id = 3",
    "L0.resid_post[1] - L0.resid_post[2] * 2 / 3 top 3 where text contains \"a b\"", "-(-(-1)) < abs(max(1, 2, min(3)))", "L1.H0.pattern[first] != 1e308 / 1e-308",
    "label = 'x'", "blocks.1.attn.hook_pattern[self] > 0", "((((((((1))))))))", "(" * 300, "not " * 300 + "id > 1", "-" * 300 + "1 > 0", "L99999999999.z[1] > 0",
    "token = 'a\\", "position > 1.2.3", "L0.resid_post[18446744073709551616] > 1", "prompt top 99999999999", "é > 1", "mean(L0.resid_post) = sum(L1H1.pattern)"]):
    put(S, f"{number:02}", text)

# HDF5: h5/store, h5/store_chosen and h5/result were written by the program (microtome cache, microtome attention-patterns); what follows is made from them or with h5py.
S = "h5"
store = (HERE / S / "store").read_bytes()
put(S, "empty", b"")
put(S, "signature", store[:8])
put(S, "cut", store[: len(store) // 2])
put(S, "cut_index", store[:2000])
put(S, "end_beyond", store[:40] + struct.pack("<Q", 2**40) + store[48:])
put(S, "root_elsewhere", store[:64] + struct.pack("<Q", 8) + store[72:])
try:
    import zlib

    import h5py
    import numpy
except ImportError:
    print("no h5py: the compressed files of h5 are left as they are")
else:

    def compressed(name, stream=None, rows=40, **filters):
        path = HERE / S / name
        with h5py.File(path, "w") as file:
            data = file.create_dataset("x", (rows, 4), "<f4", chunks=(16, 4), maxshape=(None, 4), track_times=False, **filters)
            data[:] = numpy.sin(numpy.arange(rows * 4, dtype="f4") ** 2).reshape(rows, 4)
            if stream is not None:
                data.id.write_direct_chunk((16, 0), stream)

    whole = bytes(range(256))
    compressed("gzip", compression=4)
    compressed("gzip_shuffled_checked", compression=9, shuffle=True, fletcher32=True)
    compressed("checked", fletcher32=True)
    compressed("chunk_short", zlib.compress(whole[:7]), compression=4)
    compressed("chunk_long", zlib.compress(whole + b"more"), compression=4)
    compressed("chunk_huge", zlib.compress(bytes(1 << 20)), compression=4)
    compressed("chunk_cut", zlib.compress(whole)[:-30], compression=4)
    compressed("chunk_damaged", zlib.compress(whole)[:-4] + b"\0\0\0\0", compression=4)
    compressed("chunk_of_checksum_only", b"\0\0\0\0", compression=4, fletcher32=True)
    compressed("chunk_checked_short", zlib.compress(whole) + b"\0\0\0\0", compression=4, fletcher32=True)
# Chat templates: the golden ones, and lines of expressions.
S = "jinja"
chat = json.loads((HERE.parent.parent / "golden/tokenizers/chat/golden.json").read_text())
for name, text in chat["templates"].items():
    put(S, name, text)
for i, (text, _) in enumerate(chat["expressions"] + chat["errors"]):
    put(S, f"line_{i:02}", text)

def llama2c(dim, hidden, layers, heads, kv, vocab, seq, floats=None, extra=b""):
    d, v, narrow = dim, abs(vocab), dim // max(heads, 1) * kv
    n = v * d + layers * (2 * d + 2 * d * d + 2 * narrow * d + 3 * hidden * d) + d + seq * (dim // max(heads, 1) // 2) * 2 + (v * d if vocab < 0 else 0)
    return struct.pack("<7i", dim, hidden, layers, heads, kv, vocab, seq) + bytes(4 * (n if floats is None else floats)) + extra


L = "llama2c_model"
put(L, "shared", llama2c(4, 6, 2, 2, 1, 5, 3))
put(L, "own_unembedding", llama2c(4, 6, 1, 2, 2, -5, 3))
put(L, "one_float_short", llama2c(4, 6, 1, 2, 2, 5, 3)[:-4])
put(L, "one_byte_more", llama2c(4, 6, 1, 2, 2, 5, 3, extra=b"x"))
put(L, "header_only", llama2c(4, 6, 1, 2, 2, 5, 3, floats=0))
put(L, "no_heads", llama2c(4, 6, 1, 0, 0, 5, 3, floats=9))
put(L, "negative", llama2c(-4, 6, 1, 2, 2, 5, 3, floats=9))
put(L, "smallest_vocabulary", llama2c(4, 6, 1, 2, 2, -2**31, 3, floats=9))
put(L, "largest", llama2c(2**31 - 1, 2**31 - 1, 2**31 - 1, 1, 1, 2**31 - 1, 2**31 - 1, floats=9))
put(L, "many_layers", llama2c(4, 6, 1000000, 2, 2, 5, 3, floats=9))
put(L, "heads_do_not_divide", llama2c(4, 6, 1, 3, 1, 5, 3, floats=99))
put(L, "odd_head", llama2c(6, 6, 1, 2, 2, 5, 3, floats=300))
put(L, "empty", b"")
put(L, "seven_sizes_cut", b"\4\0\0\0\6\0")
