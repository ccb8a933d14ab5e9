// A table of results: a click on a column's head sorts, typed words keep the rows whose names hold all of them.
document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".results").forEach(results => {
    const body = results.querySelector("tbody"), rows = [...body.rows];
    const heads = [...results.querySelectorAll("thead th")];
    const value = (row, column) => row.cells[column].dataset.value;  // numbers have one, "" if there is none
    const compare = (a, b) => a.localeCompare(b, undefined, { numeric: true });

    heads.forEach((head, column) => {
        const button = document.createElement("button");
        button.append(...head.childNodes);
        head.append(button);
        button.addEventListener("click", () => {
            const numbers = value(rows[0], column) !== undefined;
            const first = numbers ? "descending" : "ascending";  // the best on top
            const other = numbers ? "ascending" : "descending";
            const order = head.getAttribute("aria-sort") === first ? other : first;
            const sign = order === "ascending" ? 1 : -1;
            heads.forEach(each => each.removeAttribute("aria-sort"));
            head.setAttribute("aria-sort", order);
            rows.sort((a, b) => {
                if (!numbers) return sign * compare(a.cells[column].textContent, b.cells[column].textContent);
                const [x, y] = [value(a, column), value(b, column)];
                return (x === "") - (y === "") || sign * (x - y);  // what is not there comes last
            });
            body.append(...rows);
        });
    });

    const input = document.createElement("input"), count = document.createElement("output");
    input.type = "search";
    input.placeholder = "class or method";
    input.setAttribute("aria-label", "Show only the rows of a class or a method");
    input.addEventListener("input", () => {
        const words = input.value.toLowerCase().split(/\s+/);
        rows.forEach(row => {
            const names = [...row.querySelectorAll("th")].map(name => name.textContent.toLowerCase()).join(" ");
            row.hidden = !words.every(word => names.includes(word));
        });
        count.textContent = `${rows.filter(row => !row.hidden).length} of ${rows.length} rows`;
    });
    results.prepend(input, count);
}));
