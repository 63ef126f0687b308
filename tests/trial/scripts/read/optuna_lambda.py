# refuse: gives its function more than the trial
import optuna


def objective(trial, data):
    return trial.suggest_float("x", 0, 1) * data


if __name__ == "__main__":
    study = optuna.create_study()
    study.optimize(lambda trial: objective(trial, 3), n_trials=10)
