import spy


def objective(trial):
    flag = trial.suggest_categorical("flag", [True, False])
    spy.received(
        lr=trial.suggest_float("lr", 1e-8, 1e-5, log=True),
        shift=trial.suggest_float("shift", -1e-4, 0),
        n=trial.suggest_int("n", 1, 9),
        flag=flag,
        name=trial.suggest_categorical("name", ["-O2", "null", "1e3", "größe 'x' \\ $HOME", ""]),
        layers=trial.suggest_categorical("layers", [[-5e-05, 2.0], (8.0, 16.0)]),
        momentum=trial.suggest_float("momentum", 0, 1) if flag else None,
    )
    return 1.0
