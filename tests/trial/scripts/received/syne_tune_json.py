import json
from argparse import ArgumentParser

import spy

parser = ArgumentParser()
parser.add_argument("--st_config_json_filename", type=str)
args, _ = parser.parse_known_args()
with open(args.st_config_json_filename) as stream:
    spy.received(**json.load(stream))
