# refuse: needs data
import click


@click.command()
@click.argument("data")
@click.option("--lr", default=0.1)
def main(data, lr):
    print(f"loss={lr}")


main()
