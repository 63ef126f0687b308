"""Writes down what a script received."""

import json
import os


def received(**values):
    with open(os.environ["SPY"], "a") as stream:
        stream.write(json.dumps(values) + "\n")
    print("loss: 1.0")
