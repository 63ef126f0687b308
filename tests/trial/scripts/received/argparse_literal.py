import argparse
import ast

import spy


def str2bool(text):
    return text.lower() in ("yes", "true", "t", "1")


p = argparse.ArgumentParser()
p.add_argument("--lr", type=ast.literal_eval)
p.add_argument("--shift", type=ast.literal_eval)
p.add_argument("--n", type=ast.literal_eval)
p.add_argument("--flag", type=str2bool, default=False)
p.add_argument("--name", type=str)
p.add_argument("--layers", type=ast.literal_eval)
p.add_argument("--momentum", type=float)
args, rest = p.parse_known_args()
assert not rest
spy.received(**vars(args))
