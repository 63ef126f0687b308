"""The catalogue of data for JEDI: the real client of Rucio, where one storage is next to all."""

from __future__ import annotations

from typing import Any

from pandajedi.jediddm.AtlasDDMClient import AtlasDDMClient  # type: ignore[import-not-found]


class Catalogue(AtlasDDMClient):  # type: ignore[misc]
    """What JEDI asks of a dataset's metadata, files and datasets goes to Rucio."""

    def getAvailableFiles(
        self, dataset: Any, endpoints: object, sites: Any, *_: object, **__: object
    ) -> tuple[object, dict[str, dict[str, list[Any]]]]:
        """At which queues the files are: at all of them, which have no storage of their own."""
        files: dict[str, list[Any]] = {"localtape": [], "cache": [], "remote": []}
        files |= {"localdisk": list(dataset.Files), "all": list(dataset.Files)}
        return self.SC_SUCCEEDED, dict.fromkeys(sites.siteSpecList, files)
