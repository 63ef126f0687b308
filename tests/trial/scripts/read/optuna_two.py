# expect: {"model": "objective", "metric": "flops,accuracy", "mode": "min,max", "space": {"width": [8, 64, "int"]}}
import optuna


def objective(trial):
    width = trial.suggest_int("width", 8, 64, log=False)
    flops = width * 2.0
    accuracy = 1 - 1 / width
    return flops, accuracy


study = optuna.create_study(directions=["minimize", "maximize"])
if __name__ == "__main__":
    study.optimize(objective, n_trials=30)
