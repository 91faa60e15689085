# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTML report of a rollout as people meet it: in a browser, on screens of every width, by day and by night.

With REPORT_SCREENSHOTS set to a directory, pictures are left there.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils import report
from rollouts import at, names, rollout
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

TEMPLATE = (Path(__file__).parents[2] / "roles" / "rollout" / "templates" / "report.html.j2").read_text()
QUIET = [
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
]
# What WCAG 2.1 asks of text (success criterion 1.4.3): of large or bold text, and of any other.
CONTRAST = {True: 3.0, False: 4.5}
FLEETS = {"few": 3, "some": 40, "many": 300}
WIDTHS = [390, 1024, 1600]
SCHEMES = ["light", "dark"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    # Its sandbox is not for root; the page is our own.
    for argument in [*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]:
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


def fates(count):
    """One host of every kind, where there are enough; what they say is long, and some of it one long word."""
    found = {
        "host-2": (
            "rolled_back",
            "ready",
            "ready: container 'hmi': port 8080 did not accept a connection for 30 s",
        ),
        "host-3": ("pending", "rootfs", "rootfs: Failed to connect to the host via ssh: No route to host"),
        "host-5": ("failed", "config", "config: /var/lib/lxc/" + "a-very-long-name/" * 12 + "config: No space left"),
        "host-7": ("rolled_back", "busybox", "busybox: container 'hmi': there is no busybox on the target"),
    }
    return {name: fate for name, fate in found.items() if int(name.partition("-")[2]) <= count}


def show(browser, tmp_path, record, width=1024, scheme="light"):
    """Open the report of a rollout in a window of some width."""
    page = tmp_path / "report.html"
    page.write_text(report.render(TEMPLATE, record, at(1000)), encoding="utf-8")
    # A page that glides would move below the mouse.
    features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    media = {"features": [{"name": name, "value": value} for name, value in features.items()]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get_log("browser")
    browser.get(page.as_uri())


def picture(browser, name):
    folder = os.environ.get("REPORT_SCREENSHOTS")
    if folder:
        size = browser.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        whole = {"width": int(size["width"]), "height": int(size["height"]), "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", whole)
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))


def boxes(browser, selector):
    """Left, top, right and bottom of all elements."""
    script = """return [...document.querySelectorAll(arguments[0])].map(element => {
        const box = element.getBoundingClientRect();
        return [box.left, box.top, box.right, box.bottom];
    })"""
    return browser.execute_script(script, selector)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("size", FLEETS)
def test_the_page_fits_its_window(browser, tmp_path, size, width, scheme):
    count = FLEETS[size]
    show(browser, tmp_path, rollout(names(count), fates(count)), width, scheme)
    assert browser.get_log("browser") == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    # Nothing makes the page as a whole scroll sideways, and no section is wider than the page.
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    for left, _top, right, _bottom in boxes(browser, "section, .square, .tile, .reason p, .badge, h1"):
        assert 0 <= left < right <= width
    ticks = [box for box in boxes(browser, ".axis span") if box[0] < box[2]]
    assert len(ticks) > 2
    assert all(one[2] <= other[0] for one, other in zip(ticks, ticks[1:]))
    picture(browser, f"{size}-{width}-{scheme}")


@pytest.mark.parametrize("size", FLEETS)
def test_each_host_has_a_square_of_its_own(browser, tmp_path, size):
    show(browser, tmp_path, rollout(names(FLEETS[size]), fates(FLEETS[size])))
    squares = sorted(boxes(browser, ".square"), key=lambda box: (box[1], box[0]))
    assert len(squares) == FLEETS[size]
    assert min(min(right - left, bottom - top) for left, top, right, bottom in squares) >= 12
    for number, one in enumerate(squares):
        for other in squares[number + 1 :]:
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


CONTRASTS = """
const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
const over = (colour, below) => {
    canvas.fillStyle = `rgb(${below})`; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const ground = element => element ? over(getComputedStyle(element).backgroundColor, ground(element.parentElement))
                                  : [255, 255, 255];
const light = rgb => rgb.map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, style = getComputedStyle(element);
    if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
    // A picture as background has no one colour.
    if (style.backgroundImage !== "none") continue;
    const back = ground(element), text = light(over(style.color, back)), behind = light(back);
    const size = parseFloat(style.fontSize), bold = style.fontWeight >= 700;
    found.push([walker.currentNode.data.trim().slice(0, 40), element.className, size >= 24 || bold && size >= 18.66,
                (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05)]);
}
return found;
"""


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", ["few", "some"])
def test_text_can_be_read(browser, tmp_path, size, scheme):
    show(browser, tmp_path, rollout(names(FLEETS[size]), fates(FLEETS[size])), scheme=scheme)
    found = browser.execute_script(CONTRASTS)
    assert len(found) > 40
    faint = {(kind, round(ratio, 1)) for words, kind, large, ratio in found if ratio < CONTRAST[large] and words != "·"}
    assert faint == set()


def test_only_what_is_not_done(browser, tmp_path):
    show(browser, tmp_path, rollout(names(40), fates(40)))
    rows = browser.find_elements(By.CSS_SELECTOR, "tbody tr")
    assert [row.is_displayed() for row in rows] == [True] * 40
    browser.find_element(By.CSS_SELECTOR, "label[for=open]").click()
    shown = [row.find_element(By.CSS_SELECTOR, ".host").text for row in rows if row.is_displayed()]
    assert shown == ["host-2", "host-3", "host-5", "host-7"]
    browser.find_element(By.CSS_SELECTOR, "label[for=all]").click()
    assert [row.is_displayed() for row in rows] == [True] * 40


def test_a_square_leads_to_its_host(browser, tmp_path):
    show(browser, tmp_path, rollout(names(300), fates(300)))
    square = browser.find_elements(By.CSS_SELECTOR, ".square")[250]
    name = square.get_attribute("title").partition(":")[0]
    square.click()
    script = """const row = document.querySelector("tr:target"), box = row.getBoundingClientRect();
        return [row.querySelector(".host").textContent, box.top >= 0 && box.bottom <= innerHeight]"""
    WebDriverWait(browser, 10).until(lambda driver: driver.execute_script(script) == [name, True])


def test_the_mouse_is_told_what_a_square_is(browser, tmp_path):
    show(browser, tmp_path, rollout(names(40), fates(40)))
    titles = [each.get_attribute("title") for each in browser.find_elements(By.CSS_SELECTOR, ".square")]
    assert [title for title in titles if not title.endswith("done after 0:02")] == [
        "host-2: rolled back after 0:02",
        "host-3: unreachable after 0:02",
        "host-5: failed after 0:02",
        "host-7: rolled back after 0:02",
    ]
