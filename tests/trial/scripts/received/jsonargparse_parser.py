import spy
from jsonargparse import ArgumentParser

parser = ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--shift", type=float)
parser.add_argument("--n", type=int)
parser.add_argument("--flag", action="store_true")
parser.add_argument("--name", type=str)
parser.add_argument("--layers", type=list[float])
parser.add_argument("--momentum", type=float)
spy.received(**parser.parse_args().as_dict())
