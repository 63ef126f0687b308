import json
from argparse import ArgumentParser

import spy

parser = ArgumentParser()
for name, kind in (("lr", float), ("shift", float), ("n", int), ("name", str)):
    parser.add_argument(f"--{name}", type=kind)
parser.add_argument("--flag", type=lambda text: text == "True")
parser.add_argument("--layers", type=json.loads)
parser.add_argument("--momentum", type=float)
args, _ = parser.parse_known_args()
spy.received(**vars(args))
print("[tune-metric]: " + json.dumps({"loss": 1.0, "st_worker_time": 0.1}))
