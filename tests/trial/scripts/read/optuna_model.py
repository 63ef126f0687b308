# expect: {"model": "objective", "metric": "value", "mode": "max", "space": {"n_layers": [1, 3, "int"], "n_units_l0": [4, 128, "int"], "n_units_l1": [4, 128, "int"], "n_units_l2": [4, 128, "int"], "optimizer": ["Adam", "SGD"], "lr": [1e-5, 0.1, "log"]}}
import optuna

CLASSES = 10


def define_model(trial):
    n_layers = trial.suggest_int("n_layers", 1, 3)
    layers = []
    for i in range(n_layers):
        layers.append(trial.suggest_int(f"n_units_l{i}", 4, 128))
    return layers


def objective(trial):
    model = define_model(trial)
    name = trial.suggest_categorical("optimizer", ["Adam", "SGD"])
    lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    accuracy = lr * sum(model) * len(name)
    trial.report(accuracy, 0)
    return accuracy


if __name__ == "__main__":
    study = optuna.create_study(direction="maximize")
    study.optimize(objective, n_trials=100)
