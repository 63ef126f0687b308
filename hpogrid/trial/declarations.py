"""How the libraries that read command lines let a script declare its options."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Union

from hpogrid.trial.words import STYLES, Option

_FORMS = {"store_true": "flag", "store_false": "unflag", "append": "repeat", "extend": "words",
          "BooleanOptionalAction": "pair", "store": ""}  # fmt: skip
_MAYBE_TRUE = ("Optional[bool]", "typing.Optional[bool]", "bool | None", "None | bool")
_GROUPS = ("add_argument_group", "add_mutually_exclusive_group")
_ABSL = {"float": "float", "integer": "int", "bool": "bool", "boolean": "bool", "string": "str"}
_CLICK_TYPES = {"FLOAT": "float", "INT": "int", "BOOL": "bool", "STRING": "str",
                "FloatRange": "float", "IntRange": "int"}  # fmt: skip
_DASHED = ("tyro", "typer")
_ENTRIES = {  # what is called with the functions and classes whose arguments become options
    "cli": "tyro", "Fire": "fire", "run": "typer", "CLI": "jsonargparse",
    "auto_cli": "jsonargparse", "HfArgumentParser": "class", "add_arguments": "class",
    "parse": "class", "add_class_arguments": "jsonargparse",
    "add_function_arguments": "jsonargparse",
}  # fmt: skip
_OF_LIBRARY = {"run": "typer", "cli": "tyro", "parse": "simple_parsing"}
"""Names that mean something else unless they are this library's."""

_Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]


@dataclass(frozen=True)
class Declared:
    """One option, or positional word, as a script declares it.

    Attributes:
        names: all its spellings, with their dashes.
        negative: those that mean false.
        form: ``flag`` (true when it is there), ``unflag`` (false then), ``pair`` (one word for
            true, one for false), ``words``, ``repeat`` and ``comma`` for lists, ``positional``,
            ``other`` for what else takes no value; empty: it takes one.
        kind: the name of its type as it is written, or an empty text.
        default: where it is written as a value; None: there is none, or it cannot be seen.
        choices: the same.
        dest: the name under which the script knows it.
        required: whether the script does not start without it.
        defaulted: whether the script says what it is when it is not given.
        command: the sub-command that takes it; empty: the program itself.
        by_bool: whether Python's ``bool`` reads it, to which any text is true.
    """

    names: tuple[str, ...]
    negative: tuple[str, ...] = ()
    form: str = ""
    kind: str = ""
    default: Any = None
    choices: Any = None
    dest: str = ""
    required: bool = False
    defaulted: bool = False
    command: str = ""
    by_bool: bool = False

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
            found = replace(found, null=null, empty_is_false=self.by_bool)
        if self.kind in ("int", "float") and style is not STYLES["fire"]:  # that takes anything
            loose = style is STYLES["typer"]  # 2.0 is 2 to it
            return replace(found, number="float" if loose else self.kind)
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

    @property
    def name(self) -> str:
        """What the parameter is called that goes into it: its longest spelling as it is typed."""
        return max(self.names, key=len).lstrip("-")


class Source:
    """The modules of a script, with what they define at their top."""

    def __init__(self, trees: Sequence[ast.Module]) -> None:
        self.trees = trees
        self.functions: dict[str, _Function] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        self._constants: dict[str, ast.expr | None] = {}
        for tree in trees:
            for node in tree.body:
                self._define(node)

    def _define(self, node: ast.stmt) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self.functions.setdefault(node.name, node)
        elif isinstance(node, ast.ClassDef):
            self.classes.setdefault(node.name, node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    again = target.id in self._constants
                    self._constants[target.id] = None if again else node.value

    def value(self, node: ast.AST | None) -> Any:
        """The value that is written, also as the name of a constant; None: it cannot be seen."""
        if isinstance(node, ast.Name) and node.id not in self.functions:
            node = self._constants.get(node.id)
        return literal(node)

    def fields(self, name: str) -> list[Declared]:
        """The fields of a class, those of classes in it by their path: ``model.lr``."""
        node = self.classes.get(name)
        return [] if node is None else list(self._arguments_of(node, "jsonargparse", "", ""))

    def hidden(self) -> list[int]:
        """The lines with options whose names are only known when the script runs."""
        return [
            node.lineno
            for tree in self.trees
            for node in _all(tree, (ast.Call,))
            if ast.unparse(node.func).rpartition(".")[2] == "add_argument"
            and not any(text_of(argument) for argument in node.args)
        ]

    def declared(self) -> Iterator[Declared]:
        """What the modules declare for argparse, click, absl, typer, tyro, fire and dataclasses."""
        commands = _sub_commands(self.trees)
        done: set[int] = set()
        for tree in self.trees:
            for function in _all(tree, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield from self._of_decorators(function, done)
        for tree in self.trees:
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and id(node) not in done:
                    yield from self._of_call(node, commands)
        yield from self._of_signatures()

    def _of_call(self, node: ast.Call, commands: Mapping[str, str]) -> Iterator[Declared]:
        called = ast.unparse(node.func)
        last = called.rpartition(".")[2]
        if last == "add_argument" and isinstance(node.func, ast.Attribute):
            command = commands.get(ast.unparse(node.func.value), "")
            yield from self._of_argparse(node, command)
        elif called in ("click.option", "option", "click.argument"):
            yield from self._of_click(node, "")
        elif last.startswith("DEFINE_"):
            yield from self._of_absl(node, last)

    # --- argparse, click, absl -----------------------------------------------------------------

    def _of_argparse(self, call: ast.Call, command: str) -> Iterator[Declared]:
        texts = [text for text in map(text_of, call.args) if text]
        names = tuple(text for text in texts if text.startswith("-"))
        words = _keywords(call)
        if not texts:
            return
        action = text_of(words.get("action"))
        if action is None and "action" in words:
            action = ast.unparse(words["action"]).rpartition(".")[2]
        form = _FORMS.get(action or "store", "other")
        nargs = literal(words.get("nargs"))
        if not form and (nargs in ("*", "+") or isinstance(nargs, int)):
            form = "words"
        negative = tuple(f"--no-{name[2:]}" for name in names if name.startswith("--"))
        kind = _unparsed(words.get("type"))
        found = Declared(
            names or (texts[0],),
            negative if form == "pair" else (),
            form if names else "positional",
            kind=kind,
            default=self.value(words.get("default")),
            choices=self.value(words.get("choices")),
            dest=text_of(words.get("dest")) or "",
            required=literal(words.get("required")) is True,
            defaulted="default" in words,
            command=command,
            by_bool=kind == "bool",
        )
        if not names:
            found = replace(found, required=nargs not in ("*", "?"))
        yield found

    def _of_decorators(self, function: _Function, done: set[int]) -> Iterator[Declared]:
        """What click takes from the decorators of a function, from the last to the first."""
        calls = [node for node in function.decorator_list if isinstance(node, ast.Call)]
        command = _command_of(function, set(self.functions))
        for call in calls:
            if ast.unparse(call.func) in ("click.option", "option", "click.argument"):
                done.add(id(call))
                yield from self._of_click(call, command)

    def _of_click(self, call: ast.Call, command: str) -> Iterator[Declared]:
        texts = [text for text in map(text_of, call.args) if text]
        words = _keywords(call)
        given = [text.partition("/") for text in texts if text.startswith("-")]
        names = tuple(first.strip() for first, _, _ in given if first.strip())
        negative = tuple(second.strip() for _, _, second in given if second.strip())
        positional = ast.unparse(call.func).endswith("argument")
        if not names and not (positional and texts):
            return
        form = "pair" if negative else "flag" if literal(words.get("is_flag")) else ""
        form = form or ("repeat" if literal(words.get("multiple")) else "")
        form = form or ("words" if isinstance(literal(words.get("nargs")), int) else "")
        kind, choices = self._click_type(words.get("type"))
        required = literal(words.get("required"))
        yield Declared(
            names or (texts[0],),
            negative,
            "positional" if positional else form,
            kind=kind,
            default=self.value(words.get("default")),
            choices=choices,
            dest=next((text for text in texts if not text.startswith("-")), ""),
            required=required is True or (positional and required is None),
            defaulted="default" in words,
            command=command,
        )

    def _click_type(self, node: ast.expr | None) -> tuple[str, Any]:
        """The name of a type of click, and its choices."""
        if isinstance(node, ast.Call):
            last = ast.unparse(node.func).rpartition(".")[2]
            if last == "Choice" and node.args:
                return "", self.value(node.args[0])
            return _CLICK_TYPES.get(last, last), None
        text = _unparsed(node)
        return _CLICK_TYPES.get(text.rpartition(".")[2], text), None

    def _of_absl(self, call: ast.Call, function: str) -> Iterator[Declared]:
        words = _keywords(call)
        arguments = dict(zip(("name", "default", "third"), call.args))
        name = text_of(arguments.get("name", words.get("name")))
        form = "comma" if function == "DEFINE_list" else ""
        if not name:
            return
        default = arguments.get("default", words.get("default"))
        choices = arguments.get("third", words.get("enum_values"))
        yield Declared(
            (f"--{name}",),
            form="repeat" if function.startswith("DEFINE_multi_") else form,
            kind=_ABSL.get(function[len("DEFINE_") :], ""),
            default=self.value(default),
            choices=self.value(choices) if function == "DEFINE_enum" else None,
            defaulted=literal(default) is not None,
        )

    # --- arguments of functions, and fields of classes -----------------------------------------

    def _of_signatures(self) -> Iterator[Declared]:
        """What becomes options because it is an argument or a field."""
        libraries = {name.split(".")[0] for tree in self.trees for name in imported(tree)}
        found = [*self._handed_over(libraries), *self._typer_commands()]
        for target, style, prefix, command in found:
            yield from self._arguments_of(target, style, prefix, command)
        if not found and libraries & set(_DASHED):
            style = "typer" if "typer" in libraries else "tyro"
            for tree in self.trees:
                for node in _all(tree, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    yield from self._arguments_of(node, style, "", "")

    def _handed_over(self, libraries: set[str]) -> Iterator[tuple[ast.AST, str, str, str]]:
        """The functions and classes that a library is given to make options of."""
        for tree in self.trees:
            for call in _all(tree, (ast.Call,)):
                called = ast.unparse(call.func)
                owner, _, last = called.rpartition(".")
                style = _ENTRIES.get(last)
                library = _OF_LIBRARY.get(last)
                if style is None or (library and (owner or library) != library):
                    continue
                if library and library not in libraries:
                    continue
                prefix = text_of(call.args[1]) if len(call.args) > 1 else None
                nested = f"{prefix}." if prefix and last.endswith("_arguments") else ""
                for target in call.args[:1]:
                    parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
                    for part in parts:
                        yield from self._target(part, style, nested if style != "class" else "")

    def _target(
        self, part: ast.expr, style: str, prefix: str
    ) -> Iterator[tuple[ast.AST, str, str, str]]:
        if isinstance(part, ast.Dict) and style in ("fire", "jsonargparse"):
            for key, value in zip(part.keys, part.values):
                for found in self._target(value, style, prefix):
                    yield (*found[:3], text_of(key) or "")
            return
        name = ast.unparse(part)
        node = self.functions.get(name) or self.classes.get(name)
        if node is not None:
            yield node, style, prefix, ""

    def _typer_commands(self) -> Iterator[tuple[ast.AST, str, str, str]]:
        """The functions under ``@app.command()`` of typer; one alone is the program itself."""
        apps = {
            ast.unparse(node.targets[0])
            for tree in self.trees
            for node in _all(tree, (ast.Assign,))
            if isinstance(node.value, ast.Call)
            and ast.unparse(node.value.func) in ("typer.Typer", "Typer")
        }
        found = [
            (function, _unparsed(call.args[0]) if call.args else "")
            for function in self.functions.values()
            for call in function.decorator_list
            if isinstance(call, ast.Call)
            and ast.unparse(call.func) in {f"{app}.command" for app in apps}
        ]
        for function, given in found:
            name = given.strip("'\"") or function.name.replace("_", "-")
            yield function, "typer", "", name if len(found) > 1 else ""

    def _arguments_of(
        self, node: ast.AST, style: str, prefix: str, command: str
    ) -> Iterator[Declared]:
        if isinstance(node, ast.ClassDef):
            if style == "fire" or (style == "jsonargparse" and not _is_dataclass(node)):
                yield from self._methods_of(node, style, prefix)
                return
            for base in node.bases:
                if ast.unparse(base) in self.classes:
                    yield from self._arguments_of(
                        self.classes[ast.unparse(base)], style, prefix, command
                    )
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    if _unparsed(item.annotation).startswith("ClassVar"):
                        continue
                    yield from self._field(
                        item.target.id, item.annotation, item.value, style, prefix, command
                    )
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            arguments = node.args.posonlyargs + node.args.args
            first = [None] * (len(arguments) - len(node.args.defaults))
            pairs = list(zip(arguments, [*first, *node.args.defaults]))
            pairs += list(zip(node.args.kwonlyargs, node.args.kw_defaults))
            for argument, default in pairs:
                if argument.arg == "self" or (argument.annotation is None and style in _DASHED):
                    continue
                annotation = argument.annotation or ast.Name("")
                yield from self._field(argument.arg, annotation, default, style, prefix, command)

    def _methods_of(self, node: ast.ClassDef, style: str, prefix: str) -> Iterator[Declared]:
        """A class whose methods are sub-commands; its own arguments belong to all of them."""
        methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
        for method in methods:
            if method.name == "__init__":
                yield from self._arguments_of(method, style, prefix, "")
            elif not method.name.startswith("_") and not prefix:
                yield from self._arguments_of(method, style, prefix, method.name)

    def _field(
        self,
        name: str,
        annotation: ast.expr,
        default: ast.expr | None,
        style: str,
        prefix: str,
        command: str,
    ) -> Iterator[Declared]:
        kind = annotation
        if isinstance(annotation, ast.Subscript) and _unparsed(annotation.value).endswith(
            "Annotated"
        ):
            assert isinstance(annotation.slice, ast.Tuple)
            kind = annotation.slice.elts[0]
        inner = self.classes.get(_unparsed(kind))
        if inner is not None and _is_dataclass(inner):
            own = f"{prefix}{name}." if style in ("tyro", "jsonargparse") else ""
            yield from self._arguments_of(inner, style, own, command)
            return
        found = _of_annotation(name, annotation, kind, default, style, prefix)
        if found is None:
            return
        value, choices, written = self._default(default)
        yield replace(
            found,
            default=value,
            choices=choices or _literals(kind),
            defaulted=written,
            required=not written,
            command=command,
        )

    def _default(self, node: ast.expr | None) -> tuple[Any, Any, bool]:
        """The default, the choices, and whether there is a default at all."""
        if node is None:
            return None, None, False
        if not isinstance(node, ast.Call):
            return self.value(node), None, True
        words = _keywords(node)
        last = ast.unparse(node.func).rpartition(".")[2]
        choices = None
        if last == "choice":
            choices = [literal(item) for item in node.args]
        positional = node.args[0] if node.args and last in ("Option", "arg", "Argument") else None
        default = words.get("default", positional)
        if isinstance(default, ast.Constant) and default.value is Ellipsis:
            return None, choices, False
        written = default is not None or "default_factory" in words or last not in _FIELDS
        return self.value(default), choices, written


_FIELDS = ("field", "Option", "Argument", "arg", "choice", "mutable_field", "list_field")


def _of_annotation(
    name: str,
    annotation: ast.expr,
    plain: ast.expr,
    default: ast.expr | None,
    style: str,
    prefix: str,
) -> Declared | None:
    """An option that is made of an argument of a function, or of a field of a class."""
    calls = [node for node in (annotation, default) if node is not None]
    options = [
        node
        for call in calls
        for node in ast.walk(call)
        if isinstance(node, ast.Call)
        and _unparsed(node.func).rpartition(".")[2] in ("Option", "Argument")
    ]
    if style == "typer":
        positional = default is None and not options
        if positional or any(_unparsed(node.func).endswith("Argument") for node in options):
            return Declared((name,), form="positional", kind=_unparsed(plain), dest=name)
    given = [
        text.partition("/")
        for node in options
        for text in map(text_of, node.args)
        if text and text.startswith("-")
    ]
    dashed = style in _DASHED
    own = f"--{prefix}{name}".replace("_", "-") if dashed else f"--{prefix}{name}"
    names = tuple(first.strip() for first, _, _ in given) or (own,)
    if style == "class" and "_" in name:
        names = (own, own.replace("_", "-"))
    negative = tuple(second.strip() for _, _, second in given if second.strip())
    group, dot, last = own[2:].rpartition(".")
    kind = _unparsed(plain)
    form = ""
    # To typer, a truth value that may be null is a pair as well.
    truth = kind == "bool" or (style == "typer" and kind in _MAYBE_TRUE)
    if dashed and truth and default is not None:
        form = "flag" if given and not negative else "pair"
    elif dashed and kind.lower().startswith(("tuple", "typing.tuple")):
        form = "words"
    return Declared(
        names,
        negative or (f"--{group}{dot}no-{last}",),
        form,
        kind=_plain(kind),
        dest=prefix + name,
    )


def _plain(kind: str) -> str:
    """The name of a type without ``Optional``."""
    for before, after in (("Optional[", "]"), ("typing.Optional[", "]"), ("", " | None")):
        if kind.startswith(before) and kind.endswith(after):
            kind = kind[len(before) : len(kind) - len(after)]
    return kind


def _literals(kind: ast.expr) -> Any:
    """The values of ``Literal["a", "b"]``."""
    if isinstance(kind, ast.Subscript) and _unparsed(kind.value).endswith("Literal"):
        parts = kind.slice.elts if isinstance(kind.slice, ast.Tuple) else [kind.slice]
        return [literal(part) for part in parts]
    return None


def _is_dataclass(node: ast.ClassDef) -> bool:
    marks = [_unparsed(item).partition("(")[0].rpartition(".")[2] for item in node.decorator_list]
    return bool({"dataclass", "define", "attrs", "frozen"} & set(marks)) or any(
        _unparsed(base).endswith("BaseModel") for base in node.bases
    )


def _sub_commands(trees: Sequence[ast.Module]) -> dict[str, str]:
    """For each variable that is a parser of a sub-command, or a group of one, the command."""
    found: dict[str, str] = {}
    for tree in trees:
        for node in _all(tree, (ast.Assign, ast.Call)):
            call = node.value if isinstance(node, ast.Assign) else node
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            place = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node)
            if call.func.attr == "add_parser" and call.args:
                found[place] = text_of(call.args[0]) or ast.unparse(call.args[0])
            elif call.func.attr in _GROUPS:
                found[place] = found.get(ast.unparse(call.func.value), "")
    return found


def _command_of(function: _Function, functions: set[str]) -> str:
    """The name of the sub-command that a function under ``@group.command()`` of click is."""
    for node in function.decorator_list:
        call = node.func if isinstance(node, ast.Call) else node
        group, _, last = ast.unparse(call).rpartition(".")
        if last == "command" and group in functions:
            given = text_of(node.args[0]) if isinstance(node, ast.Call) and node.args else None
            return given or function.name.replace("_", "-")
    return ""


def _all(tree: ast.AST, kinds: tuple[type, ...]) -> Iterator[Any]:
    return (node for node in ast.walk(tree) if isinstance(node, kinds))


def imported(tree: ast.AST) -> Iterator[str]:
    """The dotted names of what is imported, each with and without its last part."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module or ''}.{item.name}" for item in node.names)


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
