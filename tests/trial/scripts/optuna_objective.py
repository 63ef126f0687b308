"""An objective function for Optuna with pruning, as in its examples."""

import optuna


def objective(trial):
    optimizer = trial.suggest_categorical("optimizer", ["sgd", "momentum"])
    lr = trial.suggest_float("lr", 1e-4, 1, log=True)
    layers = trial.suggest_int("layers", 1, 3)
    momentum = trial.suggest_float("momentum", 0.5, 0.9) if optimizer == "momentum" else 0.0
    weight, velocity, loss = 4.0, 0.0, float("inf")
    for step in range(9):
        velocity = momentum * velocity - lr * 2 * weight
        weight += velocity
        loss = weight**2 + layers / 10
        trial.report(loss, step)
        if trial.should_prune():
            raise optuna.TrialPruned()
    trial.set_user_attr("weight", weight)
    return loss


if __name__ == "__main__":
    study = optuna.create_study(pruner=optuna.pruners.MedianPruner())
    study.optimize(objective, n_trials=20)
    print(study.best_trial.params)
