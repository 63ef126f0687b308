"""Make an account with its scope, and a storage that is a folder.

usage: seed.py FOLDER ACCOUNT      (RUCIO_CONFIG names the configuration of root)
"""

import sys
from pathlib import Path

from rucio.client import Client

RSE = "LOCAL_SCRATCHDISK"


def main(folder: str, account: str) -> None:
    store = Path(folder).absolute()
    store.mkdir(parents=True, exist_ok=True)
    client = Client()
    client.add_account(account, "USER", f"{account}@localhost")
    client.add_identity(
        account=account,
        identity=account,
        authtype="USERPASS",
        email=f"{account}@localhost",
        default=True,
        password="secret-of-the-user",
    )
    client.add_scope(account, f"user.{account}")
    client.add_rse(RSE, deterministic=True, rse_type="DISK")
    here = {"read": 1, "write": 1, "delete": 1}
    away = {**here, "third_party_copy_read": 0, "third_party_copy_write": 0}
    client.add_protocol(
        RSE,
        {
            "scheme": "file",
            "hostname": "localhost",
            "port": 0,
            "prefix": f"{store}/",
            "impl": "rucio.rse.protocols.posix.Default",
            "domains": {"lan": here, "wan": away},
        },
    )
    # The ATLAS policy lets users write to storages of this type only.
    for key, value in {
        "site": "LOCALSITE",
        "istape": "False",
        "type": "SCRATCHDISK",
        "lfn2pfn_algorithm": "hash",
    }.items():
        client.add_rse_attribute(RSE, key, value)
    client.set_local_account_limit(account, RSE, 10**10)


if __name__ == "__main__":
    main(*sys.argv[1:])
