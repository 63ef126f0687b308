# refuse: needs corpus
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("corpus", help="folder of texts")
parser.add_argument("--alpha", type=float, default=1.0)
args = parser.parse_args()
print(f"perplexity: {len(args.corpus) * args.alpha}")
