# refuse: found neither options
import hpogrid
from transformers import HfArgumentParser, TrainingArguments

parser = HfArgumentParser(TrainingArguments)
(arguments,) = parser.parse_args_into_dataclasses()
hpogrid.report(loss=arguments.learning_rate)
