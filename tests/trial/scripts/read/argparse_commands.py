# refuse: sub-commands train and evaluate
import argparse

parser = argparse.ArgumentParser()
sub = parser.add_subparsers(dest="command")
train = sub.add_parser("train")
train.add_argument("--lr", type=float, default=0.1)
evaluate = sub.add_parser("evaluate")
evaluate.add_argument("--split", default="test")
args = parser.parse_args()
if args.command == "train":
    print("loss:", args.lr)
