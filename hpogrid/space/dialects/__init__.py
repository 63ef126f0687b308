"""How people write a search space: one file for each dialect, found by its name here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from hpogrid.errors import UserError
from hpogrid.files import parse_json, read_text
from hpogrid.registry import Entry, Registry
from hpogrid.space.base import BaseParameter
from hpogrid.space.dialects.base import Dialect, Parsed, in_space, is_foreign
from hpogrid.space.space import Space
from hpogrid.space.value import check_value, one_line

DIALECTS = Registry(
    "dialect",
    {
        "native": Entry(
            "hpogrid.space.dialects.native:DIALECT",
            'hpogrid\'s own versioned form: {"version": 1, "parameters": {...}}',
        ),
        "method_dimension": Entry(
            "hpogrid.space.dialects.method_dimension:DIALECT",
            '{"lr": {"method": "loguniform", "dimension": {"low": 1e-5, "high": 1e-2}}}',
        ),
        "yaml_grid": Entry(
            "hpogrid.space.dialects.yaml_grid:DIALECT",
            'num_layers: ["4:2", "6:3"]; every combination of the lists',
        ),
        "hyper_opt": Entry(
            "hpogrid.space.dialects.hyper_opt:DIALECT",
            'a nested config with {"hyper_opt": {"suggest": "int", "params": {...}}} in it',
        ),
        "overrides": Entry(
            "hpogrid.space.dialects.overrides:DIALECT",
            "scheduler.max_lr=interval(0.00001, 0.001); one on each line",
        ),
        "ranges": Entry(
            "hpogrid.space.dialects.ranges:DIALECT",
            "lr=1e-5:1e-2:log, n=16:256:log:int, x=0:1:step=0.1, act=relu,tanh; one on each line",
        ),
        "python_types": Entry(
            "hpogrid.space.dialects.python_text:DIALECT",
            '{"lr": loguniform(1e-6, 1), "n": randint(16, 48)}, in Python code or as text',
        ),
        "wandb": Entry(
            "hpogrid.space.dialects.wandb:DIALECT",
            "a sweep of Weights & Biases: parameters: {lr: {min: 0.0, max: 0.1}}",
        ),
        "nni": Entry(
            "hpogrid.space.dialects.nni:DIALECT",
            'NNI\'s search_space.json: {"lr": {"_type": "uniform", "_value": [0, 1]}}',
        ),
        "ax": Entry(
            "hpogrid.space.dialects.ax:DIALECT",
            'Ax\'s list: [{"name": "lr", "type": "range", "bounds": [1e-5, 0.1]}]',
        ),
        "configspace": Entry(
            "hpogrid.space.dialects.configspace:DIALECT",
            'a space of ConfigSpace, as SMAC saves it: {"hyperparameters": [...]}',
        ),
        "pcs": Entry(
            "hpogrid.space.dialects.pcs:DIALECT",
            "PCS, as SMAC and ParamILS take it: lr real [1e-5, 0.1] [0.01] log; one on each line",
        ),
        "vizier": Entry(
            "hpogrid.space.dialects.vizier:DIALECT",
            'a study of Vizier in JSON: {"parameters": [{"parameterId": "lr", ...}]}',
        ),
        "keras_tuner": Entry(
            "hpogrid.space.dialects.keras_tuner:DIALECT",
            'what keras-tuner saves: {"space": [{"class_name": "Float", "config": {...}}]}',
        ),
        "idds": Entry(
            "hpogrid.space.dialects.idds:DIALECT",
            '{"points": [...], "opt_space": {...}}, plain or segmented, as PanDA hands it over',
        ),
    },
)


def load_dialect(name: str) -> Dialect:
    """The dialect called ``name``.

    Raises:
        UserError: there is none; the known ones are listed.
    """
    dialect: Dialect = DIALECTS.load(name)
    return dialect


def read_space(
    data: object, where: str, dialect: str | None = None, compat: str | None = None
) -> Parsed:
    """Read a search space in the dialect named, or in the one that it is written in.

    Args:
        data: parsed JSON or YAML, or text.
        where: what it is, as it reads in a message (``"search space 'lr'"``).
        dialect: its name; None: look at the data.
        compat: another system whose meaning the words have (``optuna-sweeper`` for overrides).

    Returns:
        The space, and what its author should know.

    Raises:
        UserError: malformed, in no dialect, in several, or the first thing that is wrong.
    """
    try:
        return _read(data, where, dialect, compat)
    except UserError as error:
        raise UserError(one_line(str(error))) from error


def _read(data: object, where: str, dialect: str | None, compat: str | None) -> Parsed:
    if dialect is None and isinstance(data, str):
        data = _structured(data, where)
    _check(data, where)
    found = load_dialect(dialect or detect_dialect(data, where))
    if compat is None:
        return found.parse(data, where)
    if compat not in found.compat:
        known = ", ".join(found.compat) or "none"
        raise UserError(
            f"{where}: dialect {found.name} is not compatible with '{compat}'; known: {known}"
        )
    return found.compat[compat](data, where)


def read_space_file(
    path: Path, where: str, dialect: str | None = None, compat: str | None = None
) -> Parsed:
    """`read_space` of a file: JSON, YAML, Jsonnet and Python by its ending, else text.

    Raises:
        UserError: as `read_space`, or the file cannot be read.
    """
    from hpogrid.files import parse_file

    suffix = path.suffix.lower()
    if suffix in (".json", ".yaml", ".yml"):
        return read_space(parse_file(path), where, dialect, compat)
    text = read_text(path)
    if suffix in (".jsonnet", ".libsonnet"):
        from hpogrid.space.jsonnet import parse_jsonnet

        return read_space(parse_jsonnet(text, str(path), path.parent), where, dialect, compat)
    if suffix == ".py":
        dialect = dialect or "python_types"
    return read_space(text, where, dialect, compat)


def detect_dialect(data: object, where: str) -> str:
    """The name of the one dialect that data or text is written in.

    Raises:
        UserError: none is, or several are; they are named.
    """
    if isinstance(data, dict | list) and not data:
        raise UserError(f"{where}: the search space is empty; give it at least one parameter")
    found = [name for name in DIALECTS if load_dialect(name).detect(data)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(
            f"{where}: this can be read as {' and as '.join(found)}; say which with --dialect"
        )
    raise UserError(
        f"{where}: no search space that hpogrid knows; write each parameter as "
        '{"method": "uniform", "dimension": {"low": 0, "high": 1}}, '
        f"or name one of the dialects {', '.join(DIALECTS)} with --dialect"
    )


def render_space(space: Space, dialect: str) -> Any:
    """Write a space in a dialect: data for JSON and YAML, else text.

    Raises:
        UserError: the dialect cannot say it; what and where.
    """
    return load_dialect(dialect).render(space)


def write_space(space: Space, dialect: str) -> str:
    """Write a space in a dialect, as the text of a file that `read_space` reads back.

    Raises:
        UserError: the dialect cannot say it; what and where.
    """
    data = render_space(space, dialect)
    match load_dialect(dialect).syntax:
        case "text":
            return str(data)
        case "yaml":
            from hpogrid.yamlfile import dump_yaml

            return dump_yaml(data)
        case "json":
            return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _check(data: Any, where: str) -> None:
    """Refuse what JSON cannot say; Python code may give parameters themselves."""
    items = data.items() if isinstance(data, dict) else [(None, data)]
    for name, item in items:
        with in_space(where, name if isinstance(name, str) else None):
            check_value(name)
            if not (isinstance(item, BaseParameter) or is_foreign(item)):
                check_value(item)


def _parsed(text: str, where: str) -> Any:
    if text.lstrip()[:1] in ("{", "["):
        return parse_json(text, where)
    from hpogrid.yamlfile import parse_yaml

    return parse_yaml(text, where)


_LOOKS: dict[str, str] = {
    "a binary file": r"[^\n]*\x00",
    "a script for the shell": r"#!.*\b(ba|z|da|k)?sh\b",
    "a Python script (name it with .py)": r"#!.*\bpython|(from [\w.]+ )?import \w|def \w+\(",
    "the text form of a protocol buffer, such as Vizier's (write it as JSON)": r"\w+ \{[ \t]*\n",
    "HTML or XML": r"<[!?a-zA-Z]",
    "TOML, or an INI file": r"\[\[?[A-Za-z_][\w. -]*\]\]?[ \t]*(\n|$)",
}
"""What files begin with that are something else."""


def _looks_like(text: str) -> str | None:
    """What text is that is no search space; None: it may be one."""
    if any(load_dialect(name).detect(text) for name in ("python_types", "hyper_opt")):
        return None
    start = text.lstrip()
    return next((kind for kind, pattern in _LOOKS.items() if re.match(pattern, start)), None)


def _structured(text: str, where: str) -> Any:
    """Parse text that is JSON (it starts with a bracket) or YAML; other text stays as it is.

    JSON is never read as YAML, which takes some malformed JSON for something else.
    """
    kind = _looks_like(text)
    if kind is not None:
        raise UserError(
            f"{where}: this looks like {kind}, which is no form of a search space; hpogrid reads "
            f"{', '.join(DIALECTS)}"
        )
    try:
        data = _parsed(text, where)
    except UserError:
        if any(load_dialect(name).detect(text) for name in DIALECTS):
            return text
        raise
    return data if isinstance(data, dict | list) else text
