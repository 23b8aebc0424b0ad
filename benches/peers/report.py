"""The figures as a table, as JSON, and as a plot."""

from html import escape

COLUMNS = ("", "rows", "median s", "of ours", "s / 1,000 rows", "largest MiB", "all MiB", "requests", "connections", "in flight")


def number(value, form, none="-"):
    return none if value is None else format(value, form)


def cells(result, ratio):
    mib = lambda what: number(None if result.middle(what) is None else result.middle(what) / 1024, ".1f")
    seconds = result.middle("seconds")
    return (
        result.name,
        f"{result.rows:,}",
        number(seconds, ".3f"),
        number(ratio, ".2f") if result.whole else f"({number(ratio, '.2f')})",
        number(seconds * 1000 / result.rows if result.rows else None, ".3f"),
        mib("largest_kib"),
        mib("sum_kib"),
        number(result.middle("requests"), ".0f"),
        number(result.middle("connections"), ".0f"),
        "+".join(str(most) for most in result.most_in_flight),
    )


def table(results, ratios):
    """One line for each peer; those in brackets read other rows than the rest."""
    ran = [cells(result, ratios[result.name]) for result in results if result.left_out is None]
    widths = [max(len(row[column]) for row in (COLUMNS, *ran)) for column in range(len(COLUMNS))]
    line = lambda row: "  ".join(
        cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths))
    )
    left = [f"{result.name} is left out: {result.left_out}" for result in results if result.left_out]
    return "\n".join([line(COLUMNS), *(line(row) for row in ran), *left])


def verdicts(bounds):
    words = {True: "holds", False: "BROKEN", None: "not judged"}
    return "\n".join(f"{words[b.holds]:<10}  {number(b.figure, '.3f'):>6} of at most {b.most:.3f}  {b.what}" for b in bounds)


def document(settings, results, ratios, bounds):
    def peer(result):
        if result.left_out:
            return {"name": result.name, "about": result.about, "left_out": result.left_out}
        rounds = ("seconds", "largest_kib", "sum_kib", "requests", "connections")
        kept = ("name", "about", "whole", "rows", *rounds, "most_in_flight")
        medians = {f"median_{what}": result.middle(what) for what in rounds}
        return {**{key: getattr(result, key) for key in kept}, **medians, "ratio_to_ours": ratios[result.name]}

    judged = [{"what": b.what, "most": b.most, "figure": b.figure, "holds": b.holds} for b in bounds]
    return {**settings, "peers": [peer(result) for result in results], "bounds": judged}


def svg(title, results):
    """Two columns of bars: median time with the fastest and slowest round, and memory of all processes."""
    ran = [result for result in results if result.left_out is None]
    step, top, left, width, gap = 26, 52, 120, 300, 90
    size = f'width="{left + 2 * (width + gap)}" height="{top + step * len(ran) + 12}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="8" y="18" font-size="14">{escape(title)}</text>',
        f'<text x="{left}" y="40">seconds, median and range</text>',
        f'<text x="{left + width + gap}" y="40">MiB, all processes</text>',
    ]
    longest = max((max(result.seconds) for result in ran), default=1)
    largest = max((result.middle("sum_kib") or 0 for result in ran), default=0) or 1
    for place, result in enumerate(ran):
        y = top + step * place
        fill = "#2563a8" if result.name.startswith("ours") else "#9aa5b1"
        scale = lambda seconds: left + width * seconds / longest
        middle, low, high = result.middle("seconds"), min(result.seconds), max(result.seconds)
        parts += [
            f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{escape(result.name)}{"" if result.whole else " *"}</text>',
            f'<rect x="{left}" y="{y}" width="{scale(middle) - left:.1f}" height="18" fill="{fill}"/>',
            f'<path d="M{scale(low):.1f} {y + 9}H{scale(high):.1f}" stroke="black"/>',
            f'<text x="{scale(high) + 5:.1f}" y="{y + 13}">{middle:.2f}</text>',
        ]
        if (kib := result.middle("sum_kib")) is not None:
            x, bar = left + width + gap, width * kib / largest
            parts += [
                f'<rect x="{x}" y="{y}" width="{bar:.1f}" height="18" fill="{fill}"/>',
                f'<text x="{x + bar + 5:.1f}" y="{y + 13}">{kib / 1024:.0f}</text>',
            ]
    return "\n".join([*parts, "</svg>"]) + "\n"
