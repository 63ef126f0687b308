# refuse: sub-commands train and export
import click


@click.group()
def cli():
    pass


@cli.command()
@click.option("--lr", default=0.1)
def train(lr):
    print(f"loss={lr}")


@cli.command()
@click.option("--path", default="x")
def export(path):
    print(path)


if __name__ == "__main__":
    cli()
