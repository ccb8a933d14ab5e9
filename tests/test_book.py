"""The built book in Chromium: offline, from its files, on a wide light screen and on a narrow dark one."""

import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "build" / "_build" / "html"
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.py"))
SCREENS = {
    "wide-light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "narrow-dark": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}

# What a page looks like once everything on it has loaded.
LOOK = """async () => {
    if (window.MathJax) await MathJax.startup.promise;
    const all = selector => [...document.querySelectorAll(selector)], texts = es => es.map(e => e.textContent);
    const page = document.documentElement;
    all("img").forEach(image => image.loading = "eager");
    await Promise.allSettled(all("img").map(image => image.decode()));
    return {
        theme: page.dataset.theme,
        sideways: page.scrollWidth - page.clientWidth,
        formulas: texts(all(".math").filter(math => !math.querySelector("mjx-container"))),
        errors: texts(all("mjx-merror, [data-mjx-error]")),
        tables: texts(all("p").filter(p => p.textContent.trim().startsWith("|"))),
        images: all("img").filter(i => !i.naturalWidth || !i.alt.trim()).map(i => i.src),
        ids: all("[id]").map(element => element.id),
        links: all("a[href]").map(a => a.getAttribute("href")),
    };
}"""
TROUBLES = ("sideways", "formulas", "errors", "tables", "images")  # of these there must be none

pytestmark = pytest.mark.browser


def unavailable(reason):
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.fixture(scope="module")
def pages():
    """All pages of the book but index.html, which only leads to the first one."""
    if not (BOOK / "index.html").exists():
        unavailable(f"There is no book at {BOOK}: run `make book` first.")
    found = [path for path in BOOK.rglob("*.html") if "_static" not in path.parts]
    return sorted(set(found) - {BOOK / "index.html"})


@pytest.fixture(scope="module")
def chromium():
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        unavailable(f"No browser: none of {', '.join(names)} is on the PATH.")
    with sync_playwright() as playwright:
        # From files Chromium refuses what it does from a server: a search result's first lines, for one.
        options = ["--allow-file-access-from-files"]
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


@pytest.fixture(params=SCREENS)
def tab(request, chromium):
    """A tab without a network, which notes what goes wrong in it in `tab.troubles`."""
    context = chromium.new_context(**SCREENS[request.param])
    tab = context.new_page()
    tab.troubles = []
    tab.theme = SCREENS[request.param]["color_scheme"]

    def route(route):
        route.continue_() if re.match("file:|data:", route.request.url) else route.abort()

    context.route("**/*", route)
    tab.on("console", lambda message: message.type == "error" and tab.troubles.append(message.text))
    tab.on("pageerror", lambda error: tab.troubles.append(str(error)))
    tab.on("requestfailed", lambda request: tab.troubles.append(f"failed request: {request.url}"))
    yield tab
    context.close()


def test_every_page_is_whole(tab, pages):
    tab.goto((BOOK / "index.html").as_uri())
    tab.wait_for_url("**/intro.html")
    looks = {}
    for page in pages:
        tab.goto(page.as_uri())
        look = looks[page.as_uri()] = tab.evaluate(LOOK)
        assert not tab.troubles, page
        wrong = {name: look[name] for name in TROUBLES if look[name]}
        assert not wrong, page
        assert look["theme"] == tab.theme
    for here, look in looks.items():
        for link in look["links"]:
            url, anchor = urldefrag(urljoin(here, link))
            if url.startswith("file:"):
                assert Path(unquote(url.removeprefix("file://"))).exists(), f"dead link {link} in {here}"
                assert not anchor or unquote(anchor) in looks[url]["ids"], f"dead anchor {link} in {here}"


def test_search_finds_a_word(tab, pages):
    tab.goto((BOOK / "search.html").as_uri() + "?q=outlier")
    tab.wait_for_selector("#search-results li a")
    assert not tab.troubles


def test_colab_opens_a_notebook_that_is_published(pages):
    for name in NOTEBOOKS:
        html = (BOOK / "notebooks" / f"{name}.html").read_text()
        link = r"https://colab\.research\.google\.com/github/[\w.-]+/[\w.-]+/blob/gh-pages/([^\"]+)"
        (published,) = set(re.findall(link, html))
        assert (BOOK / published).name == f"{name}.ipynb"
        assert (BOOK / published).exists()
        assert f'href="../{published}"' in html, "no download"
