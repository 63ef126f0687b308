# expect: {"model": "train", "metric": "accuracy", "mode": "max", "space": {"lr": [0.001, 0.1, "log"], "layers": [1, 4, "int"]}}
def build(config):
    return config.get("layers", 2)


def train(config):
    layers = build(config)
    accuracy = 1 / (1 + config.get("lr", 0.01) * layers)
    return accuracy
