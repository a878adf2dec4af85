"""The door: hosts, origins, addresses, limits, name and password; and every published vulnerability of Gradio's."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.conftest import serving
from tests.ui.asgi import HOST, Answer, ask
from tests.ui.fake_page import FakeDreamer
from ui.app import ServeError, bind, check_serving, create_app
from ui.limits import BODY, LOGIN, Buckets, Limit
from ui.login import AuthError, Login
from ui.origin import AddressError, Public
from ui.paths import served

ROOT = Path(__file__).parents[2]
AUTH = "driver:a good password"
Asked = tuple[str, str, dict[str, str], bytes]  # method, path, headers, body


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return create_app(FakeDreamer(tmp_path_factory.mktemp("clips"), most=1000))


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return create_app(FakeDreamer(tmp_path_factory.mktemp("clips"), most=1000), auth=AUTH)


def asked(app: Any, path: str | bytes, *args: Any, **kwargs: Any) -> Answer:
    return asyncio.run(ask(app, path, *args, **kwargs))


def get(path: str) -> Asked:
    return ("GET", path, {}, b"")


def post(path: str, body: bytes = b"{}", **headers: str) -> Asked:
    told = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return ("POST", path, told, body)


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
    told = {row.split(" | ")[0].removeprefix("| ") for row in rows if "| not used: " not in row}
    assert told - {"CVE-2024-1729"} == set(PUBLISHED)  # its test is that of the password
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


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.nip.io", "0.0.0.0:7860", "", "[::1", "localhost.evil.example:7860"]
)
def test_only_this_machines_names_are_answered(app: Any, host: str) -> None:
    assert asked(app, "/", headers={"host": host}).status == 403
    assert asked(app, "/dream", kind="websocket", headers={"host": host, "origin": f"http://{host}"}).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://example.com"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"},
    ],
)
def test_other_pages_may_change_and_read_nothing(app: Any, headers: dict[str, str]) -> None:
    for method, path in (
        ("POST", "/drives/x"),
        ("POST", "/gradio_api/call/scenes"),
        ("GET", "/memory.json"),
        ("GET", "/clips/x/y.mp4"),
    ):
        assert asked(app, path, method, headers=headers, client="10.8.0.1").status == 403


def test_a_link_from_elsewhere_may_be_followed_and_the_page_reads_itself(app: Any) -> None:
    navigate = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert asked(app, "/", headers=navigate).status == 200
    own = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
    assert asked(app, "/memory.json", headers=own).status == 200
    assert asked(app, "/dream", kind="websocket", headers=own).status == 101


def test_answers_let_the_page_load_nothing_from_elsewhere(app: Any) -> None:
    answer = asked(app, "/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "connect-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["x-frame-options"] == "DENY"
    assert "http://" not in policy and "https://" not in policy


def test_only_what_is_on_the_list_exists(app: Any) -> None:
    assert served("GET", "/page/drive.js") and served("POST", "/gradio_api/call/say") and served("HEAD", "/")
    for method, path in (
        ("GET", "/page/../app.py"),
        ("GET", "/page/a\\b.js"),
        ("GET", "/page/a\x00.js"),
        ("PUT", "/drives/x"),
        ("DELETE", "/"),
        ("GET", "/gradio_api/openapi.json"),
        ("GET", "/docs"),
        ("POST", "/gradio_api/mcp/"),
        ("GET", "/gradio_api/token"),
        ("GET", "/gradio_api/user"),
    ):
        assert not served(method, path), path
        assert asked(app, path, method).status == 404
    assert served("POST", "/gradio_api/mcp/", mcp=True)


def test_links_out_of_the_cache_lead_nowhere(app: Any, tmp_path: Path) -> None:
    door = next(item for item in app.user_middleware if item.cls.__name__ == "AccessMiddleware")
    cache = Path(door.kwargs["cache"])
    (cache / "inside.txt").write_text("within")
    (cache / "outside.txt").symlink_to(ROOT / "README.md")
    assert asked(app, f"/gradio_api/file={cache}/outside.txt").status == 404
    assert asked(app, f"/gradio_api/file={cache}").status == 404
    inside = asked(app, f"/gradio_api/file={cache}/inside.txt")
    assert inside.status == 200 and "sandbox" in inside.headers["content-security-policy"]


def test_too_much_is_refused(app: Any) -> None:
    long = asked(app, "/gradio_api/call/say", "POST", body=b"x" * (BODY + 1), client="10.7.0.1")
    assert long.status == 413
    lied = {"content-length": "5"}
    assert asked(
        app, "/gradio_api/call/say", "POST", headers=lied, body=b"x" * (BODY + 1), client="10.7.0.2"
    ).status in (400, 413)
    statuses = [asked(app, "/drives/nobody", "POST", body=b"x", client="10.7.0.3").status for _ in range(20)]
    assert statuses[0] == 404 and statuses[-1] == 429
    assert asked(app, "/drives/nobody", "POST", body=b"x", client="10.7.0.4").status == 404  # others are not held up


def test_a_bucket_fills_again_and_forgets() -> None:
    now = 0.0
    buckets = Buckets(lambda: now)
    limit = Limit(2, 1)
    assert [buckets.take("a", limit) for _ in range(3)] == [True, True, False]
    assert buckets.take("b", limit)
    now = 1.0
    assert buckets.take("a", limit) and not buckets.take("a", limit)
    for number in range(5000):
        buckets.take(str(number), limit)
    assert len(buckets._known) <= 4096


def test_beyond_this_machine_only_with_a_password() -> None:
    with pytest.raises(ServeError, match="--auth"):
        check_serving("0.0.0.0", 0, None, False)
    check_serving("0.0.0.0", 0, AUTH, False)
    for wrong in ("", "name", ":password1", "name:short"):
        with pytest.raises(AuthError, match="NAME:PASSWORD"):
            check_serving("127.0.0.1", 0, wrong, False)
    bind("0.0.0.0", 0, others=True).close()


def test_without_the_password_there_is_nothing(locked: Any) -> None:
    page = asked(locked, "/", headers={"accept": "text/html"})
    assert page.status == 401 and b'name="password"' in page.body and b"gradio" not in page.body
    for path in ("/memory.json", "/config", "/gradio_api/info", "/page/drive.js", "/metrics", "/scenes/avenue.jpg"):
        assert asked(locked, path).status == 401, path
    own = {"origin": f"http://{HOST}"}
    assert asked(locked, "/dream", kind="websocket", headers=own).status == 403
    assert asked(locked, "/health/live").status == 200


def test_the_password_opens_and_its_key_is_hidden_from_scripts(locked: Any) -> None:
    form = {"content-type": "application/x-www-form-urlencoded", "accept": "text/html"}
    wrong = asked(locked, "/login", "POST", headers=form, body=b"username=driver&password=nope")
    assert wrong.status == 401 and "set-cookie" not in wrong.headers and b"hidden data-wrong" not in wrong.body
    right = asked(locked, "/login", "POST", headers=form, body=b"username=driver&password=a+good+password")
    assert right.status == 303 and right.headers["location"] == "/"
    cookie = right.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    key = {"cookie": cookie.partition(";")[0]}
    assert asked(locked, "/memory.json", headers=key).status == 200
    assert asked(locked, "/dream", kind="websocket", headers=key | {"origin": f"http://{HOST}"}).status == 101
    assert asked(locked, "/memory.json", headers={"cookie": "lucidrive-door=forged"}).status == 401
    basic = base64.b64encode(AUTH.encode()).decode()
    assert asked(locked, "/memory.json", headers={"authorization": f"Basic {basic}"}).status == 200
    assert asked(locked, "/memory.json", headers={"authorization": "Basic !!"}).status == 401


def test_passwords_cannot_be_tried_for_long(locked: Any) -> None:
    tries = [
        asked(locked, "/login", "POST", body=b"username=a&password=b", client="10.6.0.1").status for _ in range(10)
    ]
    assert tries[0] == 400 and tries[-1] == 429 and tries.count(400) == LOGIN.burst
    basic = {"authorization": "Basic " + base64.b64encode(b"a:b").decode()}
    tries = [asked(locked, "/memory.json", headers=basic, client="10.6.0.2").status for _ in range(10)]
    assert tries[0] == 401 and tries[-1] == 429


def test_behind_the_password_this_machines_address_is_a_host_and_a_strangers_name_is_none(locked: Any) -> None:
    assert asked(locked, "/health/live", headers={"host": "192.168.1.5:7860"}).status == 200
    assert asked(locked, "/health/live", headers={"host": "evil.example:7860"}).status == 403


def test_a_key_is_forgotten_and_compared_safely() -> None:
    login = Login(AUTH)
    keys = [login.key() for _ in range(1100)]
    assert len(login._keys) <= 1000
    assert login.admits({"cookie": f"lucidrive-door={keys[-1]}"}) and not login.admits(
        {"cookie": f"lucidrive-door={keys[0]}"}
    )
    assert not any(key in str(vars(login)) for key in keys[-3:])  # only their digests are kept


def test_a_program_logs_in_as_gradio_client_does(tmp_path: Path) -> None:
    name, _, password = AUTH.partition(":")
    with serving(FakeDreamer(tmp_path), auth=AUTH) as url:
        client = Client(url, auth=(name, password), verbose=False)
        assert client.predict(api_name="/scenes") == ["avenue", "old_town"]
        assert httpx.get(f"{url}/memory.json").status_code == 401
        with pytest.raises(InvalidStatus), connect(url.replace("http", "ws") + "/dream", origin=url):  # type: ignore[arg-type]
            pass


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Any:
    public = Public.of(["Drive.Example.org", "other.example:8443"], "drive/")
    return create_app(FakeDreamer(tmp_path_factory.mktemp("clips"), most=1000), auth=AUTH, public=public)


def test_a_proxys_name_is_answered_and_no_other(proxied: Any) -> None:
    for host, status in (
        ("drive.example.org", 200),
        ("drive.example.org:8443", 200),
        ("other.example:8443", 200),
        ("other.example", 403),
        ("sub.drive.example.org", 403),
        ("drive.example.org.evil.example", 403),
    ):
        assert asked(proxied, "/health/live", headers={"host": host}).status == status, host


def test_behind_a_proxy_the_origin_is_its_page_alone(proxied: Any) -> None:
    basic = base64.b64encode(AUTH.encode()).decode()
    for host, origin, status in (
        ("drive.example.org", "https://drive.example.org", 200),
        ("127.0.0.1:7860", "https://drive.example.org", 200),  # a proxy that does not pass the name on
        ("127.0.0.1:7860", "https://other.example:8443", 200),
        ("127.0.0.1:7860", "https://other.example", 403),
        ("drive.example.org", "https://drive.example.org:4443", 403),
        ("drive.example.org", "https://evil.example", 403),
    ):
        headers = {"host": host, "origin": origin, "authorization": f"Basic {basic}"}
        assert asked(proxied, "/memory.json", headers=headers).status == status, (host, origin)


def test_below_a_path_the_login_leads_back_to_it(proxied: Any) -> None:
    host = {"host": "drive.example.org", "accept": "text/html"}
    moved = asked(proxied, "/drive", headers=host)
    assert moved.status == 307 and moved.headers["location"] == "/drive/"
    for path in ("/drive/", "/"):  # passed on, or taken off
        form = asked(proxied, path, headers=host)
        assert form.status == 401 and b'action="/drive/login"' in form.body
    body = b"username=driver&password=a+good+password"
    right = asked(proxied, "/drive/login", "POST", headers=host, body=body)
    assert right.status == 303 and right.headers["location"] == "/drive/"
    assert "Path=/drive/;" in right.headers["set-cookie"]
    assert asked(proxied, "/driven/memory.json", headers=host).status == 404


def test_nobody_else_tells_the_page_where_it_is(app: Any, proxied: Any) -> None:
    told = {"x-forwarded-host": "evil.example", "x-gradio-server": "http://evil.example"}
    basic = {"authorization": "Basic " + base64.b64encode(AUTH.encode()).decode()}
    for one in (app, proxied):
        assert b"evil.example" not in asked(one, "/config", headers=told | basic).body
    named = {"x-forwarded-host": "drive.example.org", "x-forwarded-proto": "https"} | basic
    config = json.loads(asked(proxied, "/drive/config", headers=named).body)
    assert config["root"] == "https://drive.example.org/drive"


@pytest.mark.parametrize("host", ["", "http://drive.example.org", "drive.example.org/drive", "*", "a b", "name:port"])
def test_what_is_no_name_is_refused_before_anything_is_loaded(host: str) -> None:
    with pytest.raises(AddressError, match="--allowed-host takes a name"):
        Public.of([host])


@pytest.mark.parametrize("path", ["https://a/b", "/a/../b", "/a b", "/a?b", "//evil.example"])
def test_what_is_no_path_is_refused(path: str) -> None:
    if path == "//evil.example":
        assert Public.of((), path).root_path == "/evil.example"
        return
    with pytest.raises(AddressError, match="--root-path takes a path"):
        Public.of((), path)
