from argparse import ArgumentParser, BooleanOptionalAction

import spy

parser = ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--shift", type=float)
parser.add_argument("-n", type=int)
parser.add_argument("--flag", action=BooleanOptionalAction, default=True)
parser.add_argument("--name")
parser.add_argument("--layers", type=float, nargs="*")
parser.add_argument("--momentum", type=float, default=None)
spy.received(**vars(parser.parse_args()))
