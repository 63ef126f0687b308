"""``source setupenv.sh`` without installing anything: messages, ALRB, what it leaves behind."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.docs.shells import BOTH, SHELLS, SYSTEM, environment, run

ACTIVE = f"{Path(sys.executable).parent}:{SYSTEM}"


def source(
    shell: str, tmp_path: Path, script: str, path: str = ACTIVE, **variables: str
) -> tuple[int, str]:
    """Run a script in which SETUP is the path of setupenv.sh."""
    env = environment(tmp_path, path) | {"SETUP": str(ROOT / "setupenv.sh")} | variables
    answer = run([*SHELLS[shell], "-c", script], env, tmp_path)
    return answer.returncode, answer.stdout


def bare_checkout(tmp_path: Path) -> Path:
    """A checkout that nobody has set up yet, as far as `setupenv.sh` looks at it."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in ("setupenv.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, copy)
    return copy


def write_program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def only_tools(folder: Path) -> str:
    """A PATH without any Python."""
    folder.mkdir(exist_ok=True)
    for tool in ("cat", "cksum", "dirname", "mkdir"):
        (folder / tool).symlink_to(str(shutil.which(tool)))
    return str(folder)


@pytest.mark.parametrize("shell", BOTH)
class TestNoConda:
    def test_takes_the_active_environment_and_can_be_sourced_twice(
        self, shell: str, tmp_path: Path
    ) -> None:
        code, said = source(
            shell,
            tmp_path,
            'source "$SETUP" no-conda && before=$PATH && source "$SETUP" no-conda &&'
            '[ "$before" = "$PATH" ] && echo "$HPOGRID_BASE_PATH" && hpogrid --version',
        )
        assert code == 0, said
        assert said.splitlines()[0] == str(ROOT)
        assert said.splitlines()[1].startswith("hpogrid, version ")

    def test_says_that_no_environment_is_active(self, shell: str, tmp_path: Path) -> None:
        code, said = source(shell, tmp_path, '. "$SETUP" no-conda', only_tools(tmp_path / "bin"))
        assert code == 1
        assert "no-conda needs an active environment with python3" in said

    def test_strict_shells_survive(self, shell: str, tmp_path: Path) -> None:
        strict = "set -eu; set -o noclobber; "
        code, said = source(shell, tmp_path, strict + 'source "$SETUP" no-conda; echo alive')
        assert (code, said) == (0, "alive\n")

    def test_leaves_nothing_behind_but_what_it_says(self, shell: str, tmp_path: Path) -> None:
        names = {
            "bash": "{ compgen -A function; compgen -v; } | sort",
            "zsh": 'print -l "${(@k)functions}" "${(@k)parameters}" | sort',
        }[shell]
        _, said = source(
            shell,
            tmp_path,
            f'names() {{ {names}; }}; before=""; after=""; '
            'before=$(names); source "$SETUP" no-conda; after=$(names); '
            'diff <(echo "$before") <(echo "$after")',
        )
        changed = {line[2:] for line in said.splitlines() if line[:1] in "<>"}
        assert changed - {"PIPESTATUS", "_", "BASH_LINENO"} == {"HPOGRID_BASE_PATH"}, said

    def test_completes_commands(self, shell: str, tmp_path: Path) -> None:
        copy = bare_checkout(tmp_path)
        look = {"bash": "complete -p hpogrid", "zsh": "echo ${_comps[hpogrid]}"}[shell]
        env = environment(tmp_path, ACTIVE)
        script = f"source {copy}/setupenv.sh no-conda; {look}"
        answer = run([*SHELLS[shell], "-i", "-c", script], env, tmp_path)
        assert "_hpogrid_completion" in answer.stdout.splitlines()[-1]
        assert (copy / ".cache" / f"completion.{shell}").stat().st_size > 200

    def test_refuses_what_it_does_not_know(self, shell: str, tmp_path: Path) -> None:
        code, said = source(shell, tmp_path, 'source "$SETUP" conda')
        assert code == 1
        assert said == "setupenv.sh: 'conda' is not known; the only argument is no-conda\n"

    def test_says_that_it_has_to_be_sourced(self, shell: str, tmp_path: Path) -> None:
        answer = run(
            [*SHELLS[shell], str(ROOT / "setupenv.sh")], environment(tmp_path, ACTIVE), tmp_path
        )
        assert answer.returncode == 1
        assert "it has to be sourced" in answer.stdout


@pytest.mark.parametrize("shell", BOTH)
class TestNoPython:
    def test_names_the_package_of_python(self, shell: str, tmp_path: Path) -> None:
        copy = bare_checkout(tmp_path)
        code, said = source(shell, tmp_path, f". {copy}/setupenv.sh", only_tools(tmp_path / "bin"))
        assert code == 1
        assert "there is no Python 3.11 or newer here" in said
        assert "apt-get install python3 python3-venv" in said

    def test_an_old_python_is_none(self, shell: str, tmp_path: Path) -> None:
        path = only_tools(tmp_path / "bin")
        write_program(tmp_path / "bin", "python3", "exit 1")
        copy = bare_checkout(tmp_path)
        code, said = source(shell, tmp_path, f". {copy}/setupenv.sh", path)
        assert (code, "there is no Python 3.11 or newer" in said) == (1, True)

    def test_names_the_package_of_venv(self, shell: str, tmp_path: Path) -> None:
        path = only_tools(tmp_path / "bin")
        without_venv = f'case "$*" in *ensurepip*) exit 1 ;; *) exec {sys.executable} "$@" ;; esac'
        write_program(tmp_path / "bin", "python3", without_venv)
        copy = bare_checkout(tmp_path)
        code, said = source(shell, tmp_path, f". {copy}/setupenv.sh", path)
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        assert code == 1
        assert f"apt-get install python{version}-venv" in said
        assert not (copy / ".venv").exists()


def without_clients(folder: Path) -> str:
    """The active environment as it is without the clients of PanDA and Rucio."""
    for name in ("python3", "python", "hpogrid"):
        write_program(folder, name, f'exec "{Path(sys.executable).parent / name}" "$@"')
    return f"{folder}:{SYSTEM}"


ALRB = """
lsetup() {
    echo "lsetup $*"
    export PATH="$ATLAS_LOCAL_ROOT_BASE/bin:$PATH"
}
"""


@pytest.mark.parametrize("shell", BOTH)
class TestLoginNode:
    def test_sets_up_panda_and_rucio_once(self, shell: str, tmp_path: Path) -> None:
        base = tmp_path / "alrb"
        (base / "user").mkdir(parents=True)
        (base / "user" / "atlasLocalSetup.sh").write_text(ALRB)
        write_program(base / "bin", "prun", "true")
        write_program(base / "bin", "rucio", "true")
        twice = 'source "$SETUP" no-conda; source "$SETUP" no-conda; command -v prun'
        path = without_clients(tmp_path / "active")
        code, said = source(shell, tmp_path, twice, path, ATLAS_LOCAL_ROOT_BASE=str(base))
        assert code == 0
        assert said.splitlines() == ["lsetup --quiet panda rucio", f"{base}/bin/prun"]

    def test_goes_on_when_alrb_is_broken(self, shell: str, tmp_path: Path) -> None:
        path = without_clients(tmp_path / "active")
        code, said = source(
            shell, tmp_path, 'source "$SETUP" no-conda', path, ATLAS_LOCAL_ROOT_BASE="/nowhere"
        )
        assert code == 0
        assert "going on without panda and rucio" in said


def test_other_shells_are_told(tmp_path: Path) -> None:
    env = environment(tmp_path, ACTIVE)
    answer = run(["sh", "-c", f". {ROOT}/setupenv.sh"], env, tmp_path)
    assert answer.returncode == 1
    assert "neither bash nor zsh" in answer.stdout
