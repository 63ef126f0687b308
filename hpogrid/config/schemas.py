"""The schemas of the stored configs: one struct for each kind, the only place that knows it.

The command-line options, the checks when a config is stored, the JSON Schema and the tables of
the documentation all come from here. ``Meta(extra={"alias": [...]})`` gives further spellings
of an option.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hpogrid.errors import UserError
from hpogrid.search.base import Mode
from hpogrid.space.value import Values, as_number
from hpogrid.ssh import split_place

CONTAINER = (
    "/cvmfs/unpacked.cern.ch/gitlab-registry.cern.ch/aml/hyperparameter-optimization/"
    "alkaid-qt/hpogrid:latest"
)
DRIVER_PYTHON = "/cvmfs/sft.cern.ch/lcg/views/LCG_1*/{machine}-*-opt/bin/python3"
OUT_DS = "user.${RUCIO_ACCOUNT}.hpogrid.{HPO_PROJECT_NAME}.out.$(date +%Y%m%d%H%M%S)"


Positive = Annotated[float, Meta(gt=0)]
AtLeastOne = Annotated[int, Meta(ge=1)]
Whole = Annotated[int, Meta(ge=0)]
AtLeast1 = Annotated[float, Meta(ge=1)]
Filled = Annotated[str, Meta(min_length=1)]

_WALLTIME = re.compile("([0-9]+-)?[0-9]+:[0-5][0-9]:[0-5][0-9]|[0-9]+[smhd]")
_PYTHON = re.compile(r"/[\w./*?\[\]+-]+", re.ASCII)
_FOR_USERS = ("HPOGRID_TOKEN_FILE", "HPOGRID_CA_FILE", "HPOGRID_SSH_CONFIG")
"""The environment variables of hpogrid that are for users to set, and hold no secret."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Config(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What all stored configs share."""


class Plateau(Config):
    """The best ``trials`` stay the same for ``patience`` trials and differ by ``std`` at most."""

    std: Annotated[float, Meta(ge=0)] = 0.001
    trials: AtLeastOne = 10
    patience: Annotated[int, Meta(ge=0)] = 0


class SearchStop(Config, omit_defaults=True):
    """Further reasons to end the search of a job; the first that is met counts.

    Attributes:
        max_trials_started, max_trials_completed: of this job; complete is not failed.
        max_cost: sum over trials of the reported metric ``cost_metric``.
        min_metric_value, max_metric_value: a metric came down, or up, to this in any trial.
        plateau: see `Plateau`.
    """

    max_trials_started: AtLeastOne | None = None
    max_trials_completed: AtLeastOne | None = None
    max_cost: Positive | None = None
    cost_metric: str = "cost"
    min_metric_value: dict[str, float] = {}
    max_metric_value: dict[str, float] = {}
    plateau: Plateau | None = None


class HpoConfig(Config):
    """How the search is done."""

    algorithm: Annotated[str, Meta(description="Algorithm that proposes the next point")] = "random"
    metric: Annotated[
        str, Meta(description="Metric to optimise, as the script reports it (several: a,b)")
    ] = "accuracy"
    mode: Annotated[
        str, Meta(description="Whether the metric is minimised or maximised: min or max")
    ] = "max"
    scheduler: Annotated[str, Meta(description="Who stops bad trials early")] = "asynchyperband"
    trials: Annotated[
        int,
        Meta(ge=1, description="Trials of each job", extra={"alias": ["--num_trials", "-n"]}),
    ] = 100
    repeat: Annotated[
        int,
        Meta(
            ge=1,
            description="Run each configuration this often with other seeds; every one is a "
            "trial, and the algorithm is told the mean",
        ),
    ] = 1
    log_dir: Annotated[str, Meta(description="Folder for logs, relative to the job's")] = "./log"
    verbose: Annotated[bool, Meta(description="Log every trial when it ends")] = False
    stop: Annotated[
        dict[str, float],
        Meta(description="End a trial when a reported value reaches this: a JSON object"),
    ] = msgspec.field(default_factory=lambda: {"training_iteration": 1.0})
    scheduler_param: Annotated[
        Values, Meta(description="Parameters of the scheduler: a JSON object")
    ] = msgspec.field(default_factory=lambda: {"max_concurrent": 4})
    algorithm_param: Annotated[
        Values, Meta(description="Parameters of the algorithm: a JSON object")
    ] = msgspec.field(default_factory=dict)
    prior: Annotated[
        Values,
        Meta(
            description="What is believed of a parameter, and tried first: NAME=VALUE, "
            "NAME=LOW:HIGH, or a JSON object of values and distributions; once for each",
            extra={"pairs": True},
        ),
    ] = msgspec.field(default_factory=dict)
    engine: Annotated[
        Literal["auto", "process", "ray", "debug"],
        Meta(description="Who runs the trials inside a job"),
    ] = "auto"
    ray_address: Annotated[
        Filled | None,
        Meta(description="Ray cluster to run trials on: HOST:PORT, or auto (engine ray)"),
    ] = None
    reuse_actors: Annotated[
        bool, Meta(description="Let a process evaluate one trial after another (engine ray)")
    ] = True
    aggregate: Annotated[
        str,
        Meta(
            pattern="^(last|best|mean:[1-9][0-9]*)$",
            description="Which of a trial's reports counts: last, best, or mean:K of the last K",
        ),
    ] = "last"
    time_limit: Annotated[
        Positive | None, Meta(description="Seconds after which a job starts no further trial")
    ] = None
    trial_timeout: Annotated[
        Positive | None, Meta(description="Seconds after which a trial fails")
    ] = None
    grace_seconds: Annotated[
        float,
        Meta(ge=0, description="Seconds that a trial has to end after SIGTERM, or its last report"),
    ] = 10.0
    target: Annotated[
        float | None, Meta(description="End the search when the metric is as good as this")
    ] = None
    max_failures: Annotated[
        AtLeastOne | None, Meta(description="End the search after so many failed trials")
    ] = None
    stop_search: Annotated[
        SearchStop,
        Meta(
            description="Further reasons to end the search: a JSON object with "
            "max_trials_started, max_trials_completed, max_cost, min_metric_value, "
            "max_metric_value, plateau"
        ),
    ] = msgspec.field(default_factory=SearchStop)
    storage: Annotated[
        str | None,
        Meta(
            description="URL through which jobs without a shared folder see each other: of "
            "'hpogrid serve' (http, https, ssh), or of an Optuna storage (postgresql, mysql, "
            "redis, journal, grpc)"
        ),
    ] = None
    serve_patience: Annotated[
        float,
        Meta(
            ge=0,
            le=10**9,
            description="Seconds that a job waits for 'hpogrid serve', at its start and when "
            "it can do nothing without",
        ),
    ] = 600.0
    study_name: Annotated[
        str | None, Meta(description="Name of the study in the storage (default: the project's)")
    ] = None
    mlflow: Annotated[
        str | None,
        Meta(
            description="MLflow server to write trials to while they run: http://HOST:PORT; "
            "it takes who you are from MLFLOW_TRACKING_USERNAME and _PASSWORD or _TOKEN"
        ),
    ] = None
    mlflow_experiment: Annotated[
        str | None, Meta(description="Experiment in MLflow (default: the project's name)")
    ] = None
    seed: Annotated[
        Whole | None, Meta(description="Seed of everything random (default: a new one)")
    ] = None
    cpus_per_trial: Annotated[
        Positive | None, Meta(description="CPU cores of a trial (default: as they come)")
    ] = None
    gpus_per_trial: Annotated[
        float, Meta(ge=0, description="GPUs of a trial; fractions share one")
    ] = 0
    nodes_per_trial: Annotated[
        AtLeastOne | None,
        Meta(
            description="Nodes of a trial that starts programs there itself (srun, torchrun), of "
            "those that the job has; HPOGRID_NODES names them"
        ),
    ] = None
    keep_checkpoints: Annotated[
        str,
        Meta(
            pattern="^(none|last|best|all|top [1-9][0-9]*)$",
            description="Which checkpoints stay: none, last, best, all, or 'top K' trials",
        ),
    ] = "last"

    def __post_init__(self) -> None:
        from hpogrid.schedule import check_pair, schedule_options
        from hpogrid.search import check_params
        from hpogrid.search.prior import check_prior

        try:
            check_prior(self.prior)
            check_params(self.algorithm, self.algorithm_param, len(self.metrics))
            schedule_options(self.scheduler, self.scheduler_param)
            check_pair(self.scheduler, self.algorithm, self.repeat)
        except UserError as error:
            raise ValueError(str(error)) from error
        self._check_metrics()
        if self.storage is not None:
            self._check_storage(self.storage)
        if self.mlflow is not None:
            self._check_mlflow(self.mlflow)
        for name in ("time_limit", "trial_timeout", "grace_seconds", "target", "cpus_per_trial",
                     "gpus_per_trial"):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ValueError(f"{name}: {value:g} is not a finite number")
        if self.nodes_per_trial is not None and (self.engine == "ray" or self.ray_address):
            raise ValueError(
                "nodes_per_trial: with engine ray it is Ray that shares out the nodes; leave it "
                "out, or set engine process"
            )
        if self.gpus_per_trial > 1 and self.gpus_per_trial % 1:
            raise ValueError(
                f"gpus_per_trial: {self.gpus_per_trial:g} is neither a whole number nor below 1"
            )
        _check_relative("log_dir", self.log_dir, "the job's folder")

    def _check_metrics(self) -> None:
        if not all(re.fullmatch(r"[^,\s][^,]*", name) for name in self.metrics):
            raise ValueError(f"metric: '{self.metric}' has an empty name, or a space too many")
        if len(set(self.metrics)) < len(self.metrics):
            raise ValueError(f"metric: '{self.metric}' names one twice")
        modes = self.mode.split(",")
        for mode in modes:
            if mode not in ("min", "max"):
                raise ValueError(f"mode: '{mode}' is not min or max")
        if len(modes) not in (1, len(self.metrics)):
            raise ValueError(f"mode: {len(modes)} modes for {len(self.metrics)} metrics")

    @staticmethod
    def _check_storage(url: str) -> None:
        from hpogrid.study.storage import check_url

        try:
            check_url(url)
        except UserError as error:
            raise ValueError(str(error)) from error

    @staticmethod
    def _check_mlflow(uri: str) -> None:
        from hpogrid.study.mlflow_uri import check_uri

        try:
            check_uri(uri)
        except UserError as error:
            raise ValueError(str(error)) from error

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the objectives; the first one is the metric for stopping and sorting."""
        return tuple(self.metric.split(","))

    @property
    def modes(self) -> tuple[Mode, ...]:
        """For each objective which way is better."""
        modes: Any = self.mode.split(",")
        return tuple(modes if len(modes) > 1 else modes * len(self.metrics))

    @property
    def max_concurrent(self) -> int:
        """How many trials of a job run at once."""
        return int(as_number(self.scheduler_param.get("max_concurrent", 4)))

    @property
    def at_once(self) -> int:
        """How many trials a job runs at once, where it has room for them."""
        return min(self.max_concurrent, self.trials)

    def without_search(self, *kept: str) -> HpoConfig:
        """The same where nothing is proposed and nothing is ended early.

        Args:
            kept: which parameters of the scheduler stay.
        """
        params = {key: self.scheduler_param[key] for key in kept if key in self.scheduler_param}
        return msgspec.structs.replace(
            self,
            algorithm="random",
            algorithm_param={},
            prior={},
            scheduler="none",
            scheduler_param=params,
        )


class GridConfig(Config):
    """Where the jobs run."""

    site: Annotated[
        str,
        Meta(
            min_length=1,
            description="Site of the jobs: local, a batch cluster, or a queue of the grid",
        ),
    ] = "ANALY_MANC_GPU_TEST"
    host: Annotated[
        str | None,
        Meta(
            description="Another machine on which the site is, reached by ssh: [USER@]HOST, or "
            "[USER@]HOST:FOLDER for the folder of tasks there"
        ),
    ] = None
    container: Annotated[
        str,
        Meta(
            description="Image in which jobs run: a SIF file, a folder, docker://NAME, or none; "
            "the default is for the grid only, elsewhere jobs run without one"
        ),
    ] = CONTAINER
    container_runtime: Annotated[
        Literal["auto", "apptainer", "singularity", "podman", "charliecloud", "none"],
        Meta(description="What runs the container; auto: the first of these that the node has"),
    ] = "auto"
    container_binds: Annotated[
        str | None,
        Meta(description="Further folders to see in the container: /A,/OUTSIDE:/INSIDE"),
    ] = None
    steering_container: Annotated[
        str | None,
        Meta(
            description="Docker image with hpogrid in which PanDA's HPO service has points "
            "proposed (default: the container, if docker has it)"
        ),
    ] = None
    driver_python: Annotated[
        str | None,
        Meta(
            description="Where a job finds a Python for hpogrid itself if its image has none from "
            "3.11 on: paths with wildcards and {machine} (x86_64, aarch64), separated by commas"
        ),
    ] = DRIVER_PYTHON
    retry: Annotated[bool, Meta(description="Let the site retry failed jobs")] = False
    inDS: Annotated[str | None, Meta(description="Input dataset (for site local: a folder)")] = None
    outDS: Annotated[
        str, Meta(description="Output dataset; ${VARIABLES}, {HPO_PROJECT_NAME} are filled in")
    ] = OUT_DS
    max_jobs: Annotated[
        AtLeastOne | None, Meta(description="At most so many jobs of a task run at once")
    ] = None
    walltime: Annotated[
        str | None, Meta(description="Time limit of a job: 12:00:00, 1-00:00:00, 90m, 12h")
    ] = None
    max_attempts: Annotated[
        AtLeastOne | None,
        Meta(
            description="A job whose time is up before its budget is spent is queued again by "
            "itself, so often in all"
        ),
    ] = None
    memory: Annotated[str | None, Meta(description="Memory of a job: 500M, 4G, 1T")] = None
    memory_factor: Annotated[
        AtLeast1 | None,
        Meta(
            description="A job that was out of memory gets so many times as much when it is "
            "retried",
        ),
    ] = None
    nodes: Annotated[
        AtLeastOne | None,
        Meta(
            description="Nodes of a job: engine ray runs trials on all of them, nodes_per_trial "
            "of the hpo config gives each trial some"
        ),
    ] = None
    cpus: Annotated[
        AtLeastOne | None,
        Meta(
            description="CPU cores of a job, on each of its nodes (default: those of its trials, "
            "else the site's)"
        ),
    ] = None
    gpus: Annotated[
        Whole | None,
        Meta(description="GPUs of a job, on each of its nodes (default: those of its trials)"),
    ] = None
    setup: Annotated[
        str | None,
        Meta(
            description="Lines of shell before the job: 'module load gcc; ulimit -s unlimited', "
            "or @FILE",
            extra={"text": True},
        ),
    ] = None
    environment: Annotated[
        dict[str, str], Meta(description="Environment variables of the jobs: a JSON object")
    ] = msgspec.field(default_factory=dict)
    workdir: Annotated[
        str | None,
        Meta(
            description="Folder in which the setup runs, where the jobs are: an absolute path "
            "(default: the folder of the task or the job)"
        ),
    ] = None
    extra: Annotated[Values, Meta(description="Native options of the site: a JSON object")] = (
        msgspec.field(default_factory=dict)
    )

    def __post_init__(self) -> None:
        if self.host is not None:
            try:
                split_place(self.host)
            except UserError as error:
                raise ValueError(str(error)) from error
        _check_setup(self.setup)
        if self.memory_factor is not None and self.memory is None:
            raise ValueError("memory_factor: of what? give the memory too, such as --memory 4G")
        _check_environment(self.environment)
        if self.workdir is not None and not re.fullmatch(r"/[^\x00-\x1f]*", self.workdir):
            raise ValueError(
                f"workdir: {self.workdir!r} is no absolute path; write /PATH/TO/FOLDER"
            )
        if self.walltime is not None and not _WALLTIME.fullmatch(self.walltime):
            raise ValueError(f"walltime: '{self.walltime}' is no time; write 12:00:00, 90m or 12h")
        if self.walltime_seconds == 0:
            raise ValueError(f"walltime: no job can be done in {self.walltime}; leave it out")
        if self.memory is not None and not re.fullmatch("[0-9]+[MGT]", self.memory):
            raise ValueError(f"memory: '{self.memory}' is no size; write 500M, 4G or 1T")
        for path in self.driver_python.split(",") if self.driver_python else []:
            if not _PYTHON.fullmatch(path.replace("{machine}", "")):
                raise ValueError(
                    f"driver_python: '{path}' is no path; write /PATH/TO/bin/python3, with * and ? "
                    "where there are several"
                )

    @property
    def place(self) -> str:
        """The site, with the machine on which it is if that is another one."""
        return f"{self.host}:{self.site}" if self.host else self.site

    @property
    def walltime_seconds(self) -> int | None:
        """The time limit of a job."""
        if self.walltime is None:
            return None
        if self.walltime[-1] in _UNITS:
            return int(self.walltime[:-1]) * _UNITS[self.walltime[-1]]
        days, _, clock = self.walltime.rpartition("-")
        hours, minutes, seconds = map(int, clock.split(":"))
        return int(days or 0) * _UNITS["d"] + hours * 3600 + minutes * 60 + seconds

    @property
    def memory_mb(self) -> int | None:
        """The memory of a job in MiB."""
        if self.memory is None:
            return None
        return int(int(self.memory[:-1]) * 1024 ** "MGT".index(self.memory[-1]))


class PrepStage(Config):
    """A command that prepares something for trials, once for each combination of some values.

    Attributes:
        command: with the placeholders of a trial's command, over ``keys`` and constants.
        keys: names of the hyperparameters whose values make a difference to it.
    """

    command: str
    keys: list[str] = []

    def __post_init__(self) -> None:
        from hpogrid.trial.placeholders import command_words

        try:
            command_words(self.command, None)
        except UserError as error:
            raise ValueError(str(error).replace("command:", "prep:", 1)) from error
        if not all(self.keys) or len(set(self.keys)) < len(self.keys):
            raise ValueError(f"prep_keys: '{','.join(self.keys)}' has an empty or repeated name")


class ModelConfig(Config):
    """What is trained: a function or class in a script, a script as it is, or any command."""

    script: Annotated[
        str | None, Meta(description="Training script, relative to the project's scripts")
    ] = None
    model: Annotated[
        str | None,
        Meta(description="Function or class in the script; without it the script is the trial"),
    ] = None
    param: Annotated[Values, Meta(description="Further settings for the model: a JSON object")] = (
        msgspec.field(default_factory=dict)
    )
    command: Annotated[
        str | None, Meta(description="Command instead of a script: 'python train.py {args}'")
    ] = None
    arg_style: Annotated[
        Literal[
            "auto",
            "plain",
            "argparse",
            "click",
            "typer",
            "absl",
            "fire",
            "tyro",
            "jsonargparse",
            "simple-parsing",
        ],
        Meta(
            description="How {args} gives flags and lists: as the parser of this library takes "
            "them; auto: as the script declares them"
        ),
    ] = "auto"
    template: Annotated[
        str | None,
        Meta(
            description="Config file, relative to the project's scripts: {template} is it with "
            "${name} filled in, {config} with the values put in their places; a function or class "
            "gets the latter as its config"
        ),
    ] = None
    metric_regex: Annotated[
        str | None,
        Meta(description="Pattern over the output with a group around the metric, or JSON of them"),
    ] = None
    python: Annotated[
        Filled | None,
        Meta(
            description="Python of the trials, or the folder of its environment; auto: as the "
            "script says, or the active environment (default: that of hpogrid)"
        ),
    ] = None
    checkpoint_every: Annotated[
        int,
        Meta(
            ge=0,
            description="Steps of a class from one save_checkpoint to the next; 0: none at all",
        ),
    ] = 1
    prep: Annotated[
        list[PrepStage],
        Meta(description="What runs before the trials that need it", extra={"option": False}),
    ] = []

    def __post_init__(self) -> None:
        if (self.script is None) == (self.command is None):
            raise ValueError(
                "give a --script (with --model for a function or class) or a --command"
            )
        if self.model is not None and self.script is None:
            raise ValueError("model: a function or class needs the --script that it is in")
        if self.model is not None and not self.model.isidentifier():
            raise ValueError(f"model: '{self.model}' is no name of a function or class")
        for name in ("script", "template"):
            _check_relative(name, getattr(self, name), "the project's scripts")
        if self.model is None:
            self._check_command()

    def _check_command(self) -> None:
        from hpogrid.trial.placeholders import command_words, metric_patterns

        try:
            command_words(self.command, self.script)
            metric_patterns(self.metric_regex, "metric")
        except UserError as error:
            raise ValueError(str(error)) from error

    @property
    def files(self) -> tuple[str, ...]:
        """The files of the project that it needs."""
        return tuple(name for name in (self.script, self.template) if name)


def _check_setup(setup: str | None) -> None:
    if setup is not None and re.search(r"[^\t\n -~\xa0-\U0010ffff]", setup):
        raise ValueError("setup: it has a character that no shell reads; give lines of text")


def _check_environment(variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise ValueError(f"environment: '{name}' is no name of a variable; write NAME")
        if name.startswith("HPOGRID_") and name not in _FOR_USERS:
            raise ValueError(f"environment: {name} is set by hpogrid itself; leave it out")
        if "\0" in value:
            raise ValueError(f"environment: the value of {name} has a NUL in it")


def _check_relative(name: str, path: str | None, folder: str) -> None:
    if path is not None and (not path or path.startswith("/") or ".." in path.split("/")):
        raise ValueError(f"{name}: '{path}' must be relative to {folder}, without '..'")


SCHEMAS: dict[str, type[Config]] = {
    "hpo_config": HpoConfig,
    "grid_config": GridConfig,
    "model_config": ModelConfig,
}
