"""Reading a training script: what is searched, what is called, and what is reported."""
