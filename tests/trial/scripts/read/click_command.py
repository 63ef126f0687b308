# expect: {"metric": "loss", "mode": "min", "space": {"lr": [0.001, 0.1, "log"], "layers": [1, 6, "int"], "activation": ["relu", "tanh"]}}
import click

import hpogrid


@click.command()
@click.option("--lr", type=float, default=0.01, show_default=True)
@click.option("--layers", type=int, default=3)
@click.option("--activation", type=click.Choice(["relu", "tanh"]), default="relu")
@click.option("--verbose/--quiet", default=False)
def main(lr, layers, activation, verbose):
    hpogrid.report(loss=lr * layers + len(activation))


if __name__ == "__main__":
    main()
