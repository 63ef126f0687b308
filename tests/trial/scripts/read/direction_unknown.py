# refuse: --mode min or --mode max
import argparse

import hpogrid

parser = argparse.ArgumentParser()
parser.add_argument("--cut", type=float, default=2.0)
args = parser.parse_args()
hpogrid.report(quux=args.cut)
