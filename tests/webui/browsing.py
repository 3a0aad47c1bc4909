"""What is done and seen in a browser, for the tests that use one."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from playwright.sync_api import ConsoleMessage, Locator, Page, expect


def titles(page: Page) -> list[str]:
    return page.locator("#rows .title").all_text_contents()


def row(page: Page, title: str) -> Locator:
    return page.locator(f'.row[data-title="{title}"]')


def settled(page: Page, words: str) -> None:
    """Wait until the page says so: then what it shows has changed."""
    expect(page.locator("#status")).to_contain_text(words)


def played(page: Page, seconds: float) -> None:
    """Wait until the audio is so far."""
    page.wait_for_function("at => document.getElementById('audio').currentTime > at", arg=seconds)


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is on such an element."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(f"document.activeElement.matches({selector!r})"):
            return
    raise AssertionError(f"no way to {selector} by Tab")


def drop_file(page: Page, name: str, content: bytes) -> None:
    """Drop a file on the page."""
    page.evaluate(
        """([name, encoded]) => {
            const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
            const files = new DataTransfer();
            files.items.add(new File([bytes], name));
            for (const type of ["dragover", "drop"])
                document.body.dispatchEvent(
                    new DragEvent(type, { dataTransfer: files, bubbles: true, cancelable: true }));
        }""",
        [name, base64.b64encode(content).decode()],
    )


def watched(page: Page) -> Iterator[Page]:
    """Fail where a script failed, or the browser refused something (as the policy has it)."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: complaints.append(message.text) if is_complaint(message) else None,
    )
    yield page
    assert not complaints


def is_complaint(message: ConsoleMessage) -> bool:
    """Say whether a script or the policy complains; a refused request is not one."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")


def renewed(page: Page) -> None:
    """Leave the rows, and wait until the new list is shown."""
    page.mouse.move(1, 1)
    if page.locator("#mix[data-held]").count():
        page.evaluate(
            "document.activeElement.closest('#rows') && document.getElementById('renew').click()"
        )
    expect(page.locator("#mix:not([data-held])")).to_be_attached()
