#!/usr/bin/env python3
"""Draws docs/verdict.en.svg and docs/verdict.ja.svg from what the program really prints.

  docs/picture.py [--check] [--bin PATH]

--check changes nothing and fails where a picture is not what the program prints now. Python 3 standard library only.
"""
import argparse, html, pathlib, re, subprocess, sys, unicodedata

HERE = pathlib.Path(__file__).resolve().parent
COLUMNS = 108
COMMAND = "check --before {0}/before --after {0}/after".format("fixtures/incidents/tokushima")
COLOURS = {"31": "#ff6b6b", "32": "#69db7c", "33": "#ffd43b", "36": "#66d9e8"}


def width(char):
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cells(text):
    """Each character with its style, from text with SGR sequences (ECMA-48 8.3.117)."""
    bold, colour = False, None
    for part in re.split(r"(\x1b\[[0-9;]*m)", text):
        codes = re.fullmatch(r"\x1b\[([0-9;]*)m", part)
        if not codes:
            yield from ((char, bold, colour) for char in part)
            continue
        for code in (codes.group(1) or "0").split(";"):
            if code == "0":
                bold, colour = False, None
            elif code == "1":
                bold = True
            else:
                colour = COLOURS.get(code, colour)


def rows(text):
    """Lines of at most COLUMNS columns, broken at blanks where there are any."""
    for line in text.splitlines():
        rest = list(cells(line))
        indent = []
        while True:
            used, fits, blank = len(indent), 0, 0
            for index, (char, _, _) in enumerate(rest):
                used += width(char)
                if used > COLUMNS:
                    break
                fits = index + 1
                if char == " " or width(char) == 2:
                    blank = index + 1
            at = fits if fits == len(rest) else (blank or fits)
            yield indent + rest[:at]
            rest = rest[at:]
            if not rest:
                break
            indent = [(" ", False, None)] * 10


def draw(text):
    step, line, edge = 8.4, 20, 16
    drawn = list(rows(text))
    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="{0:.0f}" height="{1}" font-size="14" '
        'font-family="ui-monospace, Menlo, Consolas, \'Noto Sans Mono CJK JP\', monospace">'.format(
            COLUMNS * step + 2 * edge, len(drawn) * line + 2 * edge),
        '<rect width="100%" height="100%" rx="8" fill="#16181d"/>',
    ]
    for number, row in enumerate(drawn):
        column, run = 0, []
        runs = []
        for char, bold, colour in row:
            if run and run[1:] == [bold, colour] and width(char) == width(run[0][1][-1]):
                run[0][1] += char
            else:
                run = [[column, char], bold, colour]
                runs.append(run)
            column += width(char)
        for (start, chars), bold, colour in runs:
            if chars.strip():
                lead = len(chars) - len(chars.lstrip())
                out.append('<text x="{0:.1f}" y="{1}" fill="{2}"{3} xml:space="preserve" textLength="{4:.1f}">{5}</text>'.format(
                    edge + (start + lead) * step, edge + 15 + number * line, colour or "#d8dee9",
                    ' font-weight="bold"' if bold else "",
                    sum(width(c) for c in chars.strip()) * step, html.escape(chars.strip())))
    return "\n".join(out) + "\n</svg>\n"


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--check", action="store_true")
    options.add_argument("--bin", default=str(HERE.parent / "target/release/sekisho"))
    options = options.parse_args()
    stale = []
    for lang in ("en", "ja"):
        command = COMMAND + ("" if lang == "en" else " --lang ja")
        words = [options.bin, *COMMAND.split(), "--lang", lang, "--color", "always"]
        done = subprocess.run(words, cwd=HERE.parent, capture_output=True, timeout=60)
        picture = draw("$ sekisho {}\n{}$ echo $?\n{}\n".format(command, done.stdout.decode(), done.returncode))
        path = HERE / "verdict.{}.svg".format(lang)
        if not path.exists() or path.read_text() != picture:
            stale.append(path.name)
            if not options.check:
                path.write_text(picture)
    if options.check and stale:
        sys.exit("not what the program prints now: {}; run docs/picture.py".format(", ".join(stale)))


main()
