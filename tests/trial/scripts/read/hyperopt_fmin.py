# refuse: looks up x
from hyperopt import fmin, hp, tpe


def objective(params):
    return {"loss": params["x"] ** 2, "status": "ok"}


if __name__ == "__main__":
    best = fmin(objective, space={"x": hp.uniform("x", -10, 10)}, algo=tpe.suggest, max_evals=9)
    print(best)
