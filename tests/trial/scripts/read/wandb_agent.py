# refuse: asks wandb for its parameters
import wandb

sweep = {"method": "bayes", "parameters": {"lr": {"min": 1e-4, "max": 1e-1}}}


def main():
    run = wandb.init()
    run.log({"loss": run.config.lr})


wandb.agent(wandb.sweep(sweep, project="p"), function=main, count=3)
