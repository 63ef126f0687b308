"""The grid search of the specification, on a copy of example/grid_search."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

from hpogrid.report.load import load_sources
from hpogrid.report.results import Objective
from tests.docs.pages import ROOT

BLEU = Objective("bleu-val", "max")
STAGES = [
    *("--prep", "python3 prep.py vocab {hpm} src", "--prep_keys", "bpe_symbols_src"),
    *("--prep", "python3 prep.py vocab {hpm} trg", "--prep_keys", "bpe_symbols_trg"),
    *("--prep", "python3 prep.py pair {hpm}", "--prep_keys", "bpe_symbols_src,bpe_symbols_trg"),
]
TRAIN = ("--command", "train.sh -p {hpm}")

PREPARED = Counter({"vocab num 20": 1, "vocab num 5": 1, "vocab en 30": 1, "pair": 2})
"""2 + 1 vocabularies and 2 pairs, each once."""


class Recipe:
    """A copy of the example whose scripts leave a line for each time that they run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trace = folder.parent / "trace"
        before = os.umask(0)  # jobs may run as somebody else
        shutil.copytree(ROOT / "example" / "grid_search", folder)
        self.trace.touch()
        os.umask(before)
        prep = folder / "prep.py"
        text = prep.read_text()
        note = (
            f"with open({str(self.trace)!r}, 'a') as trace:\n"
            "    hpm, what, side = read_hpm(sys.argv[2]), sys.argv[1], [*sys.argv, ''][3]\n"
            "    which = [hpm[side], hpm[f'bpe_symbols_{side}']] if side else []\n"
            "    trace.write(' '.join([what, *which]) + '\\n')\n\n"
        )
        assert text.count("\nmain(") == 1
        prep.write_text(text.replace("\nmain(", f"\n{note}main("))
        train = folder / "train.sh"
        train.write_text(
            train.read_text().replace("exec ", f'echo "train $2" >>{self.trace}\nexec ')
        )

    def ran(self) -> tuple[Counter[str], list[str]]:
        """How often each preparation ran, and which files were trained."""
        lines = self.trace.read_text().splitlines()
        trained = [line.removeprefix("train ") for line in lines if line.startswith("train ")]
        return Counter(line for line in lines if not line.startswith("train ")), trained

    @staticmethod
    def check_models(folder: Path) -> None:
        """The models below a folder, as ``hpogrid analyze`` reads them: all points, each once."""
        (source,) = load_sources(str(folder), objectives=(BLEU,))
        assert source.warnings == []
        trials = list(source.study)
        points = {tuple(sorted(trial.applied.items())) for trial in trials}
        assert len(points) == len(trials) == 16
        assert {trial.applied["context"] for trial in trials} == {"1:1", "2:2"}
        assert {trial.applied["features"] for trial in trials} == {64, 1024}
        assert all(len(trial.reports) == 3 for trial in trials)
        assert min(trial.metrics["bleu-val"] for trial in trials) > 10
        assert max(trial.metrics["bleu-val"] for trial in trials) > 60
