"""``hpogrid serve``: the calls, who may make them, and the files behind them."""
