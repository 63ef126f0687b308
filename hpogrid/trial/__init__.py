"""One evaluation: loading the objective, its report contract, checkpoints."""
