"""The docs are true to the checkout: links, anchors, files, commands and options exist."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from earshot.cli import EARSHOT

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(DOCS.rglob("*.md")),
]
CODE_FOLDERS = ("earshot", "encoders", "index", "recsys", "webui", "benchmarks", "scripts")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"`([^`]+)`")


def each_page(*pages: Path) -> pytest.MarkDecorator:
    names = [str(page.relative_to(ROOT)) for page in pages]
    return pytest.mark.parametrize("page", pages, ids=names)


def prose(page: Path) -> str:
    """A page without its code."""
    return CODE_SPAN.sub("", FENCED.sub("", page.read_text(encoding="utf-8")))


def links(page: Path) -> list[str]:
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    seen: Counter[str] = Counter()
    slugs = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        slugs.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return slugs


def target_of(page: Path, link: str) -> tuple[Path, str]:
    path, _, anchor = link.partition("#")
    return (page.parent / unquote(path)).resolve() if path else page, anchor


def test_anchors_are_those_of_github(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b` & c!\n## What it's *not*\n## Same\n## Same\n```\n# no heading\n```\n", "utf-8"
    )
    assert anchors(page) == {"a-b--c", "what-its-not", "same", "same-1"}


@each_page(*PAGES)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        path, anchor = target_of(page, link)
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(link)
    assert broken == []


def test_every_file_is_reached_from_the_map() -> None:
    reached, waiting = set(), [DOCS / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or not page.exists():
            continue
        reached.add(page)
        if page.suffix == ".md" and page.is_relative_to(DOCS):
            waiting.extend(target_of(page, link)[0] for link in links(page))
    files = {path for path in DOCS.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert {str(path.relative_to(ROOT)) for path in files - reached} == set()


def test_files_named_in_code_and_changelog_exist() -> None:
    named = {
        (str(source.relative_to(ROOT)), name)
        for source in [
            ROOT / "CHANGELOG.md",
            ROOT / "CONTRIBUTING.md",
            *(path for folder in CODE_FOLDERS for path in (ROOT / folder).rglob("*.py")),
        ]
        for name in re.findall(r"\bdocs/[\w/-]+\.(?:md|py|png)", source.read_text("utf-8"))
    }
    assert {name for name in named if not (ROOT / name[1]).exists()} == set()


@each_page(*PAGES)
def test_benchmarks_scripts_and_source_files_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    files = {
        *(f"benchmarks/{name}.py" for name in re.findall(r"-m benchmarks\.([a-z_]+)", text)),
        *re.findall(rf"(?<![\w/])(?:{'|'.join((*CODE_FOLDERS, 'tests'))})/[\w/.]+\.\w+\b", text),
    }
    assert [name for name in sorted(files) if not (ROOT / name).is_file()] == []


def helps() -> dict[str, str]:
    """The help of each command and subcommand, as docs/commands.md has it."""
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    parts = re.split(r"^#+ (earshot.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


HELPS = helps()


def command_lines(page: Path) -> Iterator[str]:
    """Every `earshot …` of a page: in code spans, and at the beginning of a line of code."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for span in CODE_SPAN.findall(FENCED.sub("", text)):
        if re.match(r"(uv run )?earshot\s", span):
            yield " ".join(span.split()).removeprefix("uv run ")
    for line in re.findall(r"^ *(?:\$ )?(?:uv run )?(earshot [^|>\n]*)", text, re.MULTILINE):
        yield re.split(r"  +|`", line)[0]


def unknown_words(line: str) -> list[str]:
    """The subcommand or the options of a command line that `--help` has not."""
    words = line.split()
    if words[1] not in EARSHOT.subcommands:
        return [] if words[1].isupper() else words[1:2]
    name = max((name for name in HELPS if f"{line} ".startswith(f"{name} ")), key=len)
    options = [word.split("=")[0] for word in words if re.match(r"-[a-z-]", word)]
    given = [option for option in options if option != "--version"]
    return [option for option in given if not re.search(rf"(?<![\w-]){option}\b", HELPS[name])]


def test_unknown_words_are_noticed() -> None:
    assert unknown_words("earshot build ~/Music --tagger MSD_musicnn") == []
    assert unknown_words("earshot biuld ~/Music") == ["biuld"]
    assert unknown_words("earshot evaluate content --by genre --labels a.csv") == []
    assert unknown_words("earshot account add ann --by genre") == ["--by"]


@each_page(*(page for page in PAGES if page.name != "commands.md"))
def test_commands_and_their_options_exist(page: Path) -> None:
    unknown = {line: unknown_words(line) for line in command_lines(page)}
    assert {line: words for line, words in unknown.items() if words} == {}
