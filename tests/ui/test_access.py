"""Access: hosts, origins, addresses, limits, name and password, proxies."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.conftest import serving
from tests.ui.asgi import HOST, asked
from tests.ui.fake_page import FakeDreamer
from ui.app import ServeError, bind, check_serving, create_app
from ui.limits import BODY, LOGIN, Buckets, Limit
from ui.login import AuthError, Login
from ui.origin import AddressError, Public
from ui.paths import served

ROOT = Path(__file__).parents[2]
AUTH = "driver:a good password"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return create_app(FakeDreamer(tmp_path_factory.mktemp("clips"), most=1000), auth=AUTH)


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
    middleware = next(item for item in app.user_middleware if item.cls.__name__ == "AccessMiddleware")
    cache = Path(middleware.kwargs["cache"])
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


@pytest.mark.slow
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
