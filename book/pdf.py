"""Print the built book as one PDF, build/_build/html/ganod.pdf, in Chromium.

Its pages are put one behind the other in the order of the contents. Each page's names are prefixed by its own,
so that a reference to another page leads to the place in this document.
"""

import re
import shutil
from pathlib import Path
from urllib.parse import urldefrag

from bs4 import BeautifulSoup
from playwright.sync_api import sync_playwright

BOOK = Path(__file__).resolve().parents[1] / "build" / "_build" / "html"
FRONT = "notebooks/intro.html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# In place of films and of folded outputs
WEB_ONLY = '<p class="web-only"><em>This part is only in the web version of the book.</em></p>'
FOOTER = '<div style="width: 100%; font-size: 8px; text-align: center"><span class="pageNumber"></span></div>'
# Nothing may be wider than this, a sheet of A4 within its margins. Wider things are made smaller; before a table
# becomes too small to read, its cells break into lines.
WIDTH = 680
FIT = """width => document.querySelectorAll("table, pre, math").forEach(wide => {
    const fit = (zoom, least) => {
        for (; zoom > least && wide.getBoundingClientRect().right > width; zoom -= 0.05) wide.style.zoom = zoom;
        return wide.getBoundingClientRect().right <= width;
    };
    if (!fit(1, 0.8)) wide.classList.add("broken"), fit(0.8, 0.4);
})"""


def article(page, names):
    """A page's title, and its text with the names and links of the document."""
    text = BeautifulSoup(page.read_text(), "html.parser").select_one("article.bd-article")
    for folded in text.select(".animation, details.below-input"):
        if not folded.find_parent("section").select_one(".web-only"):
            folded.insert_before(BeautifulSoup(WEB_ONLY, "html.parser"))
        folded.decompose()
    # A page's parameters are for who runs it again, from the web; the command above them has those of this build.
    parameters = "[id^=how-this-page-was-computed] table"
    for left_out in text.select(f"script, details, a.headerlink, .results input, #pdf, {parameters}"):
        left_out.decompose()
    for element in text.select("[id]"):
        element["id"] = f"{names[page]}--{element['id']}"
    for element in text.select("[src]"):
        if not element["src"].startswith("data:"):
            element["src"] = (page.parent / element["src"]).resolve().as_uri()
    for link in text.select("a[href]"):
        path, anchor = urldefrag(link["href"])
        if re.match("https?:|mailto:", path):
            continue
        target = (page.parent / path).resolve() if path else page
        if target in names:
            link["href"] = f"#{names[target]}--{anchor}" if anchor else f"#{names[target]}"
        else:
            del link["href"]  # a file, beside the page or in it
    return text.h1.get_text(), f'<article class="bd-article" id="{names[page]}">{text.decode_contents()}</article>'


def document():
    """All pages as one HTML document."""
    first = BeautifulSoup((BOOK / FRONT).read_text(), "html.parser")
    links = [link["href"] for link in first.select("nav.bd-links a.reference.internal")]
    folder = (BOOK / FRONT).parent
    pages = dict.fromkeys([BOOK / FRONT, *((folder / link).resolve() for link in links if link != "#")])
    names = {page: "-".join(page.relative_to(BOOK).with_suffix("").parts) for page in pages}
    sheets = [(folder / link["href"].partition("?")[0]).resolve() for link in first.select('link[rel="stylesheet"]')]
    styles = "".join(f'<link rel="stylesheet" href="{sheet.as_uri()}" />' for sheet in sheets)
    (title, front), *rest = [article(page, names) for page in pages]
    contents = "".join(f'<li><a href="#{names[page]}">{title}</a></li>' for page, (title, _) in zip([*pages][1:], rest))
    texts = [front, f"<article><h1>Contents</h1><ol>{contents}</ol></article>", *(text for _, text in rest)]
    head = f'<meta charset="utf-8" /><title>{title}</title>{styles}'
    body = f'<div class="one-document bd-content">{"".join(texts)}</div>'
    return f'<!doctype html><html lang="en" data-theme="light"><head>{head}</head><body>{body}</body></html>'


def link_from_front_page():
    """Fill the front page's place for the link, which a book without its PDF leaves empty."""
    page = BOOK / FRONT
    link = 'All of it is also <a href="../ganod.pdf">one PDF</a>.'
    page.write_text(re.sub('(<span id="pdf">).*?(</span>)', rf"\g<1>{link}\g<2>", page.read_text()))


def main():
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        raise SystemExit(f"make pdf needs one of {', '.join(BROWSERS)} on the PATH.")
    if not (BOOK / FRONT).exists():
        raise SystemExit(f"There is no book at {BOOK}: run `make book` first.")
    source = BOOK.parent / "document.html"
    source.write_text(document())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--allow-file-access-from-files"])
        tab = browser.new_page(viewport={"width": WIDTH, "height": 1000})
        tab.emulate_media(media="print")
        tab.goto(source.as_uri())
        tab.evaluate(FIT, WIDTH)
        margin = {"top": "15mm", "bottom": "18mm", "left": "15mm", "right": "15mm"}
        options = {"display_header_footer": True, "header_template": "<span></span>", "footer_template": FOOTER}
        options |= {"outline": True, "tagged": True, "print_background": True}  # the shades of Table 1 are backgrounds
        tab.pdf(path=BOOK / "ganod.pdf", format="A4", margin=margin, **options)
        browser.close()
    link_from_front_page()
    print(f"The book as one document: {BOOK / 'ganod.pdf'}")


if __name__ == "__main__":
    main()
