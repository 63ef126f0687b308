"""Prepares the data: ``prep.py vocab HPM SIDE`` learns a vocabulary, ``prep.py pair HPM`` encodes.

A vocabulary is learnt by byte pair encoding: the most frequent pair of neighbouring symbols
becomes a symbol of its own, again and again.
"""

import json
import os
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

from hpm import pair, read_hpm, vocabulary

SPACE = "_"


def sentences(hpm, data, side):
    """The sentences of ``train_tok`` or ``valid_tok``, each a list of characters."""
    lines = Path(f"{hpm[data]}.{hpm[side]}").read_text().splitlines()
    return [list(line.replace(" ", SPACE) + SPACE) for line in lines]


def join(symbols, first, second):
    """The symbols with every neighbouring ``first`` and ``second`` made one."""
    joined = []
    for symbol in symbols:
        if joined and joined[-1] == first and symbol == second:
            joined[-1] = first + second
        else:
            joined.append(symbol)
    return joined


def learn(texts, count):
    """The pairs to join, in order."""
    merges = []
    for _ in range(count):
        pairs = Counter(two for text in texts for two in pairwise(text))
        if not pairs:
            break
        best = max(pairs, key=lambda two: (pairs[two], two))
        texts = [join(text, *best) for text in texts]
        merges.append(best)
    return merges


def encode(texts, merges):
    """Sentences in the symbols of a vocabulary."""
    for first, second in merges:
        texts = [join(text, first, second) for text in texts]
    return texts


def write(path, data):
    """Write JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(data))
    draft.replace(path)
    print("wrote", path)


def main(what, path, side=None):
    hpm = read_hpm(path)
    if what == "vocab":
        texts = sentences(hpm, "train_tok", side)
        write(vocabulary(hpm, side), learn(texts, int(hpm[f"bpe_symbols_{side}"])))
        return
    merges = {name: json.loads(vocabulary(hpm, name).read_text()) for name in ("src", "trg")}
    encoded = {}
    for data in ("train_tok", "valid_tok"):
        source, target = (encode(sentences(hpm, data, name), merges[name]) for name in merges)
        encoded[data] = list(zip(source, target, strict=True))
    write(pair(hpm), encoded)


main(*sys.argv[1:])
