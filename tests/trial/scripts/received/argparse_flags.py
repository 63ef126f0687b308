import argparse

import spy

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, required=True)
parser.add_argument("--shift", type=float, default=0.0)
parser.add_argument("-n", "--n", type=int, default=1)
parser.add_argument("--flag", action="store_true")
parser.add_argument("--name", default="none")
parser.add_argument("--layers", type=float, nargs="+", default=[1.0])
parser.add_argument("--momentum", type=float)
spy.received(**vars(parser.parse_args()))
