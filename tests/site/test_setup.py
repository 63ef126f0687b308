"""What comes before a job: the user's lines of shell, and environment variables."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from hpogrid.config.project import project_path
from hpogrid.config.schemas import GridConfig
from hpogrid.errors import UserError
from hpogrid.job.settings import START, JobSettings
from hpogrid.site import control
from hpogrid.site.panda.bundle import bundle_content
from hpogrid.site.setup import setup_lines
from tests.commands import ok, parsed, refused
from tests.projects import run_project, store_project, trials_of, wait_for

SETUP = "greet() { echo \"$1\"; }\nsource ./more.sh 2>/dev/null\nexport GREETING=$(greet 'a b')"
VARIABLES = {"ODD": 'it\'s $HOME\n"two" lines'}
TELLS = f"""
import os
def train(config):
    return {{"loss": 0.0, "ok": os.environ["GREETING"] == "a b" and os.environ["ODD"] == ODD}}
ODD = {VARIABLES["ODD"]!r}
"""


@pytest.mark.parametrize("site", ["slurm", "sge", "htcondor", "pbs", "local"])
def test_the_script_shows_it(site: str) -> None:
    grid = {"site": site, "walltime": "1h", "setup": SETUP, "environment": VARIABLES}
    store_project(grid=grid)
    text = "\n".join(control.plan("p", site=None, n_jobs=1))
    assert text.index("exec bash") < text.index("greet()") < text.index("hpogrid_job.py")
    assert "export ODD='it'" in text


@pytest.mark.engine
def test_a_job_of_this_machine_runs_after_it() -> None:
    store_project(TELLS, grid={"site": "local", "setup": SETUP, "environment": VARIABLES}, trials=1)
    task = control.submit("p", site=None, n_jobs=1)
    wait_for(lambda: control.overview([task])[0].status == "done", 60)
    assert [trial.metrics["ok"] for trial in trials_of(task)] == [True]


def test_the_program_of_a_grid_job_does_it_first(tmp_path: Path) -> None:
    store_project(grid={"site": "A", "setup": SETUP, "environment": VARIABLES})
    settings = JobSettings(name="t", seed=1, n_jobs=1)
    program = tmp_path / START
    data = bundle_content(project_path("p"), settings)[START]
    assert isinstance(data, bytes)
    program.write_bytes(data)
    tell = "import os; print(os.environ['GREETING'], repr(os.environ['ODD']))"
    words = ["sh", str(program), "python3", "-c", tell]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert said == f"a b {VARIABLES['ODD']!r}\n"


ODD = "it's \\n $HOME `x`"


@pytest.mark.parametrize("site", ["slurm", "sge", "htcondor", "pbs", "local"])
def test_the_script_begins_in_the_working_directory(site: str, tmp_path: Path) -> None:
    place = tmp_path / ODD
    store_project(grid={"site": site, "walltime": "1h", "setup": "pwd", "workdir": str(place)})
    script = "\n".join(control.plan("p", site=None, n_jobs=1))
    assert script.index(f"cd {shlex.quote(str(place))} ") < script.index("\n  pwd\n")
    lines = setup_lines(GridConfig(setup="pwd -P", workdir=str(place)))
    missing = subprocess.run(["sh", "-c", lines], capture_output=True, text=True, check=False)
    said = f"hpogrid: workdir: there is no folder {place} on {os.uname().nodename}\n"
    assert (missing.returncode, missing.stdout, missing.stderr) == (1, "", said)
    place.mkdir()
    there = subprocess.run(["sh", "-c", lines], capture_output=True, text=True, check=True)
    assert there.stdout == f"{place}\n"


def test_a_grid_job_goes_on_in_its_own_folder_after_it(tmp_path: Path) -> None:
    place, folder = tmp_path / ODD, tmp_path / "job"
    place.mkdir()
    folder.mkdir()
    store_project(grid={"site": "A", "setup": "pwd", "workdir": str(place)})
    data = bundle_content(project_path("p"), JobSettings(name="t", seed=1, n_jobs=1))[START]
    assert isinstance(data, bytes)
    (folder / START).write_bytes(data)
    (folder / "x.py").write_text("import os; print(os.getcwd())")
    words = ["sh", START, "python3", "x.py"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == f"{place}\n{folder}\n"


def test_nothing_is_nothing() -> None:
    assert setup_lines(GridConfig()) == ""


def test_a_file_of_lines(tmp_path: Path) -> None:
    (tmp_path / "setup.sh").write_text("module load gcc\nulimit -s unlimited\n")
    ok("grid_config", "create", "g", "--setup", f"@{tmp_path / 'setup.sh'}")
    assert parsed("grid_config", "show", "g")["setup"] == "module load gcc\nulimit -s unlimited"
    ok("grid_config", "update", "g", "--setup", "module load cuda")
    assert parsed("grid_config", "show", "g")["setup"] == "module load cuda"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--setup", "a\x07b"], "setup: it has a character that no shell reads"),
        (["--environment", '{"a-b": "1"}'], "environment: 'a-b' is no name of a variable"),
        (["--environment", '{"HPOGRID_HOME": "/"}'], "HPOGRID_HOME is set by hpogrid itself"),
        (["--workdir", "data"], "workdir: 'data' is no absolute path; write /PATH/TO/FOLDER"),
        (["--workdir", "/a\nb"], "workdir: '/a\\nb' is no absolute path"),
        *(
            (["--site", site, "--nodes", "2"], f"nodes: a job at {site} has one node, not 2; leave")
            for site in ("local", "sge", "htcondor", "htcondor-transfer", "ANALY_SOMEWHERE")
        ),
        (
            ["--site", "slurm", "--nodes", "2", "--extra", '{"nodes": "2-4"}'],
            "extra: 'nodes' and nodes both say how many nodes a job has",
        ),
        (["--site", "slurm", "--extra", '{"partitoin": "x"}'], "did you mean partition"),
        (["--site", "slurm", "--extra", '{"clusters": "two"}'], "unknown Slurm option 'clusters'"),
        (
            ["--site", "slurm", "--walltime", "1h", "--extra", '{"time": "20"}'],
            "extra: 'time' and walltime both limit the time of a job",
        ),
        (
            ["--site", "sge", "--walltime", "1h", "--extra", '{"l": {"h_rt": 20}}'],
            "extra: 'l h_rt' and walltime both limit",
        ),
        (
            ["--site", "slurm", "--memory", "4G", "--extra", '{"--mem-per-cpu": "1G"}'],
            "extra: '--mem-per-cpu' and memory both say how much memory a job has",
        ),
        (
            ["--site", "slurm", "--gpus", "1", "--extra", '{"gres": "gpu:2"}'],
            "extra: 'gres' and gpus both say how many GPUs a job has",
        ),
        (
            ["--site", "slurm", "--max_attempts", "3", "--extra", '{"no-requeue": true}'],
            "extra: 'no-requeue' and max_attempts both say whether a job is queued again",
        ),
        (
            ["--site", "htcondor", "--cpus", "2", "--extra", '{"request_cpus": 4}'],
            "extra: 'request_cpus' and cpus both say how many cores",
        ),
    ],
)
def test_what_cannot_be(words: list[str], says: str) -> None:
    assert says in refused("grid_config", "create", "g", *words)


def test_a_native_option_that_is_left_out_contradicts_nothing() -> None:
    ok("grid_config", "create", "g", "--site", "slurm", "--memory", "4G", "--extra",
       '{"mem": null, "gres": "nvme:1"}')  # fmt: skip


def test_nodes_that_nothing_uses_are_told() -> None:
    store_project(grid={"site": "slurm", "extra": {"nodes": 2}})
    text = "\n".join(control.plan("p", site=None, n_jobs=1))
    assert "note: each job gets 2 nodes, and hpogrid runs its trials on the first one only" in text


def test_a_job_is_told_its_nodes(tmp_path: Path) -> None:
    store_project(grid={"site": "slurm", "nodes": 2}, scheduler_param={"max_concurrent": 6},
                  trials=9, cpus_per_trial=2)  # fmt: skip
    lines = "\n".join(control.plan("p", site=None, n_jobs=1))
    for line in (
        "#SBATCH --nodes=2",
        "#SBATCH --cpus-per-task=6",
        'export HPOGRID_NODES="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | paste -s -d ,)"',
        "export HPOGRID_ON_NODE='srun --overlap --cpu-bind=none --nodes=1 --ntasks=1 --nodelist'",
    ):
        assert f"  {line}\n" in lines
    with pytest.raises(UserError, match="nodes: a job at local has one node"):
        control.submit("p", site="local", n_jobs=1)
    (tmp_path / "image.sif").touch()
    grid = {"site": "slurm", "nodes": 2, "container": str(tmp_path / "image.sif")}
    store_project(grid=grid, name="contained")
    with pytest.raises(UserError, match="nodes: a job in a container starts nothing on its other"):
        control.submit("contained", site=None, n_jobs=1)


@pytest.mark.parametrize("name", ["SIGUSR1", "SIGUSR2", "SIGXCPU"])
def test_a_warning_of_the_end_leaves_the_rest_to_the_next_attempt(name: str) -> None:
    script = f"""
import os, signal, time
def train(config):
    guard = open(f"/proc/{{os.getppid()}}/stat").read().rpartition(")")[2].split()[1]
    os.kill(int(guard), signal.{name})
    time.sleep(30)
"""
    task, result, _ = run_project(store_project(script, trials=2))
    assert result.state == "unfinished"
    assert f"the time of the job is up: {name}" in result.reason
    assert control.retryable(task) == [0]
