# refuse: sub-command fit
import fire


class Trainer:
    def __init__(self, lr=0.1):
        self.lr = lr

    def fit(self, steps=10):
        print(f"loss={self.lr * steps}")

    def score(self):
        return self.lr


fire.Fire(Trainer)
