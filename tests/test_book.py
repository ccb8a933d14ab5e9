"""The built book in Chromium: offline, from its files, on a wide and on a narrow screen, in light and in dark."""

import importlib.util
import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
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
    const all = selector => [...document.querySelectorAll(selector)], texts = es => es.map(e => e.textContent);
    const page = document.documentElement;
    all("img").forEach(image => image.loading = "eager");
    await Promise.allSettled(all("img").map(image => image.decode()));
    return {
        theme: page.dataset.theme,
        sideways: page.scrollWidth - page.clientWidth,
        formulas: texts(all(".math").filter(math => !math.querySelector("math") || math.querySelector("merror"))),
        tables: texts(all("p").filter(p => p.textContent.trim().startsWith("|"))),
        images: all("img").filter(i => !i.naturalWidth || !i.alt.trim()).map(i => i.src),
        // Text of a figure is small on a narrow screen, so the figure leads to its file in full size.
        small: all("article img:not(.animation img)").filter(i => i.src !== i.closest("a")?.href).map(i => i.src),
        // Names and numbers that are broken over two lines.
        broken: texts(all("article .nowrap").filter(e => e.getClientRects().length > 1)),
        code: texts(all(".cell_input:not(details *)").filter(code => !code.closest(".tag_keep"))),
        unsaid: ["description", "og:title", "og:description"].filter(
            name => !document.querySelector(`meta[name="${name}"], meta[property="${name}"]`)?.content),
        ids: all("[id]").map(element => element.id),
        links: all("a[href]").map(a => a.getAttribute("href")),
    };
}"""
TROUBLES = ("sideways", "formulas", "tables", "images", "small", "broken", "code")  # of these there must be none

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

    tab.weight = {}  # bytes of each file that the page has loaded

    def route(route):
        url = urldefrag(route.request.url)[0]
        path = Path(unquote(url.removeprefix("file://").partition("?")[0]))
        if url.startswith("file:") and path.is_file():
            tab.weight[path] = path.stat().st_size
        route.continue_() if re.match("file:|data:", url) else route.abort()

    context.route("**/*", route)
    tab.on("console", lambda message: message.type == "error" and tab.troubles.append(message.text))
    tab.on("pageerror", lambda error: tab.troubles.append(str(error)))

    def failed(request):
        if request.failure != "net::ERR_ABORTED":  # so ends what a page still loads when it is left
            tab.troubles.append(f"failed request: {request.url}")

    tab.on("requestfailed", failed)
    yield tab
    context.close()


def test_every_page_is_whole(tab, pages):
    tab.goto((BOOK / "index.html").as_uri())
    tab.wait_for_url("**/intro.html")
    looks, wrong = {}, {}
    for page in pages:
        tab.weight.clear()
        tab.goto(page.as_uri())
        look = looks[page.as_uri()] = tab.evaluate(LOOK)
        found = {name: look[name] for name in TROUBLES if look[name]}
        found |= {"console": [*tab.troubles]} if tab.troubles else {}
        found |= {"not said": look["unsaid"]} if look["unsaid"] and page != BOOK / "search.html" else {}
        # Figures and tables of hundreds of rows weigh what they weigh; all else is to be light.
        heavy = {path.name: size for path, size in tab.weight.items() if path != page and path.parent.name != "_images"}
        found |= {"heavy": heavy} if sum(heavy.values()) >= 1.3e6 else {}
        assert look["theme"] == tab.theme
        if found:
            wrong[page.name] = found
        tab.troubles.clear()
    assert not wrong  # of all pages at once: a book takes an hour to build
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


def test_no_page_has_an_accessibility_violation(tab, pages):
    reports = {}
    for page in pages:
        tab.goto(page.as_uri())
        found = Axe().run(tab)
        if found.violations_count:
            reports[page.name] = found.generate_report()
    assert not reports, "\n".join(f"{name}: {report}" for name, report in reports.items())


def test_pdf_leads_to_every_place_and_nothing_runs_off_a_sheet(chromium, pages):
    specification = importlib.util.spec_from_file_location("pdf", ROOT / "book" / "pdf.py")
    pdf = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(pdf)
    document = BOOK.parent / "document.html"
    document.write_text(pdf.document())
    with chromium.new_page(viewport={"width": pdf.WIDTH, "height": 1000}) as tab:
        tab.emulate_media(media="print")
        tab.goto(document.as_uri())
        tab.evaluate(pdf.FIT, pdf.WIDTH)
        look = tab.evaluate(
            """width => {
            const all = selector => [...document.querySelectorAll(selector)];
            return {
                articles: all("article").length,
                ids: all("[id]").map(element => element.id),
                links: all("a[href^='#']").map(link => link.getAttribute("href").slice(1)),
                wide: all("table, figure, img, pre, math").filter(e => e.getBoundingClientRect().right > width + 1)
                    .map(e => e.outerHTML.slice(0, 200)),
                images: all("img").filter(image => !image.naturalWidth).map(image => image.src),
            };
        }""",
            pdf.WIDTH,
        )
    sources = [page for page in pages if "_modules" in page.parts or page == BOOK / "search.html"]
    assert look["articles"] == len(pages) - len(sources) + 1  # the contents
    assert len(look["links"]) > 100
    assert not {unquote(link) for link in look["links"]} - set(look["ids"])
    assert len(look["ids"]) == len(set(look["ids"]))
    assert not look["wide"]
    assert not look["images"]


def test_colab_opens_notebooks_that_are_published(pages):
    config = yaml.safe_load((ROOT / "build" / "_config.yml").read_text())
    repository = config["repository"]["url"].removeprefix("https://github.com/")
    opened = {}
    for page in pages:
        for url in re.findall(r'https://colab\.research\.google\.com/github/([^"]+)', page.read_text()):
            assert url.startswith(f"{repository}/blob/gh-pages/"), f"{page} opens {url}"
            opened[page.stem] = BOOK / url.removeprefix(f"{repository}/blob/gh-pages/")
            assert opened[page.stem].is_file(), f"{page} opens {url}, which will not be there"
    for name in NOTEBOOKS:
        assert opened[name].name == f"{name}.ipynb"
        link = f'href="../{opened[name].relative_to(BOOK)}"'
        assert link in (BOOK / "notebooks" / f"{name}.html").read_text(), "no download"
