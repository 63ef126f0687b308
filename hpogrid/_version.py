"""The version of hpogrid, in one place."""

VERSION = "2.0.0"
