"""How a Python script declares its options, read from its source without running it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hpogrid.trial.words import STYLES, Option

AUTO = "auto"
_LIBRARIES = {  # by what a script imports; the first that is there reads the command line
    "fire": "fire", "tyro": "tyro", "jsonargparse": "jsonargparse",
    "lightning.pytorch.cli": "jsonargparse", "pytorch_lightning.cli": "jsonargparse",
    "simple_parsing": "simple-parsing", "HfArgumentParser": "simple-parsing", "typer": "typer",
    "click": "click", "absl.flags": "absl", "argparse": "plain",
}  # fmt: skip
_READERS = {
    *_LIBRARIES, "argv", "orig_argv", "ArgumentParser", "OptionParser", "getopt", "add_to_argparse",
    "hydra", "from_cli", "LightningCLI", "docopt", "plac", "clize", "cyclopts", "defopt", "argh",
    "configargparse", "tap", "gin", "sacred", "config_flags", "pydantic_settings", "cappa",
    "traitlets", "fileinput",
}  # fmt: skip
_ENVIRONMENT = {"environ", "getenv", "environb", "environs", "decouple", "pydantic_settings"}


@dataclass(frozen=True)
class Declared:
    """One option as a script declares it.

    Attributes:
        names: all its spellings, with their dashes.
        negative: those that mean false.
        form: ``flag`` (true when it is there), ``unflag`` (false then), ``pair`` (one word for
            true, one for false), ``words``, ``repeat`` and ``comma`` for lists, ``other`` for
            what else takes no value; empty: it takes one.
        kind: the name of its type as it is written, or an empty text.
        default: where it is written as a value; None: there is none.
        choices: the same.
        dest: the name under which the script knows it.
    """

    names: tuple[str, ...]
    negative: tuple[str, ...] = ()
    form: str = ""
    kind: str = ""
    default: Any = None
    choices: Any = None
    dest: str = ""

    def option(self, style: Option, name: str) -> Option:
        """How it is told the value of the parameter ``name``."""
        same = [text for text in self.names if text.lstrip("-") == name]
        own = (same or sorted(self.names, key=len))[-1]
        flag = self.form in ("flag", "unflag", "pair")
        found = replace(style.called(name), name=own, true=None, false=None, no_value=flag)
        if self.form == "flag":
            found = replace(found, true=(own,), false=())
        elif self.form == "unflag":
            found = replace(found, true=(), false=(own,))
        elif self.form == "pair":
            found = replace(found, true=(own,), false=(self.negative[-1],))
        elif self.form in ("words", "repeat", "comma"):
            found = replace(found, several=self.form)
        if style in (STYLES["plain"], STYLES["argparse"], STYLES["simple-parsing"]):
            null = None if self.default is None else found.null
            found = replace(found, null=null, empty_is_false=self.kind == "bool")
        if self.kind in ("json.loads", "yaml.safe_load"):
            return replace(found, literal="json", null="null")
        if self.kind.rpartition(".")[2] in ("literal_eval", "eval"):
            return replace(found, literal="python", null="None")
        return found

    @property
    def known_as(self) -> set[str]:
        """The names of parameters that it may go by, with ``_`` for ``-``."""
        names = {self.dest} if self.dest else set(self.names)
        return {name.lstrip("-").replace("-", "_") for name in {*names, *self.names}}


@dataclass(frozen=True)
class Script:
    """What is known of a script, and of the modules beside it that it imports.

    Attributes:
        path: the script.
        trees: of all its modules that can be read.
        options: in the order in which they are declared.
        uses: the modules and names that it mentions.
    """

    path: Path
    trees: tuple[ast.Module, ...]
    options: tuple[Declared, ...]
    uses: frozenset[str] = field(repr=False)

    @property
    def style(self) -> str:
        """The style of the library that reads its command line; ``plain``, if none is known."""
        return next((style for name, style in _LIBRARIES.items() if name in self.uses), "plain")

    @property
    def reads_arguments(self) -> bool:
        """Whether anything in it can look at its command line."""
        return bool(self.uses & _READERS)

    @property
    def reads_environment(self) -> bool:
        """Whether anything in it can look at its environment."""
        return bool(self.uses & _ENVIRONMENT)


def read_script(words: Sequence[str], folder: Path) -> Script | None:
    """The Python script that a command starts, if it is one of a folder.

    Args:
        words: of the command.
        folder: of the scripts.
    """
    for before, word in zip(("", *words), words):
        name = word.replace(".", "/") + ".py" if before == "-m" else word
        path = folder / name
        if name.endswith(".py") and path.is_file():
            trees = tuple(_modules(path, folder))
            declared = tuple(option for tree in trees for option in options(tree))
            uses = frozenset(name for tree in trees for name in _mentioned(tree))
            return Script(path, trees, declared, uses)
    return None


class Arguments:
    """How the program of a command is told its parameters.

    Args:
        words: of the command.
        folder: of the scripts.
        style: one of `STYLES`; ``auto``: that of the script.
    """

    def __init__(self, words: Sequence[str], folder: Path, style: str = AUTO) -> None:
        script = read_script(words, folder)
        found = script.style if script is not None else "plain"
        self._style = STYLES[found if style == AUTO else style]
        self._declared = script.options if script is not None else ()

    def words(self, name: str, value: object) -> list[str]:
        """The words for one parameter.

        Raises:
            ValueError: there is no way to say it.
        """
        return self._option(name).words(value)

    def _option(self, name: str) -> Option:
        plain = name.replace("-", "_")
        for item in self._declared:
            if plain in item.known_as:
                return item.option(self._style, name)
        return self._style.called(name)


def _modules(path: Path, folder: Path) -> Iterator[ast.Module]:
    """The trees of a script and of the modules beside it that it imports, itself first."""
    waiting, seen = [path], {path}
    while waiting:
        tree = _parsed(waiting.pop(0))
        if tree is None:
            continue
        yield tree
        for name in _imported(tree):
            parts = name.lstrip(".").split(".")
            for base in {path.parent, folder}:
                for end in (f"{parts[-1]}.py", f"{parts[-1]}/__init__.py"):
                    beside = base.joinpath(*parts[:-1], end)
                    if beside not in seen and beside.is_file():
                        seen.add(beside)
                        waiting.append(beside)


def _parsed(path: Path) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _imported(tree: ast.AST) -> Iterator[str]:
    """The dotted names of what is imported, each with and without its last part."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module or ''}.{item.name}" for item in node.names)


def _mentioned(tree: ast.AST) -> Iterator[str]:
    for name in _imported(tree):
        parts = name.split(".")
        yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))
        yield parts[-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id


# --- the declarations of each library ------------------------------------------------------

_FORMS = {"store_true": "flag", "store_false": "unflag", "append": "repeat", "extend": "words",
          "BooleanOptionalAction": "pair", "store": ""}  # fmt: skip


_MAYBE_TRUE = ("Optional[bool]", "typing.Optional[bool]", "bool | None", "None | bool")


def options(tree: ast.Module) -> Iterator[Declared]:
    """What a module declares for argparse, click, absl, typer or tyro."""
    typed = {name.split(".")[0] for name in _imported(tree)} & {"typer", "tyro"}
    optional = "typer" in typed  # to it, a truth value that may be null is a pair as well
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            last = called.rpartition(".")[2]
            if last == "add_argument":
                yield from _of_argparse(node)
            elif called in ("click.option", "option"):
                yield from _of_click(node)
            elif last.startswith("DEFINE_"):
                yield from _of_absl(node, last)
        elif typed and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            arguments = node.args.args + node.args.kwonlyargs
            defaults = [*node.args.defaults, *node.args.kw_defaults]
            without = [None] * (len(arguments) - len(defaults))
            for item, default in zip(arguments, [*without, *defaults]):
                if item.annotation is not None:
                    yield _of_annotation(item.arg, item.annotation, default, optional)
        elif typed and isinstance(node, ast.ClassDef):
            for field_ in node.body:
                if isinstance(field_, ast.AnnAssign) and isinstance(field_.target, ast.Name):
                    name = field_.target.id
                    yield _of_annotation(name, field_.annotation, field_.value, optional)


def argparse_options(tree: ast.AST) -> Iterator[Declared]:
    """Each ``add_argument("--name", ...)``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "add_argument":
            yield from _of_argparse(node)


def _of_argparse(call: ast.Call) -> Iterator[Declared]:
    names = tuple(text for text in map(text_of, call.args) if text and text.startswith("-"))
    words = _keywords(call)
    if not names:
        return
    action = text_of(words.get("action"))
    if action is None and "action" in words:
        action = ast.unparse(words["action"]).rpartition(".")[2]
    form = _FORMS.get(action or "store", "other")
    nargs = literal(words.get("nargs"))
    if not form and (nargs in ("*", "+") or isinstance(nargs, int)):
        form = "words"
    negative = tuple(f"--no-{name[2:]}" for name in names if name.startswith("--"))
    yield Declared(
        names,
        negative if form == "pair" else (),
        form,
        kind=_unparsed(words.get("type")),
        default=literal(words.get("default")),
        choices=literal(words.get("choices")),
        dest=text_of(words.get("dest")) or "",
    )


def _of_click(call: ast.Call) -> Iterator[Declared]:
    texts = [text for text in map(text_of, call.args) if text]
    words = _keywords(call)
    given = [text.partition("/") for text in texts if text.startswith("-")]
    names = tuple(first.strip() for first, _, _ in given if first.strip())
    negative = tuple(second.strip() for _, _, second in given if second.strip())
    if not names:
        return
    form = "pair" if negative else "flag" if literal(words.get("is_flag")) else ""
    form = form or ("repeat" if literal(words.get("multiple")) else "")
    form = form or ("words" if isinstance(literal(words.get("nargs")), int) else "")
    yield Declared(
        names,
        negative,
        form,
        kind=_unparsed(words.get("type")),
        default=literal(words.get("default")),
        dest=next((text for text in texts if not text.startswith("-")), ""),
    )


def _of_absl(call: ast.Call, function: str) -> Iterator[Declared]:
    name = text_of(call.args[0]) if call.args else text_of(_keywords(call).get("name"))
    form = "comma" if function == "DEFINE_list" else ""
    if name:
        form = "repeat" if function.startswith("DEFINE_multi_") else form
        yield Declared((f"--{name}",), form=form)


def _of_annotation(
    name: str, annotation: ast.expr, default: ast.expr | None, optional: bool
) -> Declared:
    """An option that typer or tyro makes of an argument of a function, or a field of a class."""
    plain = annotation
    calls = [node for node in (annotation, default) if node is not None]
    if isinstance(annotation, ast.Subscript) and _unparsed(annotation.value).endswith("Annotated"):
        assert isinstance(annotation.slice, ast.Tuple)
        plain = annotation.slice.elts[0]
    given = [
        text.partition("/")
        for call in calls
        for node in ast.walk(call)
        if isinstance(node, ast.Call) and _unparsed(node.func).rpartition(".")[2] == "Option"
        for text in map(text_of, node.args)
        if text and text.startswith("-")
    ]
    own = "--" + name.replace("_", "-")
    names = tuple(first.strip() for first, _, _ in given) or (own,)
    negative = tuple(second.strip() for _, _, second in given if second.strip())
    kind = _unparsed(plain)
    form = ""
    truth = kind == "bool" or (optional and kind in _MAYBE_TRUE)
    if truth and default is not None:
        form = "flag" if given and not negative else "pair"
    elif kind.lower().startswith(("tuple", "typing.tuple")):
        form = "words"
    return Declared(names, negative or (f"--no-{own[2:]}",), form, kind=kind, dest=name)


def _keywords(call: ast.Call) -> dict[str, ast.expr]:
    return {item.arg: item.value for item in call.keywords if item.arg}


def _unparsed(node: ast.AST | None) -> str:
    return ast.unparse(node) if node is not None else ""


def text_of(node: ast.AST | None) -> str | None:
    """The text that is written, or None."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def literal(node: ast.AST | None) -> Any:
    """The value that is written, or None where it would have to be worked out."""
    try:
        return ast.literal_eval(node) if node is not None else None
    except (ValueError, TypeError, RecursionError, MemoryError):
        return None
