"""Trains a small translator: ``train.py HPM FOLDER``.

For each symbol of the translation it sees some symbols before it and some of the source, and
learns which one comes next by logistic regression. After each pass over the data it leaves a
checkpoint ``params.N``, a line in ``metrics``, and the link ``params.best`` to the best one.
"""

import json
import math
import random
import shutil
import sys
import time
import zlib
from collections import Counter
from pathlib import Path

from hpm import pair, read_hpm

END = "</s>"
PASSES = 3


class Model:
    """Logistic regression over hashed features.

    ``context`` is how many symbols it sees: of the source around the place, and before it.
    """

    def __init__(self, symbols, features, context):
        self.symbols = symbols
        self.weights = {symbol: [0.0] * features for symbol in symbols}
        self.size = features
        self.around, self.before = (int(part) for part in context.split(":"))

    def seen(self, source, target, place):
        """The numbers of the features at one place of the translation."""
        last = target[max(0, place - self.before) : place]
        names = [f"{len(last) - index}:{symbol}" for index, symbol in enumerate(last)]
        for index in range(max(0, place - self.around), place + self.around):
            symbol = source[index] if index < len(source) else END
            names += [f"s{index - place}:{symbol}", f"s{index - place}:{symbol}:{last[-1:]}"]
        names += [f"any:{symbol}:{last[-1:]}" for symbol in source] + ["bias"]
        return [zlib.crc32(name.encode()) % self.size for name in names]

    def chances(self, features):
        """How likely each symbol is."""
        scores = {name: sum(row[f] for f in features) for name, row in self.weights.items()}
        most = max(scores.values())
        parts = {name: math.exp(score - most) for name, score in scores.items()}
        total = sum(parts.values())
        return {name: part / total for name, part in parts.items()}

    def learn(self, features, wanted, rate):
        """One step of gradient descent; return the loss before it."""
        chances = self.chances(features)
        for name, chance in chances.items():
            error = (name == wanted) - chance
            if abs(error) > 0.01:
                row = self.weights[name]
                for feature in features:
                    row[feature] += rate * error
        return -math.log(max(chances[wanted], 1e-12))

    def translate(self, source, most=30):
        """The most likely translation, symbol by symbol."""
        target = []
        while len(target) < most:
            chances = self.chances(self.seen(source, target, len(target)))
            best = max(chances, key=lambda name: (chances[name], name))
            if best == END:
                break
            target.append(best)
        return target


def in_a_row(words, count):
    """How often each sequence of so many words is there."""
    starts = range(1 + len(words) - count)
    return Counter(tuple(words[start : start + count]) for start in starts)


def bleu(pairs):
    """BLEU (0 to 100) over words, with up to two in a row."""
    matched, total = Counter(), Counter()
    lengths = [0, 0]
    for found, wanted in pairs:
        words, right = "".join(found).split("_"), "".join(wanted).split("_")
        lengths = [lengths[0] + len(words), lengths[1] + len(right)]
        for order in (1, 2):
            mine, theirs = (in_a_row(text, order) for text in (words, right))
            matched[order] += sum((mine & theirs).values())
            total[order] += sum(mine.values())
    if not all(matched[order] for order in (1, 2)):
        return 0.0
    short = min(0.0, 1 - lengths[1] / lengths[0])
    logs = sum(math.log(matched[order] / total[order]) for order in (1, 2))
    return 100 * math.exp(short + logs / 2)


def main(path, folder):
    began = time.time()
    hpm = read_hpm(path)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, folder / "hyperparams.txt")
    data = json.loads(pair(hpm).read_text())
    symbols = sorted({symbol for _, target in data["train_tok"] for symbol in target} | {END})
    model = Model(symbols, int(hpm["features"]), hpm["context"])
    rate = float(hpm["initial_learning_rate"])
    best = -1.0
    (folder / "metrics").write_text("")
    for number in range(1, PASSES + 1):
        loss = count = 0
        random.Random(number).shuffle(data["train_tok"])
        for source, target in data["train_tok"]:
            for place, wanted in enumerate([*target, END]):
                loss += model.learn(model.seen(source, target, place), wanted, rate)
                count += 1
        score = bleu((model.translate(source), target) for source, target in data["valid_tok"])
        (folder / f"params.{number:05d}").write_text(json.dumps(model.weights))
        if score > best:
            best = score
            (folder / "params.best").unlink(missing_ok=True)
            (folder / "params.best").symlink_to(f"params.{number:05d}")
        found = {
            "perplexity-train": f"{math.exp(loss / count):.4f}",
            "bleu-val": f"{score:.4f}",
            "time-elapsed": f"{time.time() - began:.2f}",
        }
        line = "\t".join(f"{name}={value}" for name, value in found.items())
        with (folder / "metrics").open("a") as metrics:
            metrics.write(f"{number}\t{line}\n")
        print(f"checkpoint {number}\t{line}", flush=True)
        rate *= 0.7


main(sys.argv[1], Path(sys.argv[2]))
