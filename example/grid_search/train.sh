#!/bin/sh
# train.sh -p HPM: trains the model of an .hpm file, into the folder of the same name beside it.
if [ "$1" != -p ] || [ ! -r "$2" ]; then
    echo "usage: train.sh -p HPM" >&2
    exit 2
fi
exec python3 train.py "$2" "${2%.hpm}"
