import argparse
import json

import spy

p = argparse.ArgumentParser()
p.add_argument("--lr", type=float)
p.add_argument("--shift", type=float)
p.add_argument("--n", type=int)
p.add_argument("--flag", type=bool, default=False)
p.add_argument("--name", type=str)
p.add_argument("--layers", type=json.loads)
p.add_argument("--momentum", type=float)
spy.received(**vars(p.parse_args()))
