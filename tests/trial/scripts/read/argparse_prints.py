# expect: {"metric": "val_loss", "mode": "min", "space": {"lr": [0.001, 0.1, "log"], "dropout": [0, 0.5], "batch-size": [32, 128, "int"]}, "printed": true}
import argparse

parser = argparse.ArgumentParser(description="MNIST")
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--lr", type=float, default=0.01)
parser.add_argument("--dropout", type=float, default=0.25)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--log-interval", type=int, default=10)
parser.add_argument("--no-cuda", action="store_true")
args = parser.parse_args()
for epoch in range(1, args.epochs + 1):
    loss = args.lr + args.dropout + 1 / epoch
    print(f"Epoch: {epoch} train_loss: {loss:.4f}")
    print(f"epoch {epoch}: val_loss={loss:.4f} val_acc={1 / (1 + loss):.4f}", flush=True)
