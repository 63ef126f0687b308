"""What the Tab key offers: the names of what there is, where a command wants one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    import click

_MOST_READ = 2**20
_TRIAL = re.compile(rb'"trial":"([^"]+)"')
_METRICS = re.compile(rb'"metrics":\{([^{}]*)\}')
_KEY = re.compile(rb'"([^"]+)":')


def _offered(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    found = dict.fromkeys(names)
    return [CompletionItem(name) for name in found if name.startswith(incomplete)]


def projects(ctx: click.Context, param: Any, incomplete: str) -> list[CompletionItem]:
    """The names of projects."""
    from hpogrid.config.home import home

    folder = home() / "projects"
    found = (path.parent.name for path in folder.glob("*/project.json"))
    return _offered(sorted(name for name in found if not name.startswith(".")), incomplete)


def projects_or_files(ctx: click.Context, param: Any, incomplete: str) -> list[CompletionItem]:
    """The names of projects; where none begins so, files."""
    return projects(ctx, param, incomplete) or [CompletionItem(incomplete, type="file")]


def configs_of(kind: str) -> Any:
    """A function that offers the names of the stored configs of a kind."""

    def configs(ctx: click.Context, param: Any, incomplete: str) -> list[CompletionItem]:
        if kind == "project":
            return projects(ctx, param, incomplete)
        from hpogrid.config.store import STORES

        return _offered(STORES[kind].names(), incomplete)

    return configs


def named_by_group(ctx: click.Context, param: Any, incomplete: str) -> list[CompletionItem]:
    """The names of the group's kind: of ``hpogrid hpo_config show`` the hpo configs."""
    group = ctx.parent.info_name if ctx.parent is not None else None
    kind = (group or "").replace("-", "_")
    offered: list[CompletionItem] = configs_of(kind)(ctx, param, incomplete)
    return offered


def tasks(ctx: click.Context, param: Any, incomplete: str) -> list[CompletionItem]:
    """The numbers of tasks, newest first."""
    from hpogrid.config.home import home

    folder = home() / "tasks"
    found = (path.name for path in folder.glob("*") if path.name.isdigit())
    return _offered(sorted(found, key=int, reverse=True), incomplete)


def sites(ctx: click.Context, param: Any, incomplete: str) -> list[CompletionItem]:
    """The kinds of site, and those that grid configs name."""
    from hpogrid.config.home import home
    from hpogrid.site import QUEUES, SITES

    kinds = [name for name in SITES if name != QUEUES]
    named = []
    for path in (home() / "grid").glob("*.json"):
        found = re.search(r'"site": *"([^"]+)"', path.read_text(errors="replace"))
        named += [found[1]] if found else []
    return _offered([*kinds, *sorted(named)], incomplete)


def metrics(ctx: click.Context, param: Any, incomplete: str) -> list[CompletionItem]:
    """The metrics of the project, or of the task, that stands on the command line."""
    return _offered(_metrics(ctx), incomplete)


def columns(ctx: click.Context, param: Any, incomplete: str) -> list[CompletionItem]:
    """What a report can show: metrics, and what is known of a trial."""
    known = ("trial", "state", "duration", "job", "host", "attempt", "seed", "reason", "task")
    return _offered([*_metrics(ctx), *known], incomplete)


def parameters(ctx: click.Context, param: Any, incomplete: str) -> list[CompletionItem]:
    """The parameters of the search space, or of the project, that stands on the command line."""
    import json

    from hpogrid.config.home import home

    name = next((text for text in _words(ctx)), "")
    paths = [home() / "search_space" / f"{name}.json", home() / "projects" / name / "project.json"]
    for path in paths:
        if name and path.is_file():
            data = json.loads(path.read_text(encoding="utf-8"))
            space = data.get("search_space", data)
            return _offered(space.get("parameters", {}), incomplete)
    return []


def trials(ctx: click.Context, param: Any, incomplete: str) -> list[CompletionItem]:
    """The trials of the task that stands on the command line."""
    found = [match.decode() for text in _ledgers(ctx) for match in _TRIAL.findall(text)]
    return _offered(found, incomplete)


def _metrics(ctx: click.Context) -> list[str]:
    from hpogrid.config.home import home

    found: list[str] = []
    for name in _words(ctx):
        path = home() / "projects" / name / "project.json"
        if path.is_file():
            given = re.search(r'"metric": *"([^"]+)"', path.read_text(encoding="utf-8"))
            found += given[1].split(",") if given else []
    for text in _ledgers(ctx):
        for inner in _METRICS.findall(text):
            found += [key.decode(errors="replace") for key in _KEY.findall(inner)]
    return list(dict.fromkeys(found))


def _words(ctx: click.Context) -> Iterator[str]:
    """What has been typed for the arguments, also where an option behind is unfinished."""
    for value in [*ctx.params.values(), *ctx.args]:
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str | int) and not isinstance(text, bool) and "/" not in str(text):
                yield str(text)


def _ledgers(ctx: click.Context) -> Iterator[bytes]:
    """The beginning of the ledgers of the task, or of the project's newest one."""
    from hpogrid.config.home import home

    for name in _words(ctx):
        folder = home() / "tasks" / name
        if not name.isdigit():
            folder = _newest(name) or folder
        for path in sorted(folder.glob("ledger/*.jsonl")) if name else []:
            with path.open("rb") as stream:
                yield stream.read(_MOST_READ)


def _newest(project: str) -> Any:
    from hpogrid.config.home import home

    found = [path for path in (home() / "tasks").glob("*") if path.name.isdigit()]
    for folder in sorted(found, key=lambda path: int(path.name), reverse=True):
        record = folder / "task.json"
        if record.is_file() and f'"project":"{project}"' in record.read_text().replace(" ", ""):
            return folder
    return None
