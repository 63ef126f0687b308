# expect: {"metric": "val_loss", "mode": "min", "space": {"lr": [1e-6, 1, "log"], "n": [16, 48, "int"]}}
from argparse import ArgumentParser

from syne_tune import Reporter
from syne_tune.config_space import add_to_argparse, loguniform, randint

_config_space = {"lr": loguniform(1e-6, 1), "n": randint(16, 48)}

if __name__ == "__main__":
    parser = ArgumentParser()
    parser.add_argument("--epochs", type=int, default=5)
    add_to_argparse(parser, _config_space)
    args = parser.parse_args()
    report = Reporter()
    for epoch in range(1, args.epochs + 1):
        report(epoch=epoch, val_loss=args.lr * args.n / epoch)
