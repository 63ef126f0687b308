"""Prepare the home of a throw-away Rucio server: its configuration and an SQLite database.

usage: make_server.py HOME URL      (with the python of the server's environment)
"""

import importlib.util
import os
import sys
from pathlib import Path

SERVER = """\
[common]
logdir = {home}/log
loglevel = WARNING
mailtemplatedir = {home}/etc/mail_templates

[client]
# The server imports helpers of the client, which want this section.
rucio_host = {url}
auth_host = {url}
auth_type = userpass
account = root

[database]
default = sqlite:///{home}/rucio.db
pool_reset_on_return = rollback

[alembic]
cfg = {home}/etc/alembic.ini

[bootstrap]
userpass_identity = ddmlab
userpass_pwd = secret
userpass_email = root@localhost

[policy]
package = atlas_rucio_policy_package
lfn2pfn_algorithm_default = hash
support = root@localhost
support_rucio = root@localhost

[cache]
# A memcached is looked for at import; nothing listens at this port.
url = 127.0.0.1:1

[monitor]
enable_metrics = False

[trace]
tracedir = {home}/log/trace
brokers = 127.0.0.1
port = 61013
username = u
password = p
topic = /topic/rucio.tracer
"""

ALEMBIC = """\
[alembic]
script_location = {package}/db/sqla/migrate_repo
sqlalchemy.url = sqlite:///{home}/rucio.db
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = generic
[logger_root]
level = WARN
handlers = console
qualname =
[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic
[formatter_generic]
format = %(levelname)s [%(name)s] %(message)s
"""


def main(folder: str, url: str) -> None:
    home = Path(folder).resolve()
    (home / "etc").mkdir(parents=True, exist_ok=True)
    (home / "log" / "trace").mkdir(parents=True, exist_ok=True)
    spec = importlib.util.find_spec("rucio")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    package = spec.submodule_search_locations[0]
    (home / "etc" / "rucio.cfg").write_text(SERVER.format(home=home, url=url))
    (home / "etc" / "alembic.ini").write_text(ALEMBIC.format(home=home, package=package))
    os.environ["RUCIO_CONFIG"] = str(home / "etc" / "rucio.cfg")
    os.environ["RUCIO_HOME"] = str(home)
    from rucio.db.sqla.util import build_database, create_base_vo, create_root_account

    build_database()
    create_base_vo()
    create_root_account()


if __name__ == "__main__":
    main(*sys.argv[1:])
