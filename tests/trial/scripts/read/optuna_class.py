# refuse: cannot be called by its name
import optuna


class Objective:
    def __init__(self, data):
        self.data = data

    def __call__(self, trial):
        return trial.suggest_float("C", 1e-3, 1e3, log=True) * self.data


if __name__ == "__main__":
    study = optuna.create_study(direction="maximize")
    study.optimize(Objective(3), n_trials=100)
