# expect: {"metric": "test_accuracy", "mode": "max", "space": {"learning_rate": [0.0003, 0.03, "log"], "hidden": [64, 256, "int"]}, "printed": true}
import argparse


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--learning_rate", "-lr", default=3e-3, type=float, help="step size")
    p.add_argument("--hidden", default=128, type=int)
    p.add_argument("--data", default="./data", type=str)
    opt = p.parse_args()
    accuracy = 100.0 / (1 + opt.learning_rate * opt.hidden)
    print("Test accuracy: %.2f" % accuracy)


if __name__ == "__main__":
    main()
