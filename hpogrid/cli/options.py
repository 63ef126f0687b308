"""Options made from the schemas of the configs, and option types that several commands use."""

from __future__ import annotations

import functools
import os
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

import click
import msgspec
from click.core import ParameterSource

from hpogrid.cli.complete import metrics
from hpogrid.errors import UserError
from hpogrid.files import parse_file, parse_json, read_text
from hpogrid.space.value import Value, Values
from hpogrid.trial.errors import unknown

F = TypeVar("F", bound=Callable[..., object])


class Known(click.Choice[str]):
    """One of several names; for a wrong one the nearest are named, as everywhere."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """The sentence for a value that is none of them."""
        return unknown("name", str(value), list(self.choices))


class JsonObject(click.ParamType[Values]):
    """A JSON object on the command line, or ``@FILE``."""

    name = "JSON"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """Parse it, or fail with the place that is wrong."""
        where = f"--{param.name}" if param else "JSON"
        data = parse_file(Path(value[1:])) if value.startswith("@") else parse_json(value, where)
        if not isinstance(data, dict):
            self.fail(f'{where} must be a JSON object such as {{"key": 1}}, not {value}')
        return data


class Pairs(click.ParamType[Values]):
    """``NAME=VALUE``, ``NAME=RANGE``, a JSON object of several, or ``@FILE`` with one."""

    name = "NAME=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Values:
        """Read it; a range becomes a distribution in the notation of a search space."""
        if value.startswith(("@", "{")):
            return JsonObject().convert(value, param, ctx)
        name, mark, text = value.partition("=")
        if not mark or not name.strip():
            self.fail(f"{value} is no NAME=VALUE, such as lr=3e-4")
        try:
            return {name.strip(): _value(name.strip(), text)}
        except ValueError as error:
            self.fail(f"{name.strip()}: {error}")


def _value(name: str, text: str) -> Value:
    """A value in JSON, or a value or range as one types them."""
    from hpogrid.space.dialects.method_dimension import render
    from hpogrid.space.dialects.ranges import read_range
    from hpogrid.space.parameter import Constant
    from hpogrid.space.space import Space

    try:
        return cast(Value, msgspec.json.decode(text))
    except msgspec.DecodeError:
        item, _ = read_range(text)
    return item.value if isinstance(item, Constant) else render(Space({name: item}))[name]


def _together(ctx: click.Context, param: click.Parameter, given: Sequence[Values]) -> Values | None:
    """What an option that was given several times says; None: it was not given."""
    if not given:
        return None
    found: Values = {}
    for pairs in given:
        for name in pairs:
            if name in found:
                raise click.BadParameter(f"{name} is given twice; keep one of them")
        found |= pairs
    return found


MAYBE_EMPTY = click.types.StringParamType()
"""Text that may be empty, unlike that of other options."""


class FilledPath(click.Path):
    """A path that is not empty, which would be the folder one is in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse to guess what nothing means."""
        if value == "":
            self.fail("it is empty: say what it is, or . for this folder", param, ctx)
        return super().convert(value, param, ctx)


class Text(click.ParamType[str]):
    """Text of several lines on the command line, or ``@FILE``."""

    name = "TEXT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the file, if it is one."""
        return read_text(Path(value[1:])).rstrip() if value.startswith("@") else str(value)


def config_options(schema: type[msgspec.Struct], choices: dict[str, list[str]]) -> Callable[[F], F]:
    """One option for every field of a schema that has one. What is not given is None.

    Args:
        schema: whose fields become options.
        choices: for some of the fields the values to choose from.
    """

    def decorate(function: F) -> F:
        for field in reversed(msgspec.structs.fields(schema)):
            if _has_option(field):
                function = _option(field, choices.get(field.name))(function)
        return function

    return decorate


def setting_options(function: F) -> F:
    """The options of all configs at once, for a command that changes some settings of them."""
    from hpogrid.config.schemas import SCHEMAS
    from hpogrid.schedule import SCHEDULERS
    from hpogrid.search import ALGORITHMS

    choices = {"algorithm": list(ALGORITHMS), "scheduler": list(SCHEDULERS)}
    for schema in reversed(SCHEMAS.values()):
        function = config_options(schema, choices)(function)
    return click.option("--max_concurrent", "-c", type=int, help="Trials at once.")(function)


def _has_option(field: msgspec.structs.FieldInfo) -> bool:
    """Whether it is one; ``Meta(extra={"option": False})`` says that its command adds its own."""
    meta = _meta(field.type)
    return bool(((meta.extra if meta else None) or {}).get("option", True))


def _option(field: msgspec.structs.FieldInfo, choices: list[str] | None) -> Callable[[F], F]:
    meta = _meta(field.type)
    description = (meta.description if meta else None) or ""
    kind = _plain_type(field.type)
    spellings = [f"--{field.name}", *((meta.extra or {}).get("alias", []) if meta else [])]
    default = _default_text(field)
    if kind is bool:
        spellings = [f"--{field.name}/--no_{field.name}"]
        return click.option(*spellings, field.name, default=None, help=description + ".")
    if get_origin(kind) is Literal:
        choices = list(get_args(kind))
    if ((meta.extra if meta else None) or {}).get("pairs"):
        return click.option(
            *spellings, field.name, type=Pairs(), multiple=True, callback=_together,
            help=description + ".",
        )  # fmt: skip
    option_type: Any = MAYBE_EMPTY if kind is str else kind
    if ((meta.extra if meta else None) or {}).get("text"):
        option_type = Text()
    if choices:
        option_type = Known(choices)
    elif get_origin(kind) is dict or (kind is option_type and issubclass(kind, msgspec.Struct)):
        option_type = JsonObject()
    help_text = f"{description}.{f'  [default: {default}]' if default else ''}"
    return click.option(*spellings, field.name, type=option_type, default=None, help=help_text)


ids_option = click.option(
    "-r", "--range", "ids", metavar="A-B", help="Only tasks with these ids: A-B, A- or -B."
)
"""Which numbers tasks have; both ends are included."""


class Amount(click.FloatRange):
    """A number in a range; ``nan`` is in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it."""
        found = super().convert(value, param, ctx)
        return self.fail(f"{value} is not a number.", param, ctx) if found != found else found


def was_given(name: str) -> bool:
    """Whether an option of the running command was typed."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


def outname_option(default: str) -> Callable[[F], F]:
    """The option ``--outname``."""
    return click.option(
        "--outname",
        default=default,
        show_default=True,
        callback=_file_name,
        help="Name of the files, no extension.",
    )


def _file_name(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if os.path.basename(value) in ("", ".", ".."):
        raise UserError(f"--outname '{value}' names no file; write NAME or FOLDER/NAME")
    return value


_FILTERS = (
    click.option(
        "--limit", type=click.IntRange(1), default=1000, show_default=True,
        help="At most so many tasks, the newest ones.",
    ),
    click.option(
        "--days", type=Amount(0, min_open=True),
        help="Only tasks of the last N days  [default: any; of what only a server knows: 30].",
    ),
    click.option("--taskname", help="Only tasks of this name (wildcards allowed)."),
    ids_option,
    click.option(
        "--all_versions", is_flag=True,
        help="Also tasks from before the scripts, the space or the metric changed.",
    ),
)  # fmt: skip


def task_filters(*, versions: bool = True) -> Callable[[F], F]:
    """The options that say which tasks count; the command gets them as one ``filters``.

    Args:
        versions: whether it is about the studies of projects, which have versions.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def command(
            *arguments: object,
            limit: int,
            days: float | None,
            taskname: str | None,
            ids: str | None,
            all_versions: bool = False,
            **named: object,
        ) -> Any:
            from hpogrid.site.choice import Filters

            filters = Filters(limit, days, taskname, ids, all_versions)
            return function(*arguments, filters=filters, **named)

        found: Any = command
        for option in reversed(_FILTERS if versions else _FILTERS[:-1]):
            found = option(found)
        return cast(F, found)

    return decorate


def objective_options(function: F) -> F:
    """The options ``--metric`` and ``--mode``, which belong together."""
    function = click.option(
        "--mode", type=click.Choice(["min", "max"]), help="Which way it is better."
    )(function)
    return click.option(
        "--metric", shell_complete=metrics, help="Look at this metric (with --mode)."
    )(function)


def server_option(function: F) -> F:
    """The option ``--server``."""
    return click.option(
        "--server",
        metavar="URL",
        help="Ask the 'hpogrid serve' of another machine; a token to read is enough.",
    )(function)


def prep_options(function: F) -> F:
    """The options ``--prep`` and ``--prep_keys``, which belong together."""
    function = click.option(
        "--prep_keys",
        type=MAYBE_EMPTY,
        multiple=True,
        metavar="A,B",
        help="Hyperparameters that a --prep depends on; '' for none. One for each --prep.",
    )(function)
    return click.option(
        "--prep",
        multiple=True,
        metavar="COMMAND",
        help="Run this once for each combination of its --prep_keys, before the trials that need "
        "it. Several run one after another.",
    )(function)


def prep_stages(commands: Sequence[str], keys: Sequence[str]) -> Values:
    """The setting ``prep`` that was given with `prep_options`; empty where none was.

    Raises:
        UserError: not as many keys as commands.
    """
    if not commands and not keys:
        return {}
    if len(keys) != len(commands) and (keys or len(commands) != 1):
        raise UserError(
            f"--prep is there {len(commands)} times and --prep_keys {len(keys)} times; give "
            "--prep_keys once for each, with '' for what no hyperparameter makes a difference to"
        )
    names = [[name.strip() for name in text.split(",")] if text.strip() else [] for text in keys]
    pairs = zip(commands, names or [[]], strict=True)
    return {"prep": [{"command": command, "keys": own} for command, own in pairs]}


def _meta(annotation: object) -> msgspec.Meta | None:
    return next(
        (
            item
            for item in getattr(annotation, "__metadata__", ())
            if isinstance(item, msgspec.Meta)
        ),
        None,
    )


def _plain_type(annotation: Any) -> Any:
    """The type itself: without its annotations, and without ``| None``."""
    while hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    if get_origin(annotation) in (Union, types.UnionType):
        inner = next(item for item in get_args(annotation) if item is not type(None))
        return _plain_type(inner)
    return annotation


def _default_text(field: msgspec.structs.FieldInfo) -> str:
    if field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
        text = msgspec.json.encode(value).decode()
        return "" if text == "{}" else text
    if field.default in (msgspec.NODEFAULT, None, ""):
        return ""
    return str(field.default)
