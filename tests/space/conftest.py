"""Property tests run on machines that are busy with other things: no deadline per example."""

from __future__ import annotations

import hypothesis

hypothesis.settings.register_profile("hpogrid", deadline=None)
hypothesis.settings.load_profile("hpogrid")
