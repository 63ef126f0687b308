"""The generators of random numbers that a trial finds seeded."""

from __future__ import annotations

import importlib.util
import random
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Callable, Optional

_SEEDERS: dict[str, Callable[[Any, int], object]] = {
    "numpy": lambda numpy, seed: numpy.random.seed(seed % 2**32),
    "torch": lambda torch, seed: torch.manual_seed(seed),
}


def seed_everything(seed: int) -> None:
    """Seed Python's generator, and NumPy's and PyTorch's: now, or when the trial imports them."""
    random.seed(seed)
    _later.seed = seed
    for name, seeder in _SEEDERS.items():
        if name in sys.modules:
            seeder(sys.modules[name], seed)
    if _later not in sys.meta_path:
        sys.meta_path.insert(0, _later)


class _Later:
    """Seeds a library with the seed of the present trial when it has been imported.

    Without it the first trial of a worker would have other random numbers than the same trial
    anywhere else, if its function imports the library.
    """

    def __init__(self) -> None:
        self.seed = 0
        self._looking = False

    def find_spec(
        self,
        name: str,
        path: Optional[Sequence[str]] = None,  # noqa: UP045 (3.9)
        target: Optional[ModuleType] = None,  # noqa: UP045 (3.9)
    ) -> Optional[ModuleSpec]:  # noqa: UP045 (3.9)
        """What Python finds without us, so that it is seeded behind its import."""
        if name not in _SEEDERS or self._looking:
            return None
        self._looking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._looking = False
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def load_and_seed(module: ModuleType) -> None:
            load(module)
            _SEEDERS[name](module, self.seed)

        spec.loader.exec_module = load_and_seed  # type: ignore[method-assign]
        return spec


_later = _Later()
