# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless Chromium that tests click in, by the Chrome DevTools Protocol over a pair of pipes.

https://chromedevtools.github.io/devtools-protocol/; `--remote-debugging-pipe` ends each message with a zero byte.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.environment import inherited_environ

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Bounds a browser that hangs; no test waits for it otherwise.
MAX_SECONDS = 300
KEYS = {"Enter": ("\r", 13), "Tab": ("", 9), " ": (" ", 32), "ArrowDown": ("", 40)}


def program() -> str | None:
    """The browser that CHROMIUM names, or one of the usual names."""
    return next(filter(None, map(shutil.which, (os.environ.get("CHROMIUM", ""), *NAMES))), None)


class Page:
    """One page of the browser. `requests` are addresses that it has asked for, `messages` what it complains about."""

    def __init__(self, sending: int, receiving: int) -> None:
        self._sending, self._receiving = sending, receiving
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.requests: list[str] = []
        self.messages: list[str] = []
        self._loaded = False
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._sending, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _writing, _failed = select.select([self._receiving], [], [], MAX_SECONDS)
            assert ready, "the browser does not answer"
            read = os.read(self._receiving, 1 << 20)
            assert read, "the browser has ended"
            self._buffer += read
        text, self._buffer = self._buffer.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, event: str | None, details: Mapping[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(details["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.messages.append(json.dumps(details["exceptionDetails"]))
        elif event == "Log.entryAdded":
            self.messages.append(str(details["entry"]["text"]))
        elif event == "Page.javascriptDialogOpening":
            self.messages.append(f"dialog: {details['message']}")
        elif event == "Page.loadEventFired":
            self._loaded = True

    def open(self, path: Path) -> None:
        self._loaded = False
        self.requests.clear()
        self.messages.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not self._loaded:
            self._receive()

    def value(self, script: str) -> Any:
        """What the JavaScript expression is worth, as JSON."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def texts(self, selector: str) -> list[str]:
        """What a reader sees in the elements."""
        found: list[str] = self.value(f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.innerText)")
        return found

    def wait_for(self, script: str) -> None:
        """Waits until the expression is true."""
        until = time.monotonic() + MAX_SECONDS
        while not self.value(f"Boolean({script})"):
            assert time.monotonic() < until, f"this does not become true: {script}"

    def click(self, selector: str, text: str | None = None) -> None:
        """Clicks in the middle of the element, as a mouse does; of those with this text, the first."""
        place = self.value(
            f"""(() => {{
              const element = [...document.querySelectorAll({json.dumps(selector)})]
                .find((each) => {json.dumps(text)} === null || each.innerText.includes({json.dumps(text)}));
              element.scrollIntoView({{block: "center"}});
              const box = element.getBoundingClientRect();
              return [box.x + Math.min(box.width / 2, 40), box.y + box.height / 2];
            }})()"""
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def write(self, text: str) -> None:
        """Writes into what has the focus."""
        self.call("Input.insertText", text=text)

    def press(self, key: str, times: int = 1) -> None:
        text, code = KEYS[key]
        named = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code}
        for _each in range(times):
            self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **named)
            self.call("Input.dispatchKeyEvent", type="keyUp", **named)

    def look(self, width: int, height: int = 900, dark: bool = False, media: str = "screen") -> None:
        """Shows the page in a window of this size, in this colour scheme, or as it is printed."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def printed(self) -> bytes:
        """The page as PDF."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=False, preferCSSPageSize=True)["data"])


@contextmanager
def open_page(folder: Path) -> Iterator[Page]:
    """A page of a new browser, whose profile is in the folder. The test is skipped if there is no browser."""
    found = program()
    if found is None:
        pytest.skip("Chromium is not here (Debian: chromium), so that no test clicks in the page")
    to_browser, sending = os.pipe()
    receiving, from_browser = os.pipe()
    words = (
        "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --disable-extensions --hide-scrollbars --mute-audio --lang=en"
    ).split()
    command = [found, *words, f"--user-data-dir={folder / 'profile'}", "--remote-debugging-pipe"]
    # The browser reads from its file descriptor 3 and writes to 4.
    script = f'exec 3<&{to_browser} 4>&{from_browser}; exec "$@"'
    with subprocess.Popen(
        ["bash", "-c", script, "bash", *command],
        pass_fds=(to_browser, from_browser),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**inherited_environ(), "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)},
        start_new_session=True,
    ) as browser:
        os.close(to_browser)
        os.close(from_browser)
        try:
            yield Page(sending, receiving)
        finally:
            os.close(sending)
            os.close(receiving)
            _end(browser)


def _end(browser: subprocess.Popen[bytes]) -> None:
    """Ends the browser and its children, which are in a session of their own."""
    until = time.monotonic() + 10
    while browser.poll() is None and time.monotonic() < until:  # it ends by itself once its pipe is closed
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(browser.pid, signal.SIGKILL)
