import click
import spy


@click.command()
@click.option("--lr", type=click.FLOAT)
@click.option("--shift", type=float)
@click.option("--n", type=int)
@click.option("--use-flag", "flag", is_flag=True)
@click.option("--name")
@click.option("--layers", type=float, nargs=2)
@click.option("--momentum", type=float, default=None)
def train(lr, shift, n, flag, name, layers, momentum):
    spy.received(lr=lr, shift=shift, n=n, flag=flag, name=name, layers=layers, momentum=momentum)


train()
