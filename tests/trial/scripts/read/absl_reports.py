# expect: {"metric": "reward", "mode": "max", "space": {"alpha": [0.05, 1, "log"], "clip": [0.1, 0.4]}}
from absl import app, flags

import hpogrid

_ALPHA = flags.DEFINE_float("alpha", 0.5, "temperature")
_CLIP = flags.DEFINE_float("clip", 0.2, "clipping")


def main(_):
    hpogrid.report(reward=_ALPHA.value - _CLIP.value)


app.run(main)
