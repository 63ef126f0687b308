"""What the worker of the local PanDA runs for the input of a job: stage.py FOLDER SCOPE:NAME...

RUCIO_CONFIG is in the environment.
"""

from __future__ import annotations

import logging
import sys

from rucio.client import Client
from rucio.client.downloadclient import DownloadClient


def main(folder: str, names: list[str]) -> None:
    """Copy files into a folder, with their checksums compared."""
    wanted = [{"did": name, "base_dir": folder, "no_subdir": True} for name in names]
    DownloadClient(Client(), logger=logging.getLogger("stage")).download_dids(wanted, 1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
