"""Times Hugging Face's `tokenizers` on the file that bench_tokenizers reads, on one thread (CPU time).

    python time_tokenizers.py SHARED
"""
import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import pathlib
import sys
import time

from tokenizers import Tokenizer

shared = pathlib.Path(sys.argv[1])
data = (shared / "data/wikitext-2/test.txt").read_bytes()
text = data.decode()
for folder in ("tokenizers/gpt2", "tokenizers/gpt-neox-20b", "models/tinystories-656k"):
    tokenizer = Tokenizer.from_file(str(shared / folder / "tokenizer.json"))
    tokenizer.no_truncation()
    seconds = {}
    for name, work in (("encode", lambda: tokenizer.encode(text)), ("decode", lambda ids=tokenizer.encode(text).ids: tokenizer.decode(ids))):
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            work()
            best = min(best, time.process_time() - start)
        seconds[name] = best
    print(f"{pathlib.Path(folder).name}: " + ", ".join(f"{k} {len(data) / s / 1e6:.2f} MB/s" for k, s in seconds.items()))
