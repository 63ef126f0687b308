"""docker/: the Dockerfile and the Apptainer definition make the same image."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

DOCKER = Path(__file__).parents[2] / "docker"


def joined(name: str) -> list[str]:
    """The lines of a file without comments; what a backslash breaks is one line."""
    text = (DOCKER / name).read_text().replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]


def commands(lines: list[str]) -> list[str]:
    """Shell commands, one each, as the same words whoever wrote them."""
    found = [part.strip() for line in lines for part in line.split("&&")]
    found = [line for line in found if line not in ("fi",) and not line.startswith("if ")]
    return [re.sub(r"\s+", " ", line) for line in found]


def docker() -> tuple[list[str], dict[str, str], set[str], str]:
    """Commands, environment, copied paths, and the base image of the Dockerfile."""
    run, environment, copied, base = [], dict[str, str](), set[str](), ""
    for line in joined("Dockerfile"):
        word, _, rest = line.partition(" ")
        if word == "RUN":
            run.append(rest)
        elif word == "ENV":
            environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        elif word == "COPY":
            *sources, target = rest.split()
            copied |= {f"{source} /src/{source}" for source in sources}
            assert target.startswith("/src")
        elif word == "FROM":
            base = rest
    return commands(run), environment, copied, base


def definition() -> tuple[list[str], dict[str, str], set[str], str]:
    """The same of the Apptainer definition."""
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in joined("hpogrid.def"):
        if line.startswith("%"):
            lines = sections.setdefault(line, [])
        else:
            lines.append(line)
    arguments = dict(line.split("=", 1) for line in sections["%arguments"])
    exports = [line.removeprefix("export ") for line in sections["%environment"]]
    return (
        commands(sections["%post"]),
        dict(line.split("=", 1) for line in exports),
        set(sections["%files"]),
        arguments["FROM"],
    )


def the_same(command: str) -> str:
    """A command without what only the way of writing makes different."""
    command = command.replace('"$VIRTUAL_ENV"', "/opt/hpogrid").replace(
        "/opt/hpogrid/bin/pip", "pip"
    )
    command = command.replace("{{ EXTRAS }}", "EXTRAS").replace("$EXTRAS", "EXTRAS")
    return command.replace('"hpogrid[EXTRAS] @ file:///src"', '"/src[EXTRAS]"')


def test_they_install_the_same() -> None:
    run, environment, copied, base = docker()
    post, exports, files, origin = definition()
    assert [the_same(line) for line in run] == [
        the_same(line) for line in post if not line.startswith("mkdir")
    ]
    assert environment == exports
    assert copied == files
    assert base == origin


def test_they_install_from_the_checkout_with_tested_versions() -> None:
    run, _, copied, _ = docker()
    (install,) = [line for line in run if "pip install" in line]
    assert "--constraint /src/constraints.txt" in install
    for path in copied:
        assert (DOCKER.parent / path.split()[0]).exists(), path


def test_they_have_the_same_extras() -> None:
    assert "ARG EXTRAS=examples" in joined("Dockerfile")
    assert "EXTRAS=examples" in joined("hpogrid.def")


def test_both_have_the_folder_of_the_specification() -> None:
    assert "WORKDIR /hpogrid/project" in joined("Dockerfile")
    assert "mkdir -p /hpogrid/project" in joined("hpogrid.def")
