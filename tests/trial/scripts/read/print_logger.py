# expect: {"metric": "valid_loss", "mode": "min", "space": {"lr": [0.0001, 0.01, "log"]}, "printed": true}
import argparse
import logging
import sys

logging.basicConfig(level=logging.INFO, stream=sys.stdout)
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--epochs", type=int, default=2)
args = parser.parse_args()
for epoch in range(args.epochs):
    logging.info("epoch {} | valid loss {:.4f} |".format(epoch, args.lr))
