# expect: {"metric": "auc", "mode": "max", "space": {"gamma": [0.001, 0.1, "log"]}, "printed": true}
import click


@click.command()
@click.option("-g", "--gamma", default=0.01, help="width of the kernel")
@click.option("--seed", default=0)
def cli(gamma, seed):
    click.echo(f"AUC: {1 / (1 + gamma):.3f}")


cli()
