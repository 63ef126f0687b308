# expect: {"metric": "accuracy", "mode": "max", "space": {"lr": [0.001, 0.1, "log"], "units": [32, 128, "int"]}, "printed": true}
import fire


def train(lr=0.01, units=64, optimizer="adam", epochs=2):
    for _ in range(epochs):
        print("accuracy:", 1 / (1 + lr * units))


if __name__ == "__main__":
    fire.Fire(train)
