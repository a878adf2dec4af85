"""Proxies of the environment: none stands between this machine and itself, and no kind of them ends a command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ui.proxies import own_machine_directly, usable

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("proxy", "good"),
    [
        ("http://proxy.example:3128", True),
        ("HTTPS://proxy.example", True),
        ("proxy.example:3128", True),
        ("socks://127.0.0.1:1080", False),
        ("socks5h://127.0.0.1:1080", False),
        ("http://proxy.example:port", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_which_proxies_can_be_used(proxy: str, good: bool) -> None:
    assert usable(proxy) is good


def test_this_machine_is_reached_directly_and_other_settings_stay() -> None:
    environ = {"ALL_PROXY": "socks://127.0.0.1:9", "https_proxy": "http://proxy:3128", "NO_PROXY": "intranet,::1"}
    own_machine_directly(environ)
    assert environ == {
        "https_proxy": "http://proxy:3128",
        "NO_PROXY": "intranet,::1,127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost,::1",
    }


@pytest.mark.slow
def test_the_page_can_be_made_whatever_proxy_is_set() -> None:
    """As `lucidrive ui` begins: the command line first, then the server's libraries."""
    code = "import os; import ui.cli; ui.cli.setup(False); import ui.app; print(ui.app.__name__)"
    environ = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environ |= {"ALL_PROXY": "socks://127.0.0.1:9", "all_proxy": "socks5://127.0.0.1:9", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["ui.app"], done.stderr
