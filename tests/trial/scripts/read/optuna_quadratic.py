# expect: {"model": "objective", "metric": "value", "mode": "min", "space": {"x": [-100, 100], "y": [-1, 0, 1]}}
import optuna


def objective(trial):
    x = trial.suggest_float("x", -100, 100)
    y = trial.suggest_categorical("y", [-1, 0, 1])
    return x**2 + y


if __name__ == "__main__":
    study = optuna.create_study()
    study.optimize(objective, n_trials=100, timeout=600)
    print(study.best_params)
