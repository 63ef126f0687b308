from __future__ import annotations

import json
from pathlib import Path

import pytest

from hpogrid.cli.main import run
from hpogrid.report import WRITERS
from tests.report.studies import store, submit


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    submit(store(), [3, 1, 2])


Output = pytest.CaptureFixture[str]


def test_the_table_is_printed_and_the_summary_is_a_message(capsys: Output) -> None:
    assert run(["report", "p", "--rows", "2"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == [
        "lr", "units", "momentum", "activation", "layers", "seed", "loss", "trial", "state",
    ]  # fmt: skip
    assert [line.split()[-3] for line in lines[1:3]] == ["1", "2"]
    assert lines[3].startswith("... and 1 more trials")
    assert err == "3 trials: 3 complete; best loss 1 (min)\n"


def test_every_file_is_written_and_its_path_printed(capsys: Output) -> None:
    options = ["--to-json", "--to_html", "--to_csv", "--to-pcp", "--outname", "out/r"]
    assert run(["report", "p", *options]) == 0
    paths = capsys.readouterr().out.splitlines()[-4:]
    assert sorted(paths) == [
        "out/r.csv", "out/r.html", "out/r.json", "out/r_parallel_coordinate_plot.html",
    ]  # fmt: skip
    assert sorted(map(str, Path("out").iterdir())) == sorted(paths)


def test_the_default_name(capsys: Output) -> None:
    assert run(["report", "p", "--to_csv"]) == 0
    assert Path("hpo_result.csv").is_file()


@pytest.mark.parametrize(
    ("option", "needed"),
    [("outname", "--to_csv"), ("port", "--live"), ("tracking_uri", "to_mlflow")],
)
def test_an_option_without_effect_is_named(option: str, needed: str, capsys: Output) -> None:
    assert run(["report", "p", f"--{option}", "7"]) == 0
    said = capsys.readouterr().err.splitlines()[0]
    assert said.startswith(f"--{option} has no effect without")
    assert needed in said


@pytest.mark.parametrize("form", ["json", "csv", "yaml"])
def test_other_forms_go_to_stdout_alone(
    form: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run(["report", "p", "--format", form, "--extra", "site,taskid", "--to_csv"]) == 0
    out, err = capfdbinary.readouterr()
    assert b"hpo_result.csv" in err
    if form == "json":
        assert json.loads(out)[0]["taskid"] == 1
    elif form == "csv":
        assert out.splitlines()[0].endswith(b"loss,trial,state,site,taskid")
        assert len(out.splitlines()) == 4
    else:
        assert b"site: local" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "q"], "no file q, and unknown project 'q'; known: p"),
        (["report", "p", "--extra", "stie"], "unknown extra column 'stie'"),
        (["report", "p", "--range", "x"], "'x' is no range of task ids"),
        (["report", "p", "--days", "nan"], "nan is not a number"),
        (["report", "p", "--outname", "x/", "--to_csv"], "--outname 'x/' names no file"),
        (["report", "p", "--outname", ".."], "--outname '..' names no file"),
        (["report", "p", "--range", "7-"], "no task of project 'p' passes the filters"),
        (["report", "p", "--metric", "acc"], "give --metric and --mode together"),
        (["report", "p", "--outname", "train.py/x", "--to_csv"], "cannot write"),
    ],
)
def test_mistakes_are_explained(arguments: list[str], message: str, capsys: Output) -> None:
    assert run(arguments) == 2
    assert message in capsys.readouterr().err
    assert list(Path().glob("*.csv")) == []


def test_the_older_name(capsys: Output) -> None:
    assert run(["report_grid", "p"]) == 0
    assert "3 trials" in capsys.readouterr().err


def test_every_report_format_is_an_option() -> None:
    from hpogrid.cli.report import report

    assert {f"to_{name}" for name in WRITERS} <= {item.name for item in report.params}
