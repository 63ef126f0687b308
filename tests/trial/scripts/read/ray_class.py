# expect: {"model": "Trainer", "metric": "episode_reward", "mode": "max", "space": {"lr": [0.0001, 0.1, "log"]}}
from ray import tune
from ray.tune.schedulers import ASHAScheduler


class Trainer(tune.Trainable):
    def setup(self, config):
        self.lr = config["lr"]

    def step(self):
        return {"episode_reward": 1 - self.lr, "done": self.iteration > 3}


def main():
    config = {"lr": tune.loguniform(1e-4, 1e-1)}
    scheduler = ASHAScheduler(max_t=10)
    tune.run(Trainer, config=config, metric="episode_reward", mode="max", scheduler=scheduler)


if __name__ == "__main__":
    main()
