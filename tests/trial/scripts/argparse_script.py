"""A training script as anybody writes it: options in, lines of a log out."""

import argparse


def main():
    parser = argparse.ArgumentParser(description="Fit a line.")
    parser.add_argument("--lr", type=float, default=0.01, help="learning rate")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
    args = parser.parse_args()
    weight = 4.0
    for epoch in range(1, args.epochs + 1):
        weight -= args.lr * 2 * weight
        print(f"Epoch {epoch:3d}: train loss {weight:.4f}, val loss {weight**2 + args.dropout:.4f}")


if __name__ == "__main__":
    main()
