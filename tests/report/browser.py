"""A headless Chromium over its debugging pipe: pages from files, and nothing else. No port is opened."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = Path(os.environ.get("AXE_CORE") or Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
START = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for end, wanted in zip(ends, (3, 4)):
    os.dup2(end, wanted)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads commands from descriptor 3 and writes to 4."""


class Browser:
    """One page of a browser that was just started."""

    def __init__(self, to: int, out: int) -> None:
        self.requests: list[str] = []
        self.messages: list[str] = []
        self._to, self._out = to, out
        self._numbers = count(1)
        self._rest = b""
        self._loaded = False
        self._session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log", "DOM"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def _read(self):
        while b"\0" not in self._rest:
            piece = os.read(self._out, 1 << 16)
            assert piece, "the browser has ended"
            self._rest += piece
        message, self._rest = self._rest.split(b"\0", 1)
        answer = json.loads(message)
        given = answer.get("params", {})
        self._loaded |= answer.get("method") == "Page.loadEventFired"
        if answer.get("method") == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])
        if answer.get("method") == "Log.entryAdded":
            self.messages.append(given["entry"]["text"])
        if answer.get("method") == "Runtime.exceptionThrown":
            details = given["exceptionDetails"]
            self.messages.append(details.get("exception", {}).get("description") or details["text"])
        return answer

    def run(self, script):
        """The value of an expression, which may be a promise."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def show(self, page: Path, *, width=1280, height=900, dark=False, script=True, media=""):
        """Open a page and wait until its timeline is drawn, if it has one."""
        self.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.requests.clear()
        self.messages.clear()
        self._loaded = False
        self.call("Page.navigate", url=page.resolve().as_uri())
        while not self._loaded:
            self._read()
        if script:
            drawn = "!document.querySelector('.timeline') || !!window.shown"
            look = f"n => {drawn} || !n ? done({drawn}) : setTimeout(look, 20, n - 1)"
            assert self.run(f"new Promise(done => {{ const look = {look}; look(500) }})"), self.messages

    def key(self, key):
        """Press a key."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27}
        text = {"text": key} if len(key) == 1 else {}
        code = codes.get(key, 0)
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def picture(self, file: Path, width=1280):
        """A picture of the whole page."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        self.resize(width, int(size["height"]))
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        data = self.call("Page.captureScreenshot")["data"]
        file.write_bytes(base64.b64decode(data))

    def resize(self, width, height):
        """Give the page another size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def violations(self):
        """What axe-core finds on the page that is shown; a test skips where there is no axe-core."""
        if not AXE.is_file():
            pytest.skip("needs axe-core: npm install axe-core, or AXE_CORE=…/axe.min.js")
        self.run(AXE.read_text(encoding="utf-8") + ";0")
        return self.run("axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html)]))")


def made_once(makers, directory):
    """What gives the file of a page by its name, and makes it when it is first asked for."""

    def page(name):
        file = directory / f"{name}.html"
        if not file.exists():
            makers[name]().report(file)
        return file

    return page


@contextmanager
def browser():
    """Start Chromium with a profile of its own; it ends with the block."""
    to_read, to_write = os.pipe()
    out_read, out_write = os.pipe()
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        started = [sys.executable, "-c", START, str(to_read), str(out_write), *command]
        process = subprocess.Popen(
            started,
            pass_fds=(to_read, out_write),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(out_write)
        try:
            yield Browser(to_write, out_read)
        finally:
            os.close(to_write)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            os.close(out_read)
