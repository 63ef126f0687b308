# expect: {"metric": "final_loss", "mode": "min", "space": {"learning_rate": [0.01, 1, "log"], "batch": [16, 64, "int"], "loss": ["l1", "l2"]}, "printed": true}
from absl import app, flags, logging

FLAGS = flags.FLAGS
flags.DEFINE_float("learning_rate", 0.1, "rate")
flags.DEFINE_integer("batch", 32, "size")
flags.DEFINE_enum("loss", "l2", ["l1", "l2"], "kind")
flags.DEFINE_bool("debug", False, "more words")
flags.DEFINE_string("workdir", None, "where")


def main(argv):
    logging.set_verbosity(logging.INFO)
    print(f"final loss: {FLAGS.learning_rate * FLAGS.batch}")


if __name__ == "__main__":
    app.run(main)
