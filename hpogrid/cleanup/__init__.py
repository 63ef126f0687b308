"""Making room: which checkpoints and outputs of trials may go, and a trash that gives them back."""
