import fire
import spy


class Trainer:
    def __init__(self, lr, shift, n, flag=False):
        self.values = {"lr": lr, "shift": shift, "n": n, "flag": flag}

    def train(self, name, layers, momentum=None):
        spy.received(**self.values, name=name, layers=layers, momentum=momentum)


fire.Fire(Trainer)
