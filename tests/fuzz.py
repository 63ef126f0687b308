"""Fuzzing of everything that reads what people write.

    python -m tests.fuzz --seconds 300

Each property hands a parser what hypothesis draws: data, damaged spaces, text made of the
parser's own words. It must be read or be refused in one sentence; what is read must mean
something (its points are in the space) and come back the same when it is written. The command
prints how many examples each property saw, and ends with 1 when one of them failed.
"""

from __future__ import annotations

import argparse
import copy
import functools
import json
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import msgspec
from hypothesis import strategies as st

from hpogrid.config.reading.script import read_script
from hpogrid.config.schemas import SCHEMAS
from hpogrid.config.store import read_config
from hpogrid.errors import UserError
from hpogrid.files import parse_json
from hpogrid.search.points import complete
from hpogrid.space.dialects import DIALECTS, read_space, render_space, write_space
from hpogrid.space.jsonnet import parse_jsonnet
from hpogrid.space.space import Space
from hpogrid.space.template import read_template
from hpogrid.trial import placeholders
from hpogrid.yamlfile import dump_yaml, parse_yaml
from tests.space import strategies as some
from tests.space.attempts import attempt


@dataclass(frozen=True)
class Property:
    """What is drawn, and what has to hold for it."""

    drawn: st.SearchStrategy[Any]
    check: Callable[[Any], None]


spaces = st.one_of(
    some.plain_spaces(),
    some.plain_spaces(some.floats),
    some.plain_spaces(some.categoricals() | some.constants),
    some.conditional_spaces(),
)
seeds = st.integers(0, 2**32)


def words(text: str, *more: str) -> st.SearchStrategy[str]:
    """Text made of some words, of numbers, and now and then of anything."""
    common = ["0", "1", "-", "2.5", "1e-3", "1e999", " ", "\n", ",", ":", "'", '"', "\\", "ä"]
    return st.lists(
        st.sampled_from([*text.split(), *more, *common]) | st.text(max_size=2), max_size=14
    ).map("".join)


TEXTS = {
    "native": words('{ } [ ] "version" "parameters" "type" "float" "scale" "low" "when" null'),
    "method_dimension": words(
        '{ } "x" "method" "dimension" "uniform" "low" "high" "q" "categories" [ ] true'
    ),
    "yaml_grid": words("a b - [ ] { } const yes 4:2 010 & * ! | > # ? null ~ << 0x1F", "\n  "),
    "hyper_opt": words(
        "{ } [ ] a hyper_opt suggest params int float low high step dependency on type "
        "multiply optimize_iff conditions local = ; + std. // /* */ :"
    ),
    "overrides": words(
        "a= b.c= + ++ ~ interval( choice( range( tag( sort( shuffle( glob( int( float( str( bool( "
        "log ) [ ] { } ${ } null true nan inf start= stop= reverse= -m hydra/sweeper="
    ),
    "ranges": words(
        'a= b.c~ 1 : , 1e-5:1e-2 :log :int :float :step= "x" { } loguniform( ) -', "\n  "
    ),
    "python_types": words(
        "{ } [ ] ( ) 'a' uniform( loguniform( randint( choice( ordinal( finrange( lambda x.y = "
        "kind= ** * None True import from def if not #"
    ),
    "wandb": words(
        "parameters: method: {min: max: value: values: [ ] } a b distribution: uniform q: 1", "\n  "
    ),
    "nni": words('{ } [ ] "a" "_type" "_value" "uniform" "choice" "randint" "quniform" : ,'),
    "idds": words(
        '{ } [ ] "points" "opt_space" "method" "dimension" "a" "uniform" "low" "high" "segment"'
    ),
}


# --- spaces ----------------------------------------------------------------------------------


def check_space(found: tuple[Space, list[str]], dialect: str | None) -> None:
    """A space that was read has points, its native form, and comes back from its dialect."""
    space, notes = found
    assert all(isinstance(note, str) for note in notes)
    assert Space.from_json(json.loads(json.dumps(space.to_json()))) == space
    for seed in range(2):
        point, refusal = attempt(space.sample, random.Random(seed))
        if refusal is not None:
            assert "out of range" in refusal
            continue
        json.loads(json.dumps(point.applied, allow_nan=False))
        _, refusal = attempt(encoded, space, point.suggested)
        if refusal is not None:  # of a distribution without an end, one draw in very many
            assert "too far out for this distribution" in refusal
            continue
        assert complete(point.suggested, space, "point").suggested == point.suggested
    if dialect is not None:
        written, refusal = attempt(write_space, space, dialect)
        if refusal is None:
            assert read_space(written, "again", dialect)[0] == space


def read_or_refuse(data: Any, dialect: str | None) -> None:
    """A space is read, or refused in one sentence that says where."""
    found, refusal = attempt(read_space, data, "fuzz", dialect)
    if refusal is None:
        check_space(found, dialect)
    else:
        assert refusal.startswith("fuzz: ")
        assert "\n" not in refusal


def damaged_or_refused(dialect: str) -> Callable[[Any], None]:
    """A space that is written in a dialect, with one thing changed, as data and as text."""

    def check(drawn: tuple[Space, int]) -> None:
        data, refusal = attempt(render_space, drawn[0], dialect)
        if refusal is not None:
            return
        rng = random.Random(drawn[1])
        text = write_space(drawn[0], dialect)
        for one in (data, text):
            read_or_refuse(damaged(one, rng), dialect)
            read_or_refuse(damaged(one, rng), None)

    return check


def damaged(data: Any, rng: random.Random) -> Any:
    """A copy with one thing changed."""
    if isinstance(data, str):
        place = rng.randrange(len(data) + 1)
        kind = rng.choice(["cut", "double", "put"])
        if kind == "cut":
            return data[:place] + data[place + rng.randint(1, 3) :]
        if kind == "double":
            return data[:place] + data[max(0, place - 4) :]
        return data[:place] + rng.choice("()[]{},:='\"\\ \n0-.e$~+#") + data[place:]
    data = copy.deepcopy(data)
    places = list(_places(data))
    if not places:
        return data
    parent, key = rng.choice(places)
    junk = [None, True, -1, 0, 1e300, "x", "", [], {}, [1], {"a": 1}, 2**70, "\ud800", 1e-300]
    if rng.random() < 0.3:
        del parent[key]
    elif isinstance(parent, dict) and rng.random() < 0.3:
        parent[rng.choice(["q", "low", "", " ", "a.b", "on", "op", "when"])] = parent.pop(key)
    else:
        parent[key] = rng.choice(junk)
    return data


def _places(data: Any) -> Any:
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in list(pairs):
        yield data, key
        if isinstance(value, dict | list):
            yield from _places(value)


def bounds_hold(drawn: tuple[str, Any, Any, int]) -> None:
    """Whatever order the bounds come in: refused, or every point is between them."""
    method, low, high, seed = drawn
    data = {"x": {"method": method, "dimension": {"low": low, "high": high}}}
    found, refusal = attempt(read_space, data, "fuzz", "method_dimension")
    wrong = low > high or (method == "loguniform" and low <= 0)
    if method == "uniformint":
        wrong = wrong or isinstance(low, float) or isinstance(high, float)
    assert (refusal is not None) == wrong, refusal
    if refusal is None:
        assert low <= found[0].sample(random.Random(seed)).applied["x"] <= high


def encoded(space: Space, suggested: dict[str, Any]) -> Any:
    """The latents of a point, or the refusal of its values."""
    try:
        return space.encode(suggested)
    except ValueError as error:
        raise UserError(str(error)) from error


# --- files and configs -----------------------------------------------------------------------


def json_means_the_same(text: str) -> None:
    """What is accepted is what the standard library reads."""
    found, refusal = attempt(parse_json, text, "fuzz")
    if refusal is None:
        assert found == json.loads(text.replace("\\\n", " \n"))
    else:
        assert "\n" not in refusal


def yaml_comes_back(text: str) -> None:
    """What is accepted is JSON data, and reads the same when it is written."""
    found, refusal = attempt(parse_yaml, text, "fuzz")
    if refusal is None:
        json.dumps(found, allow_nan=False)
        assert parse_yaml(dump_yaml(found), "again") == found


def jsonnet_is_data(text: str) -> None:
    """What is accepted is JSON data; nothing outside is read."""
    found, refusal = attempt(parse_jsonnet, text, "fuzz")
    if refusal is None:
        json.dumps(found, allow_nan=False)
    else:
        assert "\n" not in refusal


def config_comes_back(drawn: tuple[str, dict[str, Any]]) -> None:
    """A config that is accepted reads the same when it is stored."""
    kind, data = drawn
    found, refusal = attempt(read_config, kind, data, "fuzz")
    if refusal is None:
        stored = json.loads(msgspec.json.encode(found))
        assert read_config(kind, stored, "again") == found
    else:
        assert refusal.startswith("fuzz: ")


@st.composite
def configs(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Some fields of a config, with values of the right kind and of others."""
    kind = draw(st.sampled_from(list(SCHEMAS)))
    texts = st.sampled_from(["random", "tpe", "a,b", "min", "max,min", "median", "12:00:00", "4G",
                             "90m", "sqlite:///a", "redis://h", "x", "", "../a", "last", "mean:3",
                             "python t.py {args}", "t.py", "a=([0-9]+)", "(", "top 2"])  # fmt: skip
    objects = st.dictionaries(
        st.sampled_from(["max_concurrent", "max_t", "training_iteration", "plateau", "sampler"]),
        some.values,
        max_size=2,
    )
    values = texts | objects | some.scalars
    names = st.sampled_from(SCHEMAS[kind].__struct_fields__)
    return kind, draw(st.dictionaries(names, values, max_size=4))


def template_comes_back(drawn: tuple[str, str, str, Any]) -> None:
    """A config file that is accepted has the value in its place."""
    text, form, name, value = drawn
    found, refusal = attempt(read_template, text, "fuzz", [name], form)
    if refusal is not None:
        return
    written, refusal = attempt(found.write, {name: value})
    if refusal is None and form in ("json", "yaml"):
        parse = parse_json if form == "json" else parse_yaml
        assert parse(written, "again") == found.fill({name: value})


def command_is_words(drawn: tuple[str, dict[str, str]]) -> None:
    """A command that is accepted gives each value one argument."""
    text, values = drawn
    found, refusal = attempt(placeholders.command_words, text, None)
    if refusal is not None:
        return
    files = placeholders.trial_files(template=False, prep=False)
    _, refusal = attempt(placeholders.check_command, found, list(values), files)
    if refusal is None:
        filled = placeholders.fill(found, values, dict.fromkeys(files, Path("file")))
        spread = len(values) * (found.count("{args}") + found.count("{overrides}"))
        kept = sum(word not in ("{args}", "{overrides}") for word in found)
        assert len(filled) == spread + kept


def patterns_have_groups(text: str) -> None:
    """A pattern that is accepted has a group around the number."""
    found, refusal = attempt(placeholders.metric_patterns, text, "loss")
    if refusal is None:
        assert all(pattern.groups >= 1 for pattern in found.values())


def script_gives_configs(text: str) -> None:
    """What `hpogrid init` proposes for a script is accepted as it is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "train.py")
        path.write_text(text, encoding="utf-8", errors="replace")
        guess, refusal = attempt(read_script, path)
    if refusal is None:
        check_space((guess.space, guess.notes), None)
        read_config("hpo_config", {"metric": guess.metric, "mode": guess.mode}, "guess")


SCRIPT_LINES = st.lists(
    st.sampled_from([
        "import argparse", "p = argparse.ArgumentParser()", "def train(config):",
        "    x = config['lr']", "p.add_argument('--lr', type=float, default=0.1)",
        "p.add_argument('--n', type=int, default=0)", "p.add_argument('--k', choices=['a', 'b'])",
        "p.add_argument('--m', type=float, default=-1)", "p.add_argument('--e', default=1e400)",
        "p.add_argument('--c', choices=[1, 1])", "report(loss=1)", "report({'acc': x})", "if x:",
        "p.add_argument('--i', type=int, default=10**30)", "p.add_argument(*names, default=1)",
        "report(**{M: 1})", "class T:", "    y = self.config['n']", "x = {'a': uniform(0, 1)}",
        "p.add_argument('--' + n, default=2)", "@hydra.main()", "trial.suggest_int('n', 1, 3)",
        "p.add_argument('-x', '--x', default=3.5, help='%')", "def objective(trial):",
    ]),
    max_size=8,
).map("\n".join)  # fmt: skip


def _dialect_properties() -> dict[str, Property]:
    anything = some.values | st.dictionaries(some.texts, some.values)
    read = functools.partial(read_or_refuse, dialect=None)
    found = {"space": Property(st.one_of(*TEXTS.values(), anything), read)}
    for name in DIALECTS:
        read = functools.partial(read_or_refuse, dialect=name)
        found[name] = Property(TEXTS.get(name, anything) | anything, read)
        found[f"{name}, damaged"] = Property(st.tuples(spaces, seeds), damaged_or_refused(name))
    return found


FORMS = {"json": "method_dimension", "yaml": "yaml_grid", "jsonnet": "hyper_opt",
         "overrides": "overrides", "shell": "yaml_grid"}  # fmt: skip
PROPERTIES: dict[str, Property] = {
    **_dialect_properties(),
    "bounds": Property(
        st.tuples(st.sampled_from(["uniform", "uniformint", "loguniform"]),
                  some.numbers | some.whole, some.numbers | some.whole, seeds), bounds_hold),
    "JSON": Property(TEXTS["native"], json_means_the_same),
    "YAML": Property(TEXTS["yaml_grid"], yaml_comes_back),
    "Jsonnet": Property(TEXTS["hyper_opt"], jsonnet_is_data),
    "configs": Property(configs(), config_comes_back),
    **{
        f"template, {form}": Property(
            st.tuples(TEXTS[words_of] | st.sampled_from(['{"a": 1}', "a: 1", "a=1"]), st.just(form),
                      st.sampled_from(["a", "b.c", "a[0]"]), some.values), template_comes_back)
        for form, words_of in FORMS.items()
    },
    "command": Property(
        st.tuples(words("python {args} {overrides} {json} {x} {} { } $ ` train.py"),
                  st.dictionaries(st.sampled_from(["x", "y"]), st.text(max_size=4))),
        command_is_words),
    "metric_regex": Property(words("( ) [ ] loss= \\d + * ? { } | (?P< > ^ $ .").map(str),
                             patterns_have_groups),
    "script": Property(SCRIPT_LINES | TEXTS["python_types"], script_gives_configs),
}  # fmt: skip


# --- the command -----------------------------------------------------------------------------


def run(name: str, examples: int, seen: Counter[str]) -> None:
    """Check one property with so many examples, others at each call."""
    item = PROPERTIES[name]

    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(item.drawn)
    def check(drawn: Any) -> None:
        seen[name] += 1
        item.check(drawn)

    check()


def main() -> int:
    """Run all properties by turns until the time is up."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--only", default="", help="properties whose name contains this")
    args = parser.parse_args()
    names = [name for name in PROPERTIES if args.only in name]
    seen: Counter[str] = Counter()
    failed: dict[str, BaseException] = {}
    end = time.monotonic() + args.seconds
    while time.monotonic() < end and len(failed) < len(names):
        for name in names:
            if name not in failed and time.monotonic() < end:
                try:
                    run(name, 100, seen)
                except Exception as error:
                    failed[name] = error
                    print(f"--- {name}", file=sys.stderr)
                    traceback.print_exception(error)
    for name in names:
        print(f"{seen[name]:9,}  {name}{'  FAILED' if name in failed else ''}")
    print(f"{sum(seen.values()):9,}  examples in {args.seconds:g} s, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
