# refuse: starts another script
from syne_tune import StoppingCriterion, Tuner
from syne_tune.backend import LocalBackend
from syne_tune.config_space import randint
from syne_tune.optimizer.baselines import ASHA

config_space = {"steps": 100, "width": randint(0, 20)}
tuner = Tuner(
    trial_backend=LocalBackend(entry_point="train_height.py"),
    scheduler=ASHA(config_space, metric="mean_loss", mode="min"),
    stop_criterion=StoppingCriterion(max_wallclock_time=30),
    n_workers=4,
)
tuner.run()
