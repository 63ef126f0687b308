# refuse: found neither options
import sys

lr = float(sys.argv[1])
print(f"loss={lr}")
