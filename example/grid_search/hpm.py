"""Reads .hpm files: lines of NAME='VALUE', as a shell sources them."""

import shlex
from pathlib import Path


def read_hpm(path):
    """The values by their names, as text."""
    words = shlex.split(Path(path).read_text())
    return dict(word.split("=", 1) for word in words)


def data_folder(hpm):
    """Where the prepared data of all models are."""
    return Path(hpm["workdir"], "data-bpe")


def vocabulary(hpm, side):
    """The file with the vocabulary of ``src`` or ``trg``."""
    return data_folder(hpm) / f"vocab.{hpm[side]}.{hpm[f'bpe_symbols_{side}']}.json"


def pair(hpm):
    """The file with the encoded data of a pair of vocabularies."""
    return data_folder(hpm) / f"pair.{hpm['bpe_symbols_src']}-{hpm['bpe_symbols_trg']}.json"
