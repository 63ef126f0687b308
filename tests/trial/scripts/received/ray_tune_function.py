import spy


def train_fn(config):
    spy.received(**config)
    return {"loss": 1.0}
