# refuse: looks up lr and batch_size
import hpogrid


def train(config):
    for epoch in range(3):
        hpogrid.report(loss=config["lr"] / config["batch_size"], epoch=epoch)
