# refuse: --steps, --width and --height
import argparse

from syne_tune import Reporter

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--width", type=float)
    parser.add_argument("--height", type=float)
    parser.add_argument("--sleep_time", type=float, default=0.1)
    args, _ = parser.parse_known_args()
    report = Reporter()
    for step in range(args.steps):
        score = 1.0 / (0.1 + args.width * step / 100) + args.height * 0.1
        report(step=step, mean_loss=score)
