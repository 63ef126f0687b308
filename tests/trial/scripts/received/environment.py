import json
import os

import spy

with open(os.environ["HPOGRID_CONFIG"]) as stream:
    spy.received(**json.load(stream))
