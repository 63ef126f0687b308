# expect: {"metric": "loss", "mode": "min", "space": {"optimizer": ["sgd", "adam"], "momentum": [0.5, 0.99], "weight_decay": [1e-5, 1e-3, "log"], "depth": [2, 3, 4]}}
from argparse import ArgumentParser

import hpogrid

parser = ArgumentParser()
model = parser.add_argument_group("model")
model.add_argument("--depth", type=int, choices=(2, 3, 4), default=3)
training = parser.add_argument_group("training")
training.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
training.add_argument("--momentum", type=float, default=0.9)
training.add_argument("--weight_decay", type=float, default=1e-4)
training.add_argument("--num-workers", type=int, default=4)
training.add_argument("--output-dir", default="out")
args = parser.parse_args()
hpogrid.report(loss=args.momentum + args.weight_decay + args.depth)
