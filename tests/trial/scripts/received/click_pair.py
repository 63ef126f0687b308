import click
import spy


@click.command()
@click.option("--lr", type=float, required=True)
@click.option("--shift", default=0.0)
@click.option("-n", "n", type=int)
@click.option("--flag/--no-flag", default=True)
@click.option("--name", type=str)
@click.option("--layers", type=float, multiple=True)
@click.option("--momentum", type=float)
def main(**values):
    spy.received(**values)


if __name__ == "__main__":
    main()
