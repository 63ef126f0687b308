# expect: {"model": "objective", "metric": "loss", "mode": "min", "space": {"height": [5, 20], "width": [1, 6, "int"]}}
def objective(config, reporter):
    height, width = config.get("height", 10.0), config.get("width", 3)
    reporter(loss=(height - 14) ** 2 - abs(width - 3))
