# refuse: of 'n' cannot be read
import optuna

low = len("four")


def objective(trial):
    return trial.suggest_int("n", low, 3 * low) + trial.suggest_float("x", 0, 1)


study = optuna.create_study(direction="maximize")
study.optimize(objective, n_trials=10)
