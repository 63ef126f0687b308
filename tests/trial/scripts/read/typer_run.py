# expect: {"metric": "val_loss", "mode": "min", "space": {"learning-rate": [0.0001, 0.01, "log"], "hidden-size": [16, 64, "int"]}, "printed": true}
import typer


def main(learning_rate: float = 1e-3, hidden_size: int = 32, epochs: int = 2, amp: bool = False):
    for epoch in range(epochs):
        print(f"[{epoch}] val_loss={learning_rate * hidden_size / (epoch + 1)}")


if __name__ == "__main__":
    typer.run(main)
