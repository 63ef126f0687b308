"""Third document: the command lines of its examples and tables, as they are printed there."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from hpogrid.config.project import load_project
from hpogrid.site.tasks import find_tasks
from tests.commands import ok, parsed, refused
from tests.docs.pages import ROOT
from tests.projects import study_of

EXAMPLE_1 = r"""
# Create Configuration Files
hpogrid model_config create simple_objective_model --script simple_objective.py --model simple_objective
hpogrid search_space create simple_objective_space '{"height":{"method":"uniform","dimension":{"low":-100,"high":100}}, "width":{"method":"uniform","dimension":{"low":0,"high":20}}}'
hpogrid hpo_config create random_search_min_loss --algorithm random --metric loss --mode min --trials 200
hpogrid grid_config create manc_standard --site ANALY_MANC_GPU_TEST
# Create a Project with the Configuration Files
hpogrid project create simple_objective --scripts_path ${HPOGRID_BASE_PATH}/example/scripts/simple_objective.py --model_config simple_objective_model --search_space simple_objective_space --hpo_config random_search_min_loss --grid_config manc_standard
# Submit Grid Jobs corresponding to the Project
hpogrid run simple_objective --n_jobs 3
"""  # noqa: E501 - as it is printed

EXAMPLE_2 = r"""
# Create Configuration Files
hpogrid model_config create simple_trainable_model --script simple_trainable.py --model MyTrainableClass
hpogrid search_space create simple_trainable_space '{"alpha":{"method":"uniform","dimension":{"low":-10,"high":10}}, "beta": {"method":"categorical","dimension":{"categories":[-1,0,1,2,3,4,5]}}}'
hpogrid hpo_config create bayesian_min_loss --algorithm bayesian --metric loss --mode min --trials 200
# If you have already created the grid config manc_standard, you may skip the following line
hpogrid grid_config create manc_standard --site ANALY_MANC_GPU_TEST
# Create a Project with the Configuration Files
hpogrid project create simple_trainable --scripts_path ${HPOGRID_BASE_PATH}/example/scripts/simple_trainable.py --model_config simple_trainable_model --search_space simple_trainable_space --hpo_config bayesian_min_loss --grid_config manc_standard
# Submit Grid Jobs corresponding to the Project
hpogrid run simple_trainable --n_jobs 3
"""  # noqa: E501

EXAMPLE_3 = r"""
# Create Configuration Files
hpogrid model_config create mnist_cnn --script mnist.py --model MNISTTrainable
hpogrid search_space create mnist_cnn_space '{"hidden": {"method": "categorical", "dimension": {"categories": [32, 64, 128]}},"batchsize": {"method": "categorical", "dimension": {"categories": [32, 64, 128, 256, 512]}}, "lr": {"method": "loguniform", "dimension": {"low": 4.5e-05, "high": 1.83e-2}}, "beta": {"method": "uniform", "dimension": {"low": 0.5, "high": 1.0}}}'
hpogrid hpo_config create hyperopt_min_loss --algorithm hyperopt --mode min --trials 200
# If you have already created the grid config manc_standard, you may skip the following line
hpogrid grid_config create manc_standard --site ANALY_MANC_GPU_TEST
# Create a Project with the Configuration Files
hpogrid project create mnist_cnn --scripts_path ${HPOGRID_BASE_PATH}/example/scripts/mnist.py --model_config mnist_cnn --search_space mnist_cnn_space --hpo_config hyperopt_min_loss --grid_config manc_standard
# Submit Grid Jobs corresponding to the Project
hpogrid run simple_trainable --n_jobs 3
"""  # noqa: E501


def words(line: str) -> list[str]:
    """The arguments of a command line, as a shell makes them."""
    first, *rest = shlex.split(line.replace("${HPOGRID_BASE_PATH}", str(ROOT)))
    assert first == "hpogrid"
    return rest


def lines(example: str) -> list[list[str]]:
    """All commands of an example but the last, which submits."""
    typed = [line for line in example.strip().splitlines() if not line.startswith("#")]
    assert typed[-1].startswith("hpogrid run ")
    return [words(line) for line in typed[:-1]]


def type_all(example: str, trials: int) -> str:
    """Type an example; then the same once more with ``recreate``, for this machine.

    Args:
        trials: instead of 200.

    Returns:
        The name of its project.
    """
    for arguments in lines(example):
        ok(*arguments)
    project: list[str] = []
    for arguments in lines(example):
        assert "exists; use recreate to replace it" in refused(*arguments)
        arguments[1] = "recreate"
        few = ["local" if word == "ANALY_MANC_GPU_TEST" else word for word in arguments]
        project = [str(trials) if word == "200" else word for word in few]
        ok(*project)
    return project[2]


def submit(name: str, finished: int) -> None:
    """Submit three jobs, as all examples do, and wait for them."""
    ok("run", name, "--n_jobs", "3")
    ok("tasks", "show", "--watch")
    (task,) = find_tasks(project=name)
    study = study_of(task)
    assert [trial.state for trial in study] == ["complete"] * finished
    assert {trial.job for trial in study} == {0, 1, 2}


def test_example_1() -> None:
    name = type_all(EXAMPLE_1, trials=5)
    assert name == "simple_objective"
    submit(name, 15)
    rows = parsed("report", name, "--format", "json")
    assert len(rows) == 15
    for row in rows:
        assert row["loss"] == pytest.approx((row["height"] - 14) ** 2 - abs(row["width"] - 3))


def test_example_1_as_printed_goes_to_the_grid() -> None:
    for arguments in lines(EXAMPLE_1):
        ok(*arguments)
    config = load_project("simple_objective").grid_config
    assert config.site == "ANALY_MANC_GPU_TEST"
    assert config.container.endswith("alkaid-qt/hpogrid:latest")
    assert config.outDS.startswith("user.${RUCIO_ACCOUNT}.hpogrid.{HPO_PROJECT_NAME}.out.")


@pytest.mark.engine
def test_example_2() -> None:
    name = type_all(EXAMPLE_2, trials=4)
    submit(name, 12)


@pytest.mark.engine
def test_example_3() -> None:
    type_all(EXAMPLE_2, trials=2)
    for kind in ("grid_config", "hpo_config"):
        assert parsed(kind, "list", "--format", "json")
    ok("grid_config", "remove", "manc_standard", "--yes")
    name = type_all(EXAMPLE_3, trials=2)
    assert load_project(name).hpo_config.metric == "accuracy"
    submit(name, 6)
    (task,) = find_tasks(project=name)
    assert all(set(trial.metrics) >= {"loss", "accuracy"} for trial in study_of(task))


MY_SPACE = r"""hpogrid search_space create my_search_space '{ "lr":{"method":"loguniform","dimension":{"low":1e-5,"high":1e-2, "base":10}},\
"batchsize":{"method":"categorical","dimension":{"categories":[32,64,128,256,512,1024]}},\
"num_layers":{"method":"uniformint","dimension":{"low":3,"high":10}},\
"momentum":{"method":"uniform","dimension":{"low":0.5,"high":1.0}} }'
"""  # noqa: E501


def test_the_search_space_of_the_examples() -> None:
    ok(*words(MY_SPACE))
    (point,) = parsed("search_space", "sample", "my_search_space", "-n", "1", "--format", "json")
    assert list(point) == ["lr", "batchsize", "num_layers", "momentum"]


HPO = {
    "algorithm": "random",
    "metric": "accuracy",
    "mode": "max",
    "scheduler": "asynchyperband",
    "trials": 100,
    "log_dir": "./log",
    "verbose": False,
    "stop": {"training_iteration": 1},
    "scheduler_param": {"max_concurrent": 4},
    "algorithm_param": {},
}
CHOICES = {
    "algorithm": ["hyperopt", "skopt", "bohb", "ax", "tune", "random", "bayesian"],
    "scheduler": ["asynchyperband", "bohbhyperband", "pbt"],
    "mode": ["max", "min"],
}


def test_the_table_of_the_hpo_configuration() -> None:
    ok("hpo_config", "create", "defaults")
    shown = parsed("hpo_config", "show", "defaults")
    assert {name: shown[name] for name in HPO} == HPO
    for option, choices in CHOICES.items():
        for choice in choices:
            ok("hpo_config", "create", f"{option}-{choice}", f"--{option}", choice)
    ok("hpo_config", "create", "all", "--algorithm", "skopt", "--metric", "loss", "--mode", "min",
       "--scheduler", "asynchyperband", "--trials", "7", "--log_dir", "./logs", "--verbose",
       "--stop", '{"training_iteration": 2}', "--scheduler_param", '{"max_concurrent": 2}',
       "--algorithm_param", "{}")  # fmt: skip
    assert parsed("hpo_config", "show", "all")["verbose"] is True


def test_the_table_of_the_grid_configuration() -> None:
    ok("grid_config", "create", "g", "--site", "S", "--container", "docker://c", "--retry",
       "--inDS", "user.me.in", "--outDS", "user.me.out")  # fmt: skip
    shown = parsed("grid_config", "show", "g")
    assert {name: shown[name] for name in ("site", "container", "retry", "inDS", "outDS")} == {
        "site": "S", "container": "docker://c", "retry": True,
        "inDS": "user.me.in", "outDS": "user.me.out",
    }  # fmt: skip


def test_every_action_on_every_kind() -> None:
    options = {
        "hpo_config": (["--trials", "5"], ["--mode", "min"]),
        "grid_config": (["--site", "local"], ["--retry"]),
        "model_config": (["--script", "a.py"], ["--model", "f"]),
        "search_space": (['{"x":{"method":"uniform","dimension":{"low":0,"high":1}}}'],
                         ['{"y":{"method":"uniformint","dimension":{"low":0,"high":1}}}']),
    }  # fmt: skip
    for kind, (first, more) in options.items():
        ok(kind, "create", "c", *first)
        ok(kind, "update", "c", *more)
        ok(kind, "recreate", "c", *first)
        assert "c" in ok(kind, "list")
        ok(kind, "show", "c")
        ok(kind, "remove", "c", "--yes")
        assert "unknown" in refused(kind, "show", "c")


def test_the_tables_of_tasks_and_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = type_all(EXAMPLE_1, trials=2)
    ok("local_run", name)
    ok("tasks", "show", "--username", "", "--limit", "1000", "--days", "30", "--taskname", "*",
       "--metadata", "--sync", "--range", "1-9", "--output", "tasks.json",
       "--outcol", "jeditaskid,status,taskname,computingsite,metastruct")  # fmt: skip
    ok("tasks", "show", "--jeditaskid", "1")
    ok("report", name, "--limit", "1000", "--days", "30", "--taskname", "*", "--range", "1-",
       "--extra", "site", "--extra", "task_time_s", "--extra", "time_s", "--extra", "taskid",
       "--outname", "mine", "--to_json", "--to_html", "--to_csv", "--to_pcp")  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {
        "tasks.json", "mine.json", "mine.html", "mine.csv",
        "mine_parallel_coordinate_plot.html",
    }  # fmt: skip
    for action in ("kill", "retry"):
        assert refused("tasks", action, "77").startswith("there is no task 77")
