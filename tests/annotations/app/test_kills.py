"""Server and tab are killed at random moments under load: nothing acknowledged is missing, nothing is doubled."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from fertools.annotations.log import RatingLog
from fertools.core.workspace import Workspace
from tests.annotations.app.conftest import Served, start
from tests.annotations.app.writers import Writer, check_writers

WRITERS = 4
VICTIMS = ("server", "server and tab killed", "tab closed", "tab killed", "server and tab closed")
KEPT = """async ([valence, arousal]) => {
  const database = await new Promise((resolve, reject) => {
    const request = indexedDB.open("fertools-ratings");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const isIt = ({ event }) => event.kind === "rate" && event.valence === valence && event.arousal === arousal;
  for (;;) {
    const entries = await new Promise((resolve) => {
      const request = database.transaction("events").objectStore("events").getAll();
      request.onsuccess = () => resolve(request.result);
    });
    if (entries.some(isIt) || document.querySelector("#saved").dataset.state === "saved") break;
    await new Promise((resolve) => setTimeout(resolve));
  }
  database.close();
}"""
"""Returns once the browser's store or the server has a rating."""


class _Server:
    """The command, killed and started again at one port.

    Attributes:
        address: where it serves.
        process: identifier of the one that runs now.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._served = self._start("0")
        self.address = self._served.address

    def _start(self, port: str) -> Served:
        return start(self._root, "--va", "--port", port)

    @property
    def process(self) -> int:
        return self._served.process.pid

    def end(self) -> None:
        self._served.process.kill()
        self._served.process.communicate()

    def restart(self) -> None:
        """Start it again once the one before is dead."""
        self.end()
        self._served = self._start(str(urlsplit(self.address).port))


@contextmanager
def _writing(server: _Server) -> Iterator[list[Writer]]:
    stop = threading.Event()
    writers = [Writer(f"writer{number}", lambda: server.address, stop) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        yield writers
    finally:
        stop.set()
        for writer in writers:
            writer.join()


def _acknowledged(writers: list[Writer]) -> int:
    return sum(len(writer.acknowledged) for writer in writers)


def _kill_server(root: Path, kills: int, seed: int) -> None:
    """Kill the server while raters write, each time after a number of acknowledged acts that the seed draws."""
    rng = random.Random(seed)
    server = _Server(root)
    try:
        with _writing(server) as writers:
            for _ in range(kills):
                wanted = _acknowledged(writers) + rng.randint(1, 60)
                while _acknowledged(writers) < wanted:
                    time.sleep(0.0005)
                server.restart()
    finally:
        server.end()
    with RatingLog(Workspace(root).ratings_log) as log:
        check_writers(log, writers)


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_a_server_killed_under_load_loses_and_doubles_nothing(workspace: Workspace, kills: int) -> None:
    _kill_server(workspace.root, kills, seed=kills)


@dataclass
class _Tab:
    """A page in which one rater rates by keyboard, and what was typed there.

    Attributes:
        page: it.
        processes: identifiers of the processes that draw the browser's pages, of which this is the only one.
        typed: valence and arousal of each act, all different, which the page has kept.
        cut_off: those during whose typing the tab was killed: they may be there, once, or not.
        entered: those of `cut_off` that were entered in full, but not yet seen to be kept.
    """

    browser: Browser
    address: str

    def __post_init__(self) -> None:
        self.context = self.browser.new_context(viewport={"width": 1280, "height": 720})
        self.context.add_init_script("localStorage.setItem('fertools-advance', 'false')")
        self.typed: list[tuple[float, float]] = []
        self.cut_off: list[tuple[float, float]] = []
        self.entered: list[tuple[float, float]] = []
        self.open()

    def open(self) -> None:
        """Open the page in a process of its own; the browser has kept what the one before had not sent."""
        self.page: Page = self.context.new_page()
        self.page.goto(f"{self.address}?rater=anna")
        self.page.get_by_role("button", name="Begin").click()
        expect(self.page.locator(".thumb[aria-current]")).to_be_visible()
        session = self.browser.new_browser_cdp_session()
        found = session.send("SystemInfo.getProcessInfo")["processInfo"]
        session.detach()
        self.processes = [one["id"] for one in found if one["type"] == "renderer"]

    def rate(self) -> bool:
        """Type a point and keep it; return whether the tab is still there."""
        number = len(self.typed) + len(self.cut_off)
        act = (number % 201 - 100) / 100, number // 201 / 100
        entered = False
        try:
            # From the plane, the next two stops of the Tab key are its two numbers.
            self.page.locator(".plane svg").focus()
            for value in act:
                self.page.keyboard.press("Tab")
                self.page.keyboard.type(f"{value:.2f}")
            self.page.keyboard.press("Enter")
            entered = True
            self.page.evaluate(KEPT, list(act))
        except Error as error:
            if "crashed" not in str(error):
                raise
            self.cut_off.append(act)
            self.entered += [act] if entered else []
            return False
        self.typed.append(act)
        return True

    def wait_until_saved(self) -> None:
        expect(self.page.locator("#saved")).to_have_attribute("data-state", "saved", timeout=60_000)


class _Killer(threading.Thread):
    """Kills processes once the writers have been told that some more acts are saved."""

    def __init__(self, processes: list[int], writers: list[Writer], more: int) -> None:
        super().__init__(name="killer")
        self._processes, self._writers = processes, writers
        self._wanted = _acknowledged(writers) + more

    def run(self) -> None:
        while _acknowledged(self._writers) < self._wanted:
            time.sleep(0.0005)
        for process in self._processes:
            os.kill(process, signal.SIGKILL)


def _rate_while_killed(tab: _Tab, server: _Server, writers: list[Writer], victim: str, rng: random.Random) -> None:
    """Rate until what `victim` names was killed, then rate on while it can be done, and start it again."""
    processes = [server.process] if "server" in victim else []
    processes += tab.processes if "killed" in victim else []
    killer = _Killer(processes, writers, rng.randint(1, 200))
    killer.start()
    while tab.rate() and killer.is_alive():
        pass
    killer.join()
    if "server" in victim:
        for _ in range(rng.randint(0, 3)):
            if "killed" not in victim:
                tab.rate()
    if "tab" in victim:
        tab.page.close(run_before_unload=False)
    if "server" in victim:
        server.restart()
    if "tab" in victim:
        tab.open()


def _kill_server_and_tab(browser: Browser, root: Path, kills: int, seed: int) -> str:
    """Rate in a browser while others write and server, tab or both are killed; return what was counted."""
    rng = random.Random(seed)
    victims = [VICTIMS[number % len(VICTIMS)] for number in range(kills)]
    rng.shuffle(victims)
    server = _Server(root)
    tab = _Tab(browser, server.address)
    try:
        with _writing(server) as writers:
            for victim in victims:
                _rate_while_killed(tab, server, writers, victim, rng)
            tab.rate()
            tab.wait_until_saved()
    finally:
        tab.context.close()
        server.end()
    with RatingLog(Workspace(root).ratings_log) as log:
        check_writers(log, writers)
        events = [logged.event for logged in log.events(rater="anna", kinds=("rate",))]
    kept = Counter((event.body["valence"], event.body["arousal"]) for event in events)
    assert not [act for act in tab.typed if kept[act] != 1], "an act that the page had kept is missing or doubled"
    assert not [act for act in tab.cut_off if kept[act] > 1], "an act that was cut off is there twice"
    assert set(kept) <= {*tab.typed, *tab.cut_off}
    killed = ", ".join(f"{victim} {count}" for victim, count in sorted(Counter(victims).items()))
    arrived = sum(kept[act] for act in tab.entered)
    return (
        f"{kills} kills ({killed}); {_acknowledged(writers)} acts of {WRITERS} writers, each in the log once; "
        f"{len(tab.typed)} acts typed and kept, each in the log once; {len(tab.cut_off)} cut off while typed, "
        f"{len(tab.entered)} of them after Enter, of which {arrived} arrived"
    )


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_server_and_tab_killed_under_load_lose_and_double_nothing(
    browser: Browser, unlabelled: Workspace, kills: int
) -> None:
    print(_kill_server_and_tab(browser, unlabelled.root, kills, seed=kills))
