"""Makes the console's fonts: subsets of the ones in the django-unfold wheel.

A one-off tool, no part of the project's dependencies:

    python3 -m venv /tmp/fonts && /tmp/fonts/bin/pip install fonttools==4.60.1 brotli==1.1.0
    /tmp/fonts/bin/python docs/fonts/subset.py path/to/site-packages/unfold

Run it again when a page uses a new icon (a test says so) or unfold is upgraded. The results are
served at unfold's own static paths, so unfold's pages use them too. Icons: Material Symbols,
Apache-2.0. Text: Inter, OFL 1.1 without a Reserved Font Name, so a subset may keep the name. Both
licences lie beside the files.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

ROOT = Path(__file__).resolve().parent.parent.parent
STATIC = ROOT / "static" / "unfold" / "fonts"
LATIN = [*range(0x20, 0x7F), *range(0xA0, 0x180), 0x2013, 0x2014, 0x2018, 0x2019, 0x201C, 0x201D,
         0x2022, 0x2026, 0x2190, 0x2192, 0x20AC, 0x2212, 0x221E, 0x2264, 0x2265]  # fmt: skip
WEIGHTS = {"Regular": 400, "SemiBold": 600}


def used_icons(unfold: Path, known: set[str]) -> list[str]:
    """Every icon name that a template, a style sheet or our Python names."""
    found: set[str] = set()
    for template in [*unfold.rglob("*.html"), *(ROOT / "templates").rglob("*.html")]:
        text = template.read_text()
        found |= set(re.findall(r"material-symbols-outlined[^>]*>\s*([a-z0-9_]+)\s*<", text))
        found |= set(re.findall(r"(?:%}|}})([a-z0-9_]+)(?=\{|<)", text))
    sheet = (unfold / "static/unfold/css/styles.css").read_text()
    found |= set(re.findall(r'content:"([a-z0-9_]+)"', sheet))
    for source in (ROOT / "orders" / "admin").glob("*.py"):
        found |= set(re.findall(r'"([a-z0-9_]+)"', source.read_text()))
    for source in unfold.glob("*.py"):
        found |= set(re.findall(r'icon="([a-z0-9_]+)"', source.read_text()))
    return sorted(found & known)


def ligatures(font: TTFont) -> dict[str, str]:
    """Icon name → glyph: names are ligatures, and an old name may share the glyph of a new one."""
    letters = {glyph: chr(code) for code, glyph in font.getBestCmap().items() if code < 0x80}
    found = {}
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for table in lookup.SubTable:
            table = getattr(table, "ExtSubTable", table)
            for first, ligatures in getattr(table, "ligatures", {}).items():
                for ligature in ligatures:
                    glyphs = [first, *ligature.Component]
                    if all(glyph in letters for glyph in glyphs):
                        found["".join(letters[g] for g in glyphs)] = ligature.LigGlyph
    return found


def make(source: Path, target: Path, options: subset.Options, **wanted: object) -> None:
    font = TTFont(source)
    tool = subset.Subsetter(options)
    tool.populate(**wanted)
    tool.subset(font)
    font.flavor = "woff2"
    target.parent.mkdir(parents=True, exist_ok=True)
    font.save(target)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size:,} bytes")  # noqa: T201


def icons(unfold: Path) -> None:
    folder = "material-symbols"
    source = unfold / "static/unfold/fonts" / folder / "Material-Symbols-Outlined.woff2"
    known = ligatures(TTFont(source))
    names = used_icons(unfold, set(known))
    options = subset.Options(layout_closure=False, layout_features=["liga", "rlig"], hinting=False)
    letters = {ord(char) for name in names for char in name}
    glyphs = {known[name] for name in names}
    make(source, STATIC / folder / source.name, options, glyphs=glyphs, unicodes=letters)
    (STATIC / folder / "names.txt").write_text("\n".join(names) + "\n")
    shutil.copy(source.parent / "LICENSE", STATIC / folder / "LICENSE")


def text(unfold: Path) -> None:
    source = unfold / "static/unfold/fonts/inter"
    options = subset.Options(
        layout_features=["kern", "tnum", "zero", "calt", "ccmp"], hinting=False
    )
    faces = []
    for name, weight in WEIGHTS.items():
        file = f"Inter-{name}.woff2"
        make(source / file, STATIC / "inter" / file, options, unicodes=LATIN)
        faces.append(
            '@font-face { font-family: "Inter"; font-style: normal; '
            f"font-weight: {weight}; font-display: swap; "
            f'src: url({file}) format("woff2"); }}\n'
        )
    (STATIC / "inter" / "styles.css").write_text("".join(faces))
    shutil.copy(source / "LICENSE", STATIC / "inter" / "LICENSE")


if __name__ == "__main__":
    icons(Path(sys.argv[1]))
    text(Path(sys.argv[1]))
