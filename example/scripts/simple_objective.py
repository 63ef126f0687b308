"""A simple objective: loss = (height - 14)^2 - |width - 3|, to be minimised."""


def simple_objective(config, reporter):
    loss = (config["height"] - 14) ** 2 - abs(config["width"] - 3)
    reporter(loss=loss)
