import spy
from absl import app, flags

FLAGS = flags.FLAGS
flags.DEFINE_float("lr", 0.1, "rate")
flags.DEFINE_float("shift", 0.0, "shift")
flags.DEFINE_integer("n", 1, "count")
flags.DEFINE_bool("flag", True, "flag")
flags.DEFINE_string("name", None, "name")
flags.DEFINE_multi_float("layers", [1.0], "layers")
flags.DEFINE_float("momentum", None, "momentum")


def main(_):
    names = ("lr", "shift", "n", "flag", "name", "layers", "momentum")
    spy.received(**{name: getattr(FLAGS, name) for name in names})


if __name__ == "__main__":
    app.run(main)
