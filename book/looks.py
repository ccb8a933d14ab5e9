"""A Sphinx extension: what the book's pages look like beyond the theme's own settings."""

import re
from html import escape

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.math import get_node_equation_number

# Not to be broken over two lines: OC-SVM, CIFAR-10; 0.912 ± 0.003, 95 %, 32 × 32; [0.1, 0.2].
WHOLE = re.compile(
    r"\b[A-Z][\w&]*(?:-\w+)+\b|[+−-]?[\d.,]*\d(?: [±×] [\d.,]*\d)+(?: %)?|[\d.]*\d %|\[[+−-]?[\d.]+, [+−-]?[\d.]+\]"
)
CELL = re.compile(r".{,12}|[^a-z]{,30}")  # a table's cell that stays on one line
# An entry of the script with all of Font Awesome's icons: magnifying-glass:[512,512,["search"],"f002","M416 ..."],
ICON = re.compile(r'"?([\w-]+)"?:\[\d+,\d+,\[[^\]]*\],"[0-9a-f]+",(?:"[^"]*"|\["[^"]*","[^"]*"\])\],?')


class Whole(SphinxPostTransform):
    """Keep names, numbers and short cells of tables on one line."""

    default_priority = 300  # behind the ones that choose a cell's output and resolve references
    formats = ("html",)

    def run(self, **_):
        for entry in self.document.findall(nodes.entry):
            if CELL.fullmatch(entry.astext()):
                entry["classes"].append("nowrap")
        for text in list(self.document.findall(nodes.Text)):
            if WHOLE.search(text) and isinstance(text.parent, (nodes.paragraph, nodes.caption, nodes.emphasis)):
                parts, end = [], 0
                for found in WHOLE.finditer(text):
                    parts += [nodes.Text(text[end : found.start()]), nodes.inline("", found[0], classes=["nowrap"])]
                    end = found.end()
                text.parent.replace(text, [*parts, nodes.Text(text[end:])])


class FullSize(SphinxPostTransform):
    """Have every image link to its file: Sphinx does so with images that have a scale."""

    default_priority = 300
    formats = ("html",)

    def run(self, **_):
        for image in self.document.findall(nodes.image):
            image["scale"] = 100


def inline_formula(writer, node):
    """A formula as MathML, which browsers set without a script."""
    writer.body.append(f'<span class="math">{tex2mathml(node.astext())}</span>')
    raise nodes.SkipNode


def block_formula(writer, node):
    """The same on lines of its own, with its number."""
    number = f'<span class="eqno">({get_node_equation_number(writer, node)})</span>' if node["number"] else ""
    formula = tex2mathml(node.astext(), as_block=True)
    writer.body.append(f"{writer.starttag(node, 'div', CLASS='math')}{number}{formula}</div>")
    raise nodes.SkipNode


def describe(app, pagename, templatename, context, doctree):
    """Add a page's description and social card."""
    if doctree is not None:
        paragraphs = (node for node in doctree.findall(nodes.paragraph) if isinstance(node.parent, nodes.section))
        text = " ".join(next(paragraphs, nodes.paragraph()).astext().split()) or app.config.html_title
    elif pagename.startswith("_modules/"):
        text = f"The code of {context['title']}."
        # Links back to the reference: Sphinx takes a name to be documented under one module alone.
        context["body"] = re.sub(r'<a class="viewcode-back".*?</a>', "", context["body"])
    else:
        return
    if len(text) > 200:
        text = text[:200].rpartition(" ")[0] + " …"
    described = {"description": text, "twitter:card": "summary_large_image", "og:type": "article"}
    described |= {"og:site_name": app.config.html_title, "og:title": context["title"], "og:description": text}
    if context["pageurl"]:  # only a published book has addresses, and a card needs them whole
        described |= {"og:url": context["pageurl"], "og:image": f"{app.config.html_baseurl}_static/card.png"}
    context.setdefault("metatags", "")
    for name, content in described.items():
        key = "property" if name.startswith("og:") else "name"
        context["metatags"] += f'\n<meta {key}="{name}" content="{escape(content)}" />'


def drop_icons(app, error):
    """Take the icons that no page shows out of the theme's script, nine tenths of a page's weight."""
    if error or app.builder.name != "html":
        return
    scripts = app.outdir / "_static" / "scripts"
    sources = [*app.outdir.rglob("*.html"), *scripts.glob("*theme.js")]
    shown = {name for source in sources for name in re.findall(r"fa-([a-z0-9-]+)", source.read_text())}
    icons = scripts / "fontawesome.js"
    icons.write_text(ICON.sub(lambda icon: icon[0] if icon[1] in shown else "", icons.read_text()))


def setup(app):
    app.add_html_math_renderer("mathml", (inline_formula, None), (block_formula, None))
    app.add_post_transform(Whole)
    app.add_post_transform(FullSize)
    app.connect("html-page-context", describe)
    app.connect("build-finished", drop_icons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
