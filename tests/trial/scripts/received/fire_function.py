import fire
import spy


def train(lr=0.1, shift=0.0, n=1, flag=True, name="x", layers=(1,), momentum=None):
    spy.received(lr=lr, shift=shift, n=n, flag=flag, name=name, layers=layers, momentum=momentum)


if __name__ == "__main__":
    fire.Fire(train)
