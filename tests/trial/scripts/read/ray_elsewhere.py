# refuse: no function or class at the top
from ray import tune
from ray.tune.examples.utils import load_model

tuner = tune.Tuner(load_model, param_space={"lr": tune.loguniform(1e-4, 1e-1)})
tuner.fit()
