"""A headless Chromium that tests can ask what a page does, over its debugging pipe.

Debian's package `chromium` is enough: no driver, no package. Nothing but files can be loaded.
"""

import base64
import fcntl
import functools
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--headless",
    "--no-sandbox",  # containers have no user namespaces
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
_SECONDS = 120


def find_chromium() -> str:
    """Path of the browser; skips the test without one that runs."""
    for name in _NAMES:
        # Ubuntu has a script of this name which only says that the browser is elsewhere.
        if (path := shutil.which(name)) and _runs(path):
            return path
    pytest.skip("no chromium to open the page with (Debian: apt-get install chromium)")


@functools.cache
def _runs(path: str) -> bool:
    return subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0


def _pipe() -> tuple[int, int]:
    """A pipe whose ends are not among the first descriptors."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved


class Chromium:
    """A browser with one page.

    Attributes:
        problems: Errors on the console, exceptions of scripts, and what could not be loaded.
        requests: Addresses that were asked for, without those inside the page (data, blob).
    """

    def __init__(self, folder: Path) -> None:
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._folder = folder
        self._number = 0
        self._loaded = False
        to_read, self._to = _pipe()
        self._from, to_write = _pipe()
        words = [find_chromium(), *_OPTIONS, f"--user-data-dir={folder}/profile", "about:blank"]
        self._process = subprocess.Popen(
            words,
            # Chromium reads commands from descriptor 3 and answers on 4.
            preexec_fn=lambda: (os.dup2(to_read, 3), os.dup2(to_write, 4)),
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._received = b""
        self._session = ""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def open(self, page: Path, width: int = 1200, height: int = 900, query: str = "") -> None:
        """Opens a file and waits until it is loaded."""
        self._loaded = False
        self._call(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        self._call("Page.navigate", url=page.resolve().as_uri() + query)
        deadline = time.monotonic() + _SECONDS
        while not self._loaded:
            assert time.monotonic() < deadline, f"{page}: not loaded"
            self._call("Runtime.evaluate", expression="0")
            time.sleep(0.02)

    def evaluate(self, expression: str):
        """Value of an expression in the page; a promise is awaited."""
        answer = self._call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Presses and releases a key."""
        code = {"Enter": 13}.get(key, ord(key[0].upper()))
        text = {"Enter": "\r"}.get(key, key)
        for kind in ("keyDown", "keyUp"):
            self._call(
                "Input.dispatchKeyEvent",
                **{"type": kind, "key": key, "windowsVirtualKeyCode": code},
                **({"text": text} if kind == "keyDown" else {}),
            )

    def screenshot(self, path: Path, whole: bool = True) -> None:
        """Writes what the page looks like as PNG."""
        answer = self._call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))

    def download_to(self, folder: Path) -> None:
        """Lets the page save files into a folder."""
        self._call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def close(self) -> None:
        """Ends the browser."""
        os.close(self._to)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._from)

    def _call(self, method: str, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data) :]
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._note(answer)

    def _next(self) -> dict:
        while b"\0" not in self._received:
            data = os.read(self._from, 1 << 20)
            assert data, "chromium has ended"
            self._received += data
        message, _, self._received = self._received.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict) -> None:
        method, values = event.get("method"), event.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Runtime.exceptionThrown":
            self.problems.append(str(values["exceptionDetails"]))
        elif method == "Log.entryAdded" and values["entry"]["level"] == "error":
            self.problems.append(values["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and values["type"] in ("error", "assert"):
            self.problems.append(str(values["args"]))
        elif method == "Network.loadingFailed":
            # What the page itself broke off is no problem: a link that became a download.
            if not values.get("canceled") and values["errorText"] != "net::ERR_ABORTED":
                self.problems.append(f"{values['type']}: {values['errorText']}")
        elif method == "Network.requestWillBeSent":
            url = values["request"]["url"]
            if not url.startswith(("data:", "blob:")):
                self.requests.append(url)
