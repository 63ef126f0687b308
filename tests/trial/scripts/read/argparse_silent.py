# refuse: found no report of a metric
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--out", default="model.bin")
args = parser.parse_args()
with open(args.out, "w") as file:
    file.write(str(args.lr))
