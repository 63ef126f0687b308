"""What becomes of a file on a shared disk: a power cut, a full disk, somebody's mistake."""

from __future__ import annotations

from pathlib import Path

DAMAGE = ("empty", "cut", "nul", "type", "deep", "binary", "folder")


def damage(path: Path, how: str) -> None:
    """Damage a file that is there."""
    whole = path.read_bytes()
    if how == "folder":
        path.unlink()
        path.mkdir()
        return
    contents = {
        "empty": b"",
        "cut": whole[: len(whole) // 2],
        "nul": bytes(len(whole)),
        "type": b'["another", "type"]',
        "deep": b"[" * 3000 + b"]" * 3000,
        "binary": b"\xff\xfe" + whole,
    }
    path.write_bytes(contents[how])
