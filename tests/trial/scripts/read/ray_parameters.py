# refuse: is given tune.with_parameters
from ray import tune


def train_mnist(config, data):
    tune.report({"acc": config["lr"] * data})


tuner = tune.Tuner(
    tune.with_parameters(train_mnist, data=3),
    param_space={"lr": tune.loguniform(1e-4, 1e-1)},
)
tuner.fit()
