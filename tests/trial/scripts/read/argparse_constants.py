# expect: {"metric": "rmse", "mode": "min", "space": {"lr": [0.0001, 0.01, "log"], "trees": [50, 200, "int"]}}
import argparse

import hpogrid

DEFAULT_LR = 1e-3
TREES = 100

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=DEFAULT_LR)
parser.add_argument("--trees", type=int, default=TREES)
parser.add_argument("--threads", type=int, default=-1)
parser.add_argument("--warm-start", action=argparse.BooleanOptionalAction, default=False)
parser.add_argument("--layers", nargs="+", type=int, default=[64, 64])
args = parser.parse_args()
hpogrid.report(rmse=args.lr * args.trees)
