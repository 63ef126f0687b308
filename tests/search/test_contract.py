"""The contract that every search algorithm keeps, run over the whole registry."""

from __future__ import annotations

import itertools
import pickle
import random
from collections import Counter
from typing import Any

import pytest

from hpogrid.search.auto import AutoSearcher
from hpogrid.search.base import BaseSearcher, Outcome, Searcher
from hpogrid.search.gp import GpSearcher
from hpogrid.search.prior import read_prior
from hpogrid.search.proposer import Proposer
from hpogrid.space.latent import Category, IntegerRange, Unit
from hpogrid.space.parameter import Categorical, Constant, Float, Integer
from hpogrid.space.scale import Linear, Log
from hpogrid.space.space import Space
from hpogrid.space.value import as_number
from tests.search.spaces import (
    SLOW,
    VARIANTS,
    example_space,
    finite_space,
    live,
    make,
    methods_space,
    outcome,
    replay,
    some,
)


def inner(searcher: Searcher) -> BaseSearcher:
    """The searcher itself, or what `auto` chose."""
    chosen = searcher._chosen if isinstance(searcher, AutoSearcher) else searcher
    assert isinstance(chosen, BaseSearcher)
    return chosen


def mixed_loss(config: dict[str, Any]) -> float | None:
    """Fails for one category; otherwise better for small numbers."""
    if config["layers"] == 3:
        return None
    return float(config["uniform"] ** 2 / 100 + config["uniformint"] + config["quniform"])


def mixed_space() -> Space:
    """One axis of each kind; one has a lattice, one a log scale, one a condition."""
    parameters = methods_space().parameters
    names = ["uniform", "uniformint", "quniform", "loguniform", "layers", "depth"]
    return Space({name: parameters[name] for name in names})


def check_alike(lived: Proposer, replayed: Proposer, count: int) -> None:
    """They go on with the same points."""
    for _ in range(count):
        expected, found = lived.ask(), replayed.ask()
        assert expected is not None
        assert found == expected
        for proposer in (lived, replayed):
            proposer.tell(expected.suggested, outcome(mixed_loss(expected.applied)))


def _marked(variant: str) -> Any:
    return pytest.param(variant, marks=pytest.mark.engine) if variant in SLOW else variant


@pytest.mark.parametrize("variant", [_marked(variant) for variant in VARIANTS])
class TestContract:
    def test_expresses_every_method(self, variant: str) -> None:
        space = methods_space()
        proposer = Proposer(space, make(variant, space))
        trials = some(variant, 16, 40)
        seen = live(proposer, mixed_loss, trials)

        assert len(seen) == trials
        for point, _ in seen:
            assert set(point.applied) == set(space.parameters)
            decoded = space.apply({**_middle(space), **point.suggested})
            assert decoded.key == point.key
            space.encode(point.suggested)  # inside the closed bounds and on the lattice
            assert ("depth" in point.suggested) == (point.applied["layers"] == "deep")
            assert type(point.applied["uniformint"]) is int
            assert type(point.applied["uniform"]) is float
            assert point.applied["one.value"] == 5
        pairs = zip(seen[::2], seen[1::2], strict=True)
        for (first, _), (second, _) in pairs:
            assert [first.applied["crossed"], second.applied["crossed"]] == ["a", "b"]
            assert {**first.applied, "crossed": "b"} == second.applied

    def test_latents_are_plain_numbers_inside_their_axes(self, variant: str) -> None:
        space = mixed_space()
        searcher = make(variant, space)
        rng = random.Random(4)
        for _ in range(some(variant, 8, 30)):
            latents = searcher.suggest()
            assert latents is not None
            assert set(latents) == set(space.axes)
            for name, axis in space.axes.items():
                match axis:
                    case Unit():
                        assert type(latents[name]) is float
                        assert 0.0 <= latents[name] <= 1.0
                    case IntegerRange():
                        assert type(latents[name]) is int
                        assert axis.low <= latents[name] <= axis.high
                    case Category():
                        assert type(latents[name]) is int
                        assert 0 <= latents[name] < axis.count
            canonical = space.encode(space.decode(latents).suggested)
            searcher.start(canonical)
            searcher.observe(canonical, Outcome((rng.random(),)))

    def test_proposes_all_of_a_finite_space_once(self, variant: str) -> None:
        space = finite_space()
        proposer = Proposer(space, make(variant, space))
        running = [proposer.ask() for _ in range(3)]
        seen = []
        while running:
            point = running.pop(0)
            assert point is not None
            seen.append(point.key)
            proposer.tell(point.suggested, Outcome((float(len(seen)),)))
            if (another := proposer.ask()) is not None:
                running.append(another)

        assert len(seen) == len(set(seen)) == space.size() == 8
        assert proposer.ask() is None

    def test_accepts_what_it_never_proposed(self, variant: str) -> None:
        space = mixed_space()
        searcher = make(variant, space)
        rng = random.Random(5)
        corners: list[dict[str, float | int]] = [{}, {}]
        for name, axis in space.axes.items():
            ends = (0.0, 1.0) if isinstance(axis, Unit) else (0, 15)
            if isinstance(axis, Category):
                ends = (0, axis.count - 1)
            elif isinstance(axis, IntegerRange):
                ends = (axis.low, axis.high)
            corners[0][name], corners[1][name] = ends
        foreign = [*corners, *(space.encode(space.sample(rng).suggested) for _ in range(10))]
        for number, point in enumerate(foreign):
            searcher.observe(point, Outcome((float(number),)))

        latents = searcher.suggest()

        assert latents is not None
        assert set(latents) == set(space.axes)

    @pytest.mark.parametrize("early", [False, True])
    def test_goes_on_after_a_replay_as_if_it_had_lived_through_it(
        self, variant: str, early: bool
    ) -> None:
        space = mixed_space()
        trials = some(variant, 9, 30)
        lived = Proposer(space, make(variant, space))
        history = live(lived, mixed_loss, trials, early=early)
        assert any(ended.values is None for _, ended in history)
        replayed = Proposer(space, make(variant, space))
        replay(replayed, history)

        check_alike(lived, replayed, 2)

    @pytest.mark.parametrize("early", [False, True])
    def test_goes_on_after_a_replay_with_a_prior(self, variant: str, early: bool) -> None:
        space = mixed_space()
        prior = read_prior({"uniform": 20, "quniform": 0.5, "layers": "deep", "depth": 9}, space)
        trials = some(variant, 9, 30)
        lived = Proposer(space, make(variant, space, prior=prior), prior.first)
        history = live(lived, mixed_loss, trials, early=early)
        assert history[0][0].applied["uniform"] == 20
        assert history[0][0].applied["depth"] == 9
        replayed = Proposer(space, make(variant, space, prior=prior))
        replay(replayed, history)

        check_alike(lived, replayed, 3)

    def test_a_prior_is_followed_where_it_is_right(self, variant: str) -> None:
        space = mixed_space()
        prior = read_prior({"uniform": 50, "layers": "deep"}, space)
        near = Counter[int]()
        for best, seed in itertools.product((50, -50), range(some(variant, 2, 5))):

            def loss(config: dict[str, Any], best: int = best) -> float:
                return abs(float(config["uniform"]) - best)

            searcher = make(variant, space, seed, prior=prior)
            seen = live(Proposer(space, searcher, prior.first), loss, 12)
            near[best] += sum(abs(as_number(point.applied["uniform"]) - 50) < 30
                              for point, _ in seen)  # fmt: skip

        if variant == "grid":
            assert near[50] == near[-50]
        else:
            assert near[50] > near[-50]

    def test_the_seed_decides(self, variant: str) -> None:
        space = mixed_space()
        trials = some(variant, 7, 20)
        runs = [
            [
                point.key
                for point, _ in live(
                    Proposer(space, make(variant, space, seed)), mixed_loss, trials
                )
            ]
            for seed in (1, 1, 2)
        ]

        assert runs[0] == runs[1]
        assert (runs[0] == runs[2]) == (variant == "grid")

    def test_survives_pickling(self, variant: str) -> None:
        space = mixed_space()
        proposer = Proposer(space, make(variant, space))
        live(proposer, mixed_loss, 6)
        running = proposer.ask()
        assert running is not None

        copy = pickle.loads(pickle.dumps(proposer))

        for each in (proposer, copy):
            each.tell(running.suggested, Outcome((0.5,)))
        assert copy.ask() == proposer.ask()

    def test_failures_are_told_as_the_worst_seen_so_far(
        self, variant: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        space = example_space()
        searcher = make(variant, space, modes=("max",))
        told: list[float] = []
        kind = type(inner(searcher))
        real = kind._tell

        def spy(self: Any, point: Any, losses: tuple[float, ...]) -> None:
            told.extend(losses)
            real(self, point, losses)

        monkeypatch.setattr(kind, "_tell", spy)
        proposer = Proposer(space, searcher)
        values: list[float | None] = [None, None, 3.0, float("nan"), -5.0, None, 7.0, float("inf")]
        for value in values:
            point = proposer.ask()
            assert point is not None
            proposer.tell(point.suggested, outcome(value))

        if kind._fail is BaseSearcher._fail:
            assert told == [-3.0, -3.0, -3.0, -3.0, 5.0, 5.0, -7.0, 5.0]
        else:  # it knows better
            assert told == [-3.0, 5.0, -7.0]

    def test_a_searcher_that_only_failed_goes_on(self, variant: str) -> None:
        space = example_space()
        seen = live(Proposer(space, make(variant, space)), lambda config: None, 9)

        assert len({point.key for point, _ in seen}) == 9

    @pytest.mark.parametrize("losses", [[2.0], [1e300, -1e300, 0.0], [1e-300, 0.0]])
    def test_odd_losses_do_not_stop_it(self, variant: str, losses: list[float]) -> None:
        space = example_space()
        proposer = Proposer(space, make(variant, space))
        for number in range(9):
            point = proposer.ask()
            assert point is not None
            proposer.tell(point.suggested, Outcome((losses[number % len(losses)],)))

    @pytest.mark.parametrize("cut_first", [False, True])
    def test_a_cut_trial_is_told_as_what_it_would_have_come_to(
        self, variant: str, cut_first: bool
    ) -> None:
        space = mixed_space()
        early, late = make(variant, space), make(variant, space)
        rng = random.Random(6)
        points = [space.encode(space.sample(rng).suggested) for _ in range(14)]
        whole = [(point, Outcome((n,), ((1.0, (n + 10.0,)), (4.0, (n,))))) for n, point in
                 enumerate(points[:8])]  # fmt: skip
        cut = [
            (point, Outcome((10.0 + n,), ((1.0, (10.0 + n,)),), cut=True))
            for n, point in enumerate(points[8:], start=8)
        ]
        chosen = inner(early)
        if isinstance(chosen, GpSearcher):
            return  # to it the resource is an axis: tests/search/test_gp.py
        if chosen.multifidelity:
            for point, told in cut:
                early.start(point)
                early.report(point, Outcome(told.values), 1.0)
                early.observe(point, told)
            assert list(getattr(chosen, "_results")) == [1.0]  # noqa: B009
            return
        if cut_first and type(chosen)._retell is BaseSearcher._retell:
            return  # it cannot take back what it was told
        if cut_first and VARIANTS[variant][1].get("sampler") in ("cmaes", "nsga2"):
            return
        order = cut + whole if cut_first else whole + cut
        for point, told in order:
            early.observe(point, told)
        for point, told in order:
            assert told.values is not None
            late.observe(point, Outcome((told.values[0] - 10.0 * told.cut,)))

        for _ in range(2):
            first, second = early.suggest(), late.suggest()
            assert first == second

    def test_running_points_are_not_proposed_again(self, variant: str) -> None:
        space = Space({"x": Float(scale=Linear(0, 1)), "n": Float(scale=Log(1, 10))})
        proposer = Proposer(space, make(variant, space))
        live(proposer, lambda config: float(config["x"]), 6)

        running = [proposer.ask() for _ in range(3)]

        assert len({point.key for point in running if point is not None}) == 3

    def test_a_space_without_a_choice_has_one_point(self, variant: str) -> None:
        space = Space(
            {
                "a": Constant(value=[1]),
                "b": Integer(scale=Linear(2, 2)),
                "c": Categorical(choices=("x",)),
            }
        )
        proposer = Proposer(space, make(variant, space))

        point = proposer.ask()

        assert point is not None
        assert point.applied == {"a": [1], "b": 2, "c": "x"}
        assert proposer.ask() is None

    def test_a_dropped_proposal_leaves_nothing(self, variant: str) -> None:
        space = example_space()
        searcher = make(variant, space)
        for _ in range(3):
            searcher.suggest()
        point = space.encode({"height": 1.0, "width": 2.0})
        searcher.observe(point, Outcome((1.0,)))

        assert inner(searcher)._pending == {}
        assert getattr(inner(searcher), "_running", {}) == {}


def _middle(space: Space) -> dict[str, Any]:
    """A value for every searched parameter."""
    latents = {name: 0.5 if isinstance(axis, Unit) else 0 for name, axis in space.axes.items()}
    return {name: space.parameters[name].decode(latent) for name, latent in latents.items()}
