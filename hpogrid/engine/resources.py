"""What this machine lets a job use, and how it is shared out among trials."""

from __future__ import annotations

import itertools
import math
import os
import shutil
import subprocess
from pathlib import Path

from hpogrid.config.project import Project
from hpogrid.engine.nodes import NODES, job_nodes, share_nodes
from hpogrid.errors import UserError

_GPU_VARIABLES = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
_CORES_VARIABLES = ("SLURM_CPUS_PER_TASK", "NSLOTS", "_CONDOR_NPROCS", "ATHENA_PROC_NUMBER")
"""How Slurm, Grid Engine, HTCondor and PanDA's pilot tell a job its cores."""
_NO_GPU = ("", "-1", "NoDevFiles", "void", "none")


def cpu_count() -> int:
    """The cores that this process may use: affinity, cgroups (v1 and v2), batch variables."""
    limits = [float(len(os.sched_getaffinity(0))), *_cgroup_limits()]
    return max(1, math.floor(min([*limits, *_given_cores()])))


def _given_cores() -> list[int]:
    values = (os.environ.get(variable, "") for variable in _CORES_VARIABLES)
    return [int(value) for value in values if value.isdigit() and int(value)]


def presume_cores(count: int) -> None:
    """Have so many cores where the batch system does not say how many there are."""
    if not _given_cores():
        os.environ[_CORES_VARIABLES[-1]] = str(count)


def trials_on_a_node(project: Project) -> int:
    """How many trials are to run at once on each node of a job."""
    config = project.hpo_config
    if config.nodes_per_trial:
        return 1
    return math.ceil(config.at_once / (project.grid_config.nodes or 1))


def wanted_cores(project: Project) -> int | None:
    """The cores that a job asks for on each of its nodes; None: nobody says how many."""
    config = project.hpo_config
    if project.grid_config.cpus is not None or config.cpus_per_trial is None:
        return project.grid_config.cpus
    return math.ceil(config.cpus_per_trial * trials_on_a_node(project))


def cores_decide(project: Project) -> bool:
    """Whether the cores that a job is given limit its trials: nobody asked for cores or GPUs."""
    gpus = project.grid_config.gpus or project.hpo_config.gpus_per_trial
    return wanted_cores(project) is None and not gpus


def _cgroup_limits() -> list[float]:
    limits = []
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            limits.append(int(quota) / int(period))
    except (OSError, ValueError):
        pass
    try:
        folder = Path("/sys/fs/cgroup/cpu")
        micros = int((folder / "cpu.cfs_quota_us").read_text())
        if micros > 0:
            limits.append(micros / int((folder / "cpu.cfs_period_us").read_text()))
    except (OSError, ValueError):
        pass
    return limits


def gpu_ids() -> list[str]:
    """The GPUs that this process may use, as the names that the drivers understand."""
    for variable in _GPU_VARIABLES:
        value = os.environ.get(variable)
        if value is not None:
            ids = (item.strip() for item in value.split(","))
            return list(itertools.takewhile(lambda name: name not in _NO_GPU, ids))
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, "--query-gpu=index", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return answer.stdout.split()


def share_gpus(concurrent: int, per_trial: float, gpus: list[str]) -> list[tuple[str, ...]]:
    """GPU ids for each of at most ``concurrent`` slots.

    Args:
        concurrent: how many trials shall run at once.
        per_trial: GPUs of a trial: a whole number, a fraction below 1 to share one, or 0: deal
            out those of the job.
        gpus: the ids there are.

    Raises:
        UserError: fewer GPUs than one trial needs.
    """
    if per_trial == 0:
        return deal_gpus(concurrent, gpus)
    if len(gpus) < per_trial or not gpus:
        raise UserError(
            f"a trial needs {per_trial:g} GPUs and this job sees {len(gpus)}; "
            "lower gpus_per_trial in the hpo config, or run where there are more"
        )
    slots: list[tuple[str, ...]]
    if per_trial < 1:
        slots = [(gpu,) for _ in range(int(1 / per_trial + 1e-9)) for gpu in gpus]
    else:
        size = int(per_trial)
        starts = range(0, len(gpus) - size + 1, size)
        slots = [tuple(gpus[start : start + size]) for start in starts]
    return slots[:concurrent]


def deal_gpus(concurrent: int, gpus: list[str]) -> list[tuple[str, ...]]:
    """The GPUs of a job among its slots: several each, or each one for several slots."""
    if len(gpus) >= concurrent:
        return [tuple(gpus[slot::concurrent]) for slot in range(concurrent)]
    return [(gpus[slot % len(gpus)],) if gpus else () for slot in range(concurrent)]


def slot_environments(project: Project, slots: int) -> list[dict[str, str]]:
    """What each of so many workers has of the job: GPUs and threads, or whole nodes.

    Raises:
        UserError: fewer GPUs than a trial needs.
    """
    config = project.hpo_config
    if config.nodes_per_trial is not None:
        cores = config.cpus_per_trial or cpu_count()
        shares = share_nodes(slots, config.nodes_per_trial, job_nodes())
        return [{NODES: ",".join(share), **slot_environment((), cores)} for share in shares]
    wanted = config.gpus_per_trial or project.grid_config.gpus
    gpus = share_gpus(slots, config.gpus_per_trial, gpu_ids() if wanted else [])
    cores = config.cpus_per_trial or cpu_count() / len(gpus)
    return [slot_environment(own, cores) for own in gpus]


def slot_environment(gpus: tuple[str, ...], cpus: float) -> dict[str, str]:
    """The environment of a worker: its GPUs, and how many threads libraries may start.

    Args:
        gpus: the ids of its GPUs.
        cpus: its share of the cores.
    """
    variables: dict[str, str] = {}
    if gpus:
        variables |= dict.fromkeys(_GPU_VARIABLES[:1], ",".join(gpus))
        for variable in _GPU_VARIABLES[1:]:
            if variable in os.environ:
                variables[variable] = ",".join(gpus)
    threads = str(max(1, math.floor(cpus)))
    return variables | {name: threads for name in _THREAD_VARIABLES if name not in os.environ}


def trials_at_once(project: Project) -> int:
    """How many trials the cores, or the nodes, of this job carry at once.

    Raises:
        UserError: fewer cores, or nodes, than one trial needs.
    """
    config = project.hpo_config
    wanted = config.at_once
    if config.nodes_per_trial is not None:
        return len(share_nodes(wanted, config.nodes_per_trial, job_nodes()))
    if config.cpus_per_trial is not None:
        return share_cpus(wanted, config.cpus_per_trial)
    given = _given_cores()
    return min(wanted, *given) if given and cores_decide(project) else wanted


def share_cpus(concurrent: int, per_trial: float) -> int:
    """How many of ``concurrent`` trials the cores of this job carry at once.

    Raises:
        UserError: fewer cores than one trial needs.
    """
    carried = math.floor(cpu_count() / per_trial + 1e-9)
    if carried < 1:
        raise UserError(
            f"a trial needs {per_trial:g} CPU cores and this job has {cpu_count()}; "
            "lower cpus_per_trial in the hpo config"
        )
    return min(concurrent, carried)
