"""Starts hpogrid in a job with what came along; an old Python has to understand this file too."""

import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]  # input data are there
if sys.version_info < (3, 11):
    finder = os.path.join(here, "hpogrid_job.sh")
    os.execv("/bin/sh", ["sh", finder, "python3"] + sys.argv)

import sysconfig

lib, vendor = os.path.join(here, "lib"), os.path.join(here, "vendor")
if not os.path.isdir(lib):
    import base64
    import io
    import json
    import tarfile

    with open(os.path.join(here, "hpogrid_bundle.json")) as stream:
        packed = base64.b64decode(json.load(stream)["tgz"])
    try:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(here)
    except OSError as error:
        sys.exit("hpogrid: a job writes into its folder, and cannot: %s" % error)
paths = [lib]
try:
    import msgspec

    if tuple(int(part) for part in msgspec.__version__.split(".")[:2]) < (0, 20):
        raise ImportError("msgspec " + msgspec.__version__)
except ImportError:
    for name in [name for name in sys.modules if name.split(".")[0] == "msgspec"]:
        del sys.modules[name]
    paths.append(vendor)
os.environ["PYTHONPATH"] = os.pathsep.join(paths + os.environ.get("PYTHONPATH", "").split(":"))
os.environ["PYTHONPATH"] = os.environ["PYTHONPATH"].rstrip(os.pathsep)
sys.path[:0] = paths
try:
    import msgspec
except ImportError as error:
    core = "_core" + (sysconfig.get_config_var("EXT_SUFFIX") or "")
    here_is = "Python %d.%d at %s" % (sys.version_info[:2] + (sys.executable,))
    if os.path.exists(os.path.join(vendor, "msgspec", core)):
        sys.exit("hpogrid: %s cannot load the msgspec that came along: %s" % (here_is, error))
    sys.exit(
        "hpogrid: %s lacks msgspec 0.20 or later, and none that came along is for it (there is no "
        "%s): install it in the image, or choose another image with 'hpogrid grid_config update "
        "NAME --container IMAGE'" % (here_is, core)
    )

if sys.argv[1:2] == ["-m"]:
    import runpy

    del sys.argv[1]
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
    sys.exit()

from hpogrid.job.entry import main

code = main(sys.argv[1:], here)
sys.stdout.flush()
sys.stderr.flush()
os._exit(code)  # a user's script may have left threads behind that would keep the process alive
