"""One browser for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from botkit.media.wav import write_wav
from botkit.testing import tone
from tests.browser.chromium import Chromium
from tests.browser.kit import PAGE_SAYS


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser whose microphone says `PAGE_SAYS`; it ends with the last test."""
    microphone = tmp_path_factory.mktemp("browser") / "microphone.wav"
    write_wav(microphone, tone(PAGE_SAYS, 5.0, rate=48000), 48000)
    browser = Chromium(microphone)
    browser.start()
    try:
        yield browser
    finally:
        browser.stop()
