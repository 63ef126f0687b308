"""The parser is in another file."""

import argparse


def make_parser():
    p = argparse.ArgumentParser()
    p.add_argument("--lr", type=float)
    p.add_argument("--shift", type=float)
    p.add_argument("--n", type=int)
    p.add_argument("--no_flag", dest="flag", action="store_false")
    p.add_argument("--name", type=str)
    p.add_argument("--layers", type=float, action="append")
    p.add_argument("--momentum", type=float)
    return p
