"""hpogrid: hyperparameter optimisation as many jobs, anywhere, and nothing lost."""

from hpogrid._version import VERSION as __version__

__all__ = ["__version__"]
