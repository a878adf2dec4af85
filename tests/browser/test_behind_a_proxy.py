"""The page behind a real reverse proxy: a name and a path of its own, whether the proxy passes the path on or not.

Wants nginx or Caddy, on the PATH or named by LUCIDRIVE_CADDY or LUCIDRIVE_NGINX.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import open_page
from tests.conftest import serving, wait_until
from tests.ui.fake_page import FakeDreamer
from ui.origin import Public

pytestmark = pytest.mark.browser
NAME, PATH = "drive.localhost", "/drive"  # every browser takes names below localhost for this machine
CADDY = """{{
  admin off
  auto_https off
}}
http://:{port} {{
  bind 127.0.0.1
  {handle} {path}/* {{
    reverse_proxy 127.0.0.1:{behind}
  }}
}}
"""
NGINX = """daemon off; pid {folder}/pid; error_log stderr; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location {path}/ {{
      proxy_pass http://127.0.0.1:{behind}{slash};
      proxy_http_version 1.1; proxy_buffering off; proxy_read_timeout 1h;
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
    }}
  }}
}}
"""


def program(name: str) -> str:
    found = os.environ.get(f"LUCIDRIVE_{name.upper()}") or shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} here: install it, or name it by LUCIDRIVE_{name.upper()}")
    return found


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def proxy(name: str, strips: bool, folder: Path, port: int, behind: int) -> Iterator[None]:
    """nginx or Caddy at `port`; strips: whether it takes the path off before it asks the page at `behind`."""
    file = folder / "config"
    if name == "caddy":
        handle = "handle_path" if strips else "handle"
        file.write_text(CADDY.format(port=port, path=PATH, behind=behind, handle=handle))
        command = [program(name), "run", "--adapter", "caddyfile", "--config", str(file)]
    else:
        slash = "/" if strips else ""
        file.write_text(NGINX.format(port=port, path=PATH, behind=behind, slash=slash, folder=folder))
        command = [program(name), "-c", str(file), "-p", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | {"HOME": str(folder)})
    try:
        wait_until(lambda: answers(port), 30)
        yield
    finally:
        process.terminate()
        process.wait(10)


def answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("strips", [True, False], ids=["path taken off", "path passed on"])
@pytest.mark.parametrize("name", ["caddy", "nginx"])
def test_the_page_works_behind_it(browser: Browser, tmp_path: Path, name: str, strips: bool) -> None:
    program(name)
    port, dreamer = free_port(), FakeDreamer(tmp_path, most=5)
    with (
        serving(dreamer, public=Public.of([NAME], PATH)) as page,
        proxy(name, strips, tmp_path, port, int(page.rsplit(":", 1)[1])),
    ):
        base = f"http://{NAME}:{port}{PATH}/"
        with open_page(browser, base) as tab:
            tab.fill("#lr-text", "make it rain")
            tab.press("#lr-text", "Enter")
            wait_until(lambda: ("say", "make it rain") in dreamer.drives[-1].calls)
            assert tab.evaluate("getComputedStyle(document.body).getPropertyValue('--lamp')") != ""
            assert tab.evaluate("fetch('scenes/avenue.jpg').then((answer) => answer.status)") == 200
            assert tab.evaluate("window.gradio_config.root") == base.rstrip("/")
        here = f"http://127.0.0.1:{port}{PATH}/"
        for host, status in (("drive.localhost:1", 200), ("elsewhere.example", 403)):
            assert httpx.get(here, headers={"host": host}, trust_env=False).status_code == status
