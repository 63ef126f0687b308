"""Tests with real engines. Each boots its own, as root, on loopback, and stops it by its pids.

What they need is in ``.ci/packages.txt``; where it is missing they fail and name it.
"""
