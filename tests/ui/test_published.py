"""Every published vulnerability of Gradio's, as requests of that kind: none is answered with what it wants."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.ui.asgi import asked
from ui.paths import served

ROOT = Path(__file__).parents[2]
Asked = tuple[str, str, dict[str, str], bytes]  # method, path, headers, body


def get(path: str) -> Asked:
    return ("GET", path, {}, b"")


def post(path: str, body: bytes = b"{}", **headers: str) -> Asked:
    fields = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return ("POST", path, fields, body)


FILES = tuple(
    f"/gradio_api/file={path}"
    for path in ("/etc/passwd", "/proc/self/environ", "../../pyproject.toml", "pyproject.toml", str(ROOT / "README.md"))
)
URL = b'{"data": [{"path": "http://169.254.169.254/latest", "url": "http://169.254.169.254/latest", "meta": {"_type": "gradio.FileData"}}]}'
MULTIPART = b"--x\r\nContent-Disposition: form-data; name=files; filename=a.html\r\n\r\n<script>\r\n--x--"

# What was published, and the requests of that kind; none may be answered with what it wants.
PUBLISHED: dict[str, tuple[Asked, ...]] = {
    "CVE-2021-43831": tuple(map(get, FILES)),
    "CVE-2023-34239": (
        *map(get, FILES),
        get("/gradio_api/proxy=http://127.0.0.1:22/"),
        get("/proxy=http://169.254.169.254/"),
    ),
    "CVE-2023-51449": (get("/file=/etc/passwd"), get("/file=C:/Windows/win.ini"), get("/file=..%2f..%2fetc%2fpasswd")),
    "CVE-2023-6572": tuple(map(get, FILES)),
    "CVE-2024-0964": (post("/gradio_api/component_server", b'{"component_id": 1, "fn_name": "ls", "data": ["/"]}'),),
    "CVE-2024-10569": (post("/gradio_api/upload", MULTIPART, content_type="text/csv"),),
    "CVE-2024-10624": (post("/gradio_api/run/datetime", b'{"data": ["' + b"2" * 5000 + b'"]}'),),
    "CVE-2024-10648": (post("/gradio_api/process_recording", b"{}"),),
    "CVE-2024-1183": (get("/gradio_api/file=http://127.0.0.1:22"), get("/gradio_api/file=https://example.com/")),
    "CVE-2024-12217": (get(f"/gradio_api/file={ROOT}/README.md::$DATA"),),
    "CVE-2024-1540": (get("/gradio_api/vibe-code/"), post("/gradio_api/vibe-edit/")),
    "CVE-2024-1561": (post("/component_server", b"{}"), post("/gradio_api/component_server", b'{"fn_name": "open"}')),
    "CVE-2024-1727": (
        post("/gradio_api/upload", MULTIPART, origin="https://example.com"),
        post("/gradio_api/queue/join", origin="https://example.com"),
    ),
    "CVE-2024-1728": (
        post(
            "/gradio_api/queue/join",
            b'{"data": [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}], "fn_index": 0, "session_hash": "a"}',
        ),
    ),
    "CVE-2024-2206": (get("/gradio_api/proxy=http://localhost:1/"), get("/gradio_api/proxy=http://evil.example/")),
    "CVE-2024-34511": (post("/gradio_api/component_server/", b"{}"),),
    "CVE-2024-39236": (get("/gradio_api/vibe-starter-queries"), post("/gradio_api/undo-vibe-edit")),
    "CVE-2024-4325": (post("/gradio_api/queue/join", URL), post("/gradio_api/call/look", URL)),
    "CVE-2024-47084": (
        get("/gradio_api/info"),
        post("/gradio_api/queue/join", host="localhost:7860", origin="http://localhost:9"),
    ),
    "CVE-2024-47164": (get(f"/gradio_api/file={ROOT}/./tests/../README.md"), get("/gradio_api/file=//etc/passwd")),
    "CVE-2024-47165": (
        post("/gradio_api/queue/join", origin="null"),
        post("/gradio_api/upload", MULTIPART, origin="null"),
    ),
    "CVE-2024-47166": (get("/gradio_api/custom_component/1/client/component/.."), get("/custom_component/a/b/c/d.py")),
    "CVE-2024-47167": (post("/gradio_api/queue/join", URL),),
    "CVE-2024-47168": (get("/monitoring"), get("/monitoring/summary"), get("/monitoring/x")),
    "CVE-2024-47868": (*map(get, FILES), get("/gradio_api/stream/a/b/1/playlist.m3u8")),
    "CVE-2024-47870": (
        get("/gradio_api/deep_link?session_hash=../../x"),
        get("/dev/reload"),
        get("/gradio_api/dev/reload"),
    ),
    "CVE-2024-47872": (get("/gradio_api/file=/tmp/x.html"), get("/gradio_api/file=/tmp/x.svg")),
    "CVE-2024-48052": (post("/gradio_api/queue/join", URL),),
    "CVE-2024-4940": (
        get("/gradio_api/file=//example.com"),
        get("/logout?url=//example.com"),
        get("/login/callback?_target_url=//example.com"),
    ),
    "CVE-2024-4941": (post("/gradio_api/call/memory", b'{"data": [{"path": "/etc/passwd"}]}'), *map(get, FILES)),
    "CVE-2024-51751": (
        post("/gradio_api/run/look", b'{"data": [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]}'),
    ),
    "CVE-2024-8021": (get("/gradio_api/file=http:/%5Cexample.com"), get("/gradio_api/file=%5C%5Cexample.com%5Cx")),
    "CVE-2024-8966": (
        post("/gradio_api/upload", b"--" + b"-" * 60_000, content_type="multipart/form-data; boundary=" + "-" * 60_000),
    ),
    "CVE-2025-23042": (get(f"/gradio_api/file={str(ROOT).upper()}/README.MD"),),
    "CVE-2025-48889": (
        post("/gradio_api/queue/join", b'{"data": [{"path": "/etc/passwd"}], "fn_index": 1, "session_hash": "a"}'),
    ),
    "CVE-2025-5320": (
        post("/gradio_api/queue/join", origin="http://127.0.0.1.example.com"),
        post("/gradio_api/queue/join", origin="http://localhost@example.com"),
    ),
    "CVE-2026-27167": (get("/login/huggingface"), get("/login/callback"), get("/logout")),
    "CVE-2026-28414": (
        get("/static/%2e%2e/%2e%2e/config.json"),
        get("/assets//windows/win.ini"),
        get("/static//etc/passwd"),
    ),
    "CVE-2026-28415": (
        get("/login/huggingface?_target_url=https://example.com"),
        get("/logout?_target_url=https://example.com"),
    ),
    "CVE-2026-28416": (get("/gradio_api/proxy=http://169.254.169.254/latest/meta-data"),),
    "GHSA-j36p-7w88-g82j": (post("/gradio_api/component_server", b'{"fn_name": "ls", "data": [["..", "/etc"]]}'),),
}
ANSWERED = ("/gradio_api/info", "/gradio_api/queue/join", "/gradio_api/call/")  # what they may say is looked at
SECRETS = (
    b"root:",
    b"[build-system]",
    b"A driving simulator with no simulator",
    b"PATH=",
    b"<script>alert",
    b"169.254",
)


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_was_published_of_gradio_is_closed(app: Any, name: str) -> None:
    for number, (method, path, headers, body) in enumerate(PUBLISHED[name]):
        answer = asked(app, path, method, headers=headers, body=body, client=f"10.9.{number}.{hash(name) % 250}")
        assert answer.status < 500 or answer.status == 503, path
        assert not any(secret in answer.body for secret in SECRETS), path
        assert "location" not in answer.headers, path
        assert "access-control-allow-origin" not in answer.headers
        if not path.startswith(ANSWERED):
            assert answer.status in (403, 404), path
        if headers.get("origin"):
            assert answer.status == (403 if served(method, path) else 404), path


def test_the_table_of_what_was_published_names_every_test() -> None:
    table = (ROOT / "docs" / "security.md").read_text("utf-8")
    rows = [row for row in table.splitlines() if re.match(r"\| (?:CVE|GHSA)-", row)]
    names = {row.split(" | ")[0].removeprefix("| ") for row in rows if "| not used: " not in row}
    assert names - {"CVE-2024-1729"} == set(PUBLISHED)  # its test is that of the password
    assert len(rows) == len({row.split(" | ")[0] for row in rows}) >= 49


def test_no_share_link_no_oauth_no_flags_no_files_beyond_the_cache(app: Any) -> None:
    """What the vulnerabilities that need no request rest upon."""
    blocks = next(route.app for route in app.routes if hasattr(getattr(route, "app", None), "blocks")).blocks
    assert not blocks.share and not blocks.expects_oauth
    assert blocks.allowed_paths == [] and not blocks.proxy_urls
    assert not any(
        type(component).__name__ in ("FileExplorer", "LoginButton", "Dataframe", "DateTime")
        for component in blocks.blocks.values()
    )
