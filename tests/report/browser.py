"""A headless browser without a network, for tests that look at pages."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader",
    "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--window-size=1400,1000", "--proxy-server=127.0.0.1:9",
)  # fmt: skip

_INSIDE = ("file:", "data:", "blob:", "chrome:", "chrome-untrusted:")


@contextmanager
def browser() -> Iterator[Any]:
    """Debian's Chromium, driven by its chromedriver."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        try:
            yield driver
        finally:
            driver.quit()


def open_page(driver: Any, path: Path) -> None:
    """Open a file and forget what was logged before."""
    open_url(driver, path.as_uri())


def open_url(driver: Any, url: str) -> None:
    """Open an address and forget what was logged before."""
    driver.get_log("browser")
    driver.get_log("performance")
    driver.get(url)


def requests(driver: Any) -> list[str]:
    """The addresses that were asked for since the page was opened, itself left out."""
    found = []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            found.append(message["params"]["request"]["url"])
    return [url for url in found if not url.startswith(_INSIDE)]


def errors(driver: Any) -> list[str]:
    """What the console says at level warning or above (not of the graphics driver)."""
    return [
        entry["message"]
        for entry in driver.get_log("browser")
        if entry["level"] in ("SEVERE", "WARNING") and "WebGL" not in entry["message"]
    ]
