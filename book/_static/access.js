// For screen readers: names and roles that the theme, the references and matplotlib's player leave out or get wrong.
// For everybody: on which sides a box that scrolls goes on.
document.addEventListener("DOMContentLoaded", () => {
    const each = (selector, change) => document.querySelectorAll(selector).forEach(change);
    each("#pst-primary-sidebar", sidebar => {
        sidebar.setAttribute("role", "navigation");
        sidebar.setAttribute("aria-label", "Book");
    });
    each("summary:has(.toctree-toggle)", summary =>
        summary.setAttribute("aria-label", `Pages under ${summary.closest("li").querySelector("a").textContent.trim()}`));
    // These have a text of their own.
    each("details.hide > summary, .search-button-field", named => named.removeAttribute("aria-label"));
    each(".citation-list, .citation", entry => entry.removeAttribute("role"));
    each(".anim-slider", slider => slider.setAttribute("aria-label", "Frame"));
    each(".anim-state", form => ["title", "aria-label"].forEach(name => form.removeAttribute(name)));
    each("th", head => {
        if (head.textContent.trim()) return;
        const corner = document.createElement("td");
        corner.className = head.className;
        head.replaceWith(corner);
    });

    each(".results-box, .pst-scrollable-table-container", box => {
        const mark = () => {
            const right = box.scrollWidth - box.clientWidth - box.scrollLeft > 1;
            const below = box.scrollHeight - box.clientHeight - box.scrollTop > 1;
            box.dataset.more = [right && "right", below && "below"].filter(Boolean).join(" ");
        };
        box.addEventListener("scroll", mark);
        new ResizeObserver(mark).observe(box);
    });
});
