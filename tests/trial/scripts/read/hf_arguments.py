# expect: {"metric": "eval_loss", "mode": "min", "space": {"learning_rate": [5e-6, 0.0005, "log"], "warmup_ratio": [0, 0.2], "lr_scheduler_type": ["linear", "cosine"]}}
from dataclasses import dataclass, field
from typing import Literal, Optional

import hpogrid
from transformers import HfArgumentParser


@dataclass
class ModelArguments:
    model_name_or_path: str = field(default="gpt2", metadata={"help": "which"})
    cache_dir: Optional[str] = field(default=None)


@dataclass
class TrainingArguments:
    learning_rate: float = field(default=5e-5, metadata={"help": "rate"})
    warmup_ratio: float = 0.1
    num_train_epochs: int = 3
    lr_scheduler_type: Literal["linear", "cosine"] = "linear"
    fp16: bool = field(default=False)


parser = HfArgumentParser((ModelArguments, TrainingArguments))
model_args, training_args = parser.parse_args_into_dataclasses()
for epoch in range(training_args.num_train_epochs):
    hpogrid.report(eval_loss=training_args.learning_rate, epoch=epoch)
