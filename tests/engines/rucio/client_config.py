"""Write the configuration of a Rucio client.

usage: client_config.py FILE URL ACCOUNT USER PASSWORD
"""

import sys
from pathlib import Path

TEXT = """\
[client]
rucio_host = {url}
auth_host = {url}
auth_type = userpass
username = {user}
password = {password}
account = {account}
# With 0 or 1 a server that is down raises another library's error.
request_retries = 2
# The client looks for an upload with 1, 2, 4... s between; an empty file is found at once.
protocol_stat_retries = 1
# A token cached elsewhere would hide a wrong password.
auth_token_file_path = {folder}/token-{account}

[policy]
package = atlas_rucio_policy_package
lfn2pfn_algorithm_default = hash
support = root@localhost
support_rucio = root@localhost
"""


def main(file: str, url: str, account: str, user: str, password: str) -> None:
    folder = Path(file).resolve().parent
    Path(file).write_text(
        TEXT.format(url=url, user=user, password=password, account=account, folder=folder)
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
