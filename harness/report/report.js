"use strict";
/* Tables sort by the column clicked: numbers by data-v, texts by themselves; what has no number goes last. */
for (const table of document.querySelectorAll("table.sortable")) {
	const heads = [...table.tHead.rows[0].cells];
	heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
		const up = head.getAttribute("aria-sort") !== "ascending";
		const body = table.tBodies[0];
		const key = (row) => {
			const cell = row.cells[column];
			return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
		};
		const compare = (a, b) => {
			const x = key(a), y = key(b);
			if (typeof x === "string" || typeof y === "string")
				return (up ? 1 : -1) * String(x).localeCompare(String(y));
			if (Number.isNaN(x) || Number.isNaN(y))
				return Number.isNaN(x) - Number.isNaN(y);
			return up ? x - y : y - x;
		};
		heads.forEach((other) => other.removeAttribute("aria-sort"));
		head.setAttribute("aria-sort", up ? "ascending" : "descending");
		body.append(...[...body.rows].sort(compare));
	}));
}
