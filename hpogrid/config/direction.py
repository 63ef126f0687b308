"""Which way a metric is better, as its name says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hpogrid.search.base import Mode

_HIGH = {
    "acc", "accuracy", "accuracies", "auc", "auroc", "auprc", "ap", "map", "precision", "recall",
    "f1", "fscore", "dice", "iou", "miou", "jaccard", "r2", "reward", "return", "returns",
    "score", "bleu", "rouge", "meteor", "psnr", "ssim", "mcc", "kappa", "ndcg", "mrr", "hit",
    "hits", "top1", "top5", "sensitivity", "specificity", "likelihood", "elbo", "gain",
    "profit", "throughput", "efficiency", "significance", "correct", "correlation", "spearman",
    "pearson",
}  # fmt: skip
_LOW = {
    "loss", "losses", "err", "error", "errors", "mse", "rmse", "mae", "mape", "rmsle", "msle",
    "perplexity", "ppl", "nll", "bce", "crossentropy", "cost", "regret", "time",
    "seconds", "runtime", "latency", "duration", "wer", "cer", "fid", "kl", "kld", "divergence",
    "distance", "deviation", "misclassification", "brier", "ece", "logloss", "hinge", "bpc",
    "memory", "flops",
}  # fmt: skip
_TURNED = {"neg", "negative", "minus"}


def direction(metric: str) -> Mode | None:
    """Whether smaller or larger values of a metric are better; None: its name does not say.

    The last word that says anything decides: ``accuracy_loss`` is a loss.
    """
    words = _words(metric)
    for word in reversed(words):
        if word in _HIGH or word in _LOW:
            high = (word in _HIGH) != bool(_TURNED & set(words))
            return "max" if high else "min"
    return None


def default_modes(metrics: Sequence[str]) -> tuple[str, list[str]]:
    """The mode where nobody gives one, and how it came about.

    Args:
        metrics: the names; one that says nothing is maximised, as ``accuracy`` is.
    """
    modes, notes = [], []
    for metric in metrics:
        known = direction(metric)
        modes.append(known or "max")
        better = "larger" if modes[-1] == "max" else "smaller"
        reason = f"{metric} is better when {better}" if known else f"nothing is said of {metric}"
        notes.append(f"mode {modes[-1]}: {reason}")
    return ",".join(modes), notes


def _words(metric: str) -> list[str]:
    apart = re.sub(r"([a-z0-9])([A-Z][a-z])", r"\1_\2", metric)
    return [word for word in re.split(r"[^a-z0-9]+", apart.lower()) if word]
