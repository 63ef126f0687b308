"""What the worker of the local PanDA runs for each output: register it in Rucio.

usage: store.py      with FILE LFN DATASET SCOPE and RUCIO_CONFIG in the environment
"""

import os

from rucio.client import Client
from rucio.client.uploadclient import UploadClient
from rucio.common.exception import NoFilesUploaded


def main() -> None:
    scope = os.environ["SCOPE"]
    item = {
        "path": os.environ["FILE"],
        "rse": "LOCAL_SCRATCHDISK",
        "did_scope": scope,
        "did_name": os.environ["LFN"],
        "dataset_scope": scope,
        "dataset_name": os.environ["DATASET"],
        "register_after_upload": True,
    }
    try:
        UploadClient(Client()).upload([item])
    except NoFilesUploaded:
        print(item["did_name"], "was there")


if __name__ == "__main__":
    main()
