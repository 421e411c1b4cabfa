"""Pushing and pulling blobs, as the distribution specification says it."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from interlock.formats.oci import sha256
from interlock.local.registry.app import create_app
from interlock.local.registry.config import Config

DATA = bytes(range(256)) * 40
DIGEST = sha256(DATA)
OTHER = "sha256:" + "0" * 64


def upload(http: httpx.Client, repo: str = "team/app") -> str:
    answer = http.post(f"/v2/{repo}/blobs/uploads/")
    assert (answer.status_code, answer.headers["Range"]) == (202, "0-0")
    return answer.headers["Location"]


def push(http: httpx.Client, data: bytes = DATA, repo: str = "team/app") -> None:
    assert http.put(upload(http, repo), params={"digest": sha256(data)}, content=data).status_code == 201


def code(answer: httpx.Response) -> str:
    return str(answer.json()["errors"][0]["code"])


def leftovers(folder: Path) -> list[Path]:
    return list((folder / "data" / "uploads").iterdir())


def test_the_root_says_that_this_is_a_registry(http: httpx.Client) -> None:
    answer = http.get("/v2/")
    assert answer.status_code == 200
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"


def test_post_then_put(http: httpx.Client, tmp_path: Path) -> None:
    answer = http.put(upload(http), params={"digest": DIGEST}, content=DATA)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v2/team/app/blobs/{DIGEST}"
    assert answer.headers["Docker-Content-Digest"] == DIGEST
    assert http.get(f"/v2/team/app/blobs/{DIGEST}").content == DATA
    assert leftovers(tmp_path) == []


def test_one_request(http: httpx.Client, tmp_path: Path) -> None:
    answer = http.post("/v2/team/app/blobs/uploads/", params={"digest": DIGEST}, content=DATA)
    assert answer.status_code == 201
    assert http.get(f"/v2/team/app/blobs/{DIGEST}").content == DATA
    assert leftovers(tmp_path) == []


def test_chunks_and_their_status(http: httpx.Client) -> None:
    location = upload(http)
    first = http.patch(location, content=DATA[:4000], headers={"Content-Range": "0-3999"})
    assert (first.status_code, first.headers["Range"]) == (202, "0-3999")
    status = http.get(location)
    assert (status.status_code, status.headers["Range"]) == (204, "0-3999")
    second = http.patch(location, content=DATA[4000:8000], headers={"Content-Range": "4000-7999"})
    assert second.headers["Range"] == "0-7999"
    last = http.put(location, params={"digest": DIGEST}, content=DATA[8000:], headers={"Content-Range": "8000-10239"})
    assert last.status_code == 201
    assert http.get(f"/v2/team/app/blobs/{DIGEST}").content == DATA


def test_a_stream_without_length(http: httpx.Client) -> None:
    def pieces() -> Iterator[bytes]:
        for start in range(0, len(DATA), 1000):
            yield DATA[start : start + 1000]

    location = upload(http)
    assert http.patch(location, content=pieces()).headers["Range"] == f"0-{len(DATA) - 1}"
    assert http.put(location, params={"digest": DIGEST}).status_code == 201


def test_an_empty_blob(http: httpx.Client) -> None:
    push(http, b"")
    answer = http.get(f"/v2/team/app/blobs/{sha256(b'')}")
    assert (answer.status_code, answer.content) == (200, b"")


def test_sha512(http: httpx.Client) -> None:
    digest = "sha512:" + hashlib.sha512(DATA).hexdigest()
    assert http.put(upload(http), params={"digest": digest}, content=DATA).status_code == 201
    assert http.get(f"/v2/team/app/blobs/{digest}").content == DATA


def test_a_wrong_digest_leaves_nothing(http: httpx.Client, tmp_path: Path) -> None:
    location = upload(http)
    answer = http.put(location, params={"digest": OTHER}, content=DATA)
    assert (answer.status_code, code(answer)) == (400, "DIGEST_INVALID")
    assert DIGEST in answer.text
    one = http.post("/v2/team/app/blobs/uploads/", params={"digest": OTHER}, content=DATA)
    assert (one.status_code, code(one)) == (400, "DIGEST_INVALID")
    assert code(http.get(location)) == "BLOB_UPLOAD_UNKNOWN"
    for digest in (OTHER, DIGEST):
        assert http.head(f"/v2/team/app/blobs/{digest}").status_code == 404
    assert leftovers(tmp_path) == []
    assert not [path for path in (tmp_path / "data" / "blobs").rglob("*") if path.is_file()]


@pytest.mark.parametrize("digest", ["", "sha256:abc", "md5:" + "a" * 32, "sha256:" + "A" * 64, "../../x"])
def test_what_is_no_digest_is_refused(digest: str, http: httpx.Client) -> None:
    answer = http.put(upload(http), params={"digest": digest}, content=DATA)
    assert (answer.status_code, code(answer)) == (400, "DIGEST_INVALID")


def test_a_chunk_out_of_order_changes_nothing(http: httpx.Client) -> None:
    location = upload(http)
    http.patch(location, content=DATA[:100])
    answer = http.patch(location, content=DATA[300:400], headers={"Content-Range": "300-399"})
    assert (answer.status_code, answer.headers["Range"]) == (416, "0-99")
    assert answer.headers["Location"] == location
    short = http.patch(location, content=DATA[100:150], headers={"Content-Range": "100-199"})
    assert (short.status_code, code(short)) == (400, "SIZE_INVALID")
    odd = http.patch(location, content=b"x", headers={"Content-Range": "bytes */*"})
    assert (odd.status_code, code(odd)) == (400, "BLOB_UPLOAD_INVALID")
    assert http.get(location).headers["Range"] == "0-99"
    assert http.put(location, params={"digest": DIGEST}, content=DATA[100:]).status_code == 201


def test_a_connection_that_breaks_off_leaves_the_upload_as_it_was(http: httpx.Client) -> None:
    location = upload(http)
    http.patch(location, content=DATA[:100])
    with socket.create_connection((http.base_url.host, http.base_url.port or 0)) as raw:
        raw.sendall(f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n".encode() + DATA[100:1100])
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(4096):
            pass
    assert http.get(location).headers["Range"] == "0-99"
    assert http.put(location, params={"digest": DIGEST}, content=DATA[100:]).status_code == 201


def test_an_upload_can_be_cancelled(http: httpx.Client, tmp_path: Path) -> None:
    location = upload(http)
    assert http.delete(location).status_code == 204
    assert code(http.patch(location, content=b"x")) == "BLOB_UPLOAD_UNKNOWN"
    assert leftovers(tmp_path) == []


def test_an_upload_belongs_to_its_repository(http: httpx.Client) -> None:
    location = upload(http)
    answer = http.put(location.replace("team/app", "other/app"), params={"digest": DIGEST}, content=DATA)
    assert (answer.status_code, code(answer)) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_a_blob_that_is_too_large_is_refused(serve: Callable[..., httpx.Client], tmp_path: Path) -> None:
    http = serve(max_blob_bytes=1000)
    answer = http.put(upload(http), params={"digest": DIGEST}, content=DATA)
    assert answer.status_code == 413
    assert all(path.stat().st_size == 0 for path in leftovers(tmp_path))


def test_an_upload_that_nobody_goes_on_with_expires(serve: Callable[..., httpx.Client], tmp_path: Path) -> None:
    http = serve(upload_expiry_hours=0.000001)
    location = upload(http)
    (old,) = leftovers(tmp_path)
    import os

    os.utime(old, (0, 0))
    upload(http)
    assert http.get(location).status_code == 404


def test_a_blob_is_seen_in_its_repository_only_until_it_is_mounted(http: httpx.Client) -> None:
    push(http)
    answer = http.head(f"/v2/other/app/blobs/{DIGEST}")
    assert answer.status_code == 404
    mounted = http.post("/v2/other/app/blobs/uploads/", params={"mount": DIGEST, "from": "team/app"})
    assert mounted.status_code == 201
    assert mounted.headers["Location"] == f"/v2/other/app/blobs/{DIGEST}"
    assert http.get(f"/v2/other/app/blobs/{DIGEST}").content == DATA


@pytest.mark.parametrize(
    "query", [{"mount": DIGEST, "from": "no/such"}, {"mount": DIGEST}, {"mount": DIGEST, "from": ""}]
)
def test_a_mount_that_is_not_possible_begins_an_upload(query: dict[str, str], http: httpx.Client) -> None:
    answer = http.post("/v2/other/app/blobs/uploads/", params=query)
    assert answer.status_code == 202
    assert http.put(answer.headers["Location"], params={"digest": DIGEST}, content=DATA).status_code == 201


def test_head_says_the_size(http: httpx.Client) -> None:
    push(http)
    answer = http.head(f"/v2/team/app/blobs/{DIGEST}")
    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == str(len(DATA))
    assert answer.headers["Docker-Content-Digest"] == DIGEST


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=10000-", 10000, 10240), ("bytes=-5", 10235, 10240),
     ("bytes=10000-99999", 10000, 10240), ("bytes=-99999", 0, 10240)],
)  # fmt: skip
def test_ranges(header: str, start: int, end: int, http: httpx.Client) -> None:
    push(http)
    answer = http.get(f"/v2/team/app/blobs/{DIGEST}", headers={"Range": header})
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(DATA)}"
    assert answer.content == DATA[start:end]


@pytest.mark.parametrize("header", ["bytes=0-1,5-6", "lines=1-2", "bytes=-", "bytes=5-2"])
def test_ranges_that_are_not_understood_give_everything(header: str, http: httpx.Client) -> None:
    push(http)
    answer = http.get(f"/v2/team/app/blobs/{DIGEST}", headers={"Range": header})
    assert (answer.status_code, answer.content) == (200, DATA)


@pytest.mark.parametrize("header", ["bytes=10240-", "bytes=99999-100000"])
def test_a_range_outside_of_the_blob(header: str, http: httpx.Client) -> None:
    push(http)
    answer = http.get(f"/v2/team/app/blobs/{DIGEST}", headers={"Range": header})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{len(DATA)}")


def test_a_large_blob_comes_back_whole(http: httpx.Client) -> None:
    data = bytes(3_500_000) + b"end"
    push(http, data)
    assert http.get(f"/v2/team/app/blobs/{sha256(data)}").content == data
    part = http.get(f"/v2/team/app/blobs/{sha256(data)}", headers={"Range": "bytes=100-2500000"})
    assert part.content == data[100:2500001]


def test_deleting_is_off_unless_allowed(serve: Callable[..., httpx.Client], tmp_path: Path) -> None:
    http = serve(tmp_path / "a")
    push(http)
    answer = http.delete(f"/v2/team/app/blobs/{DIGEST}")
    assert (answer.status_code, code(answer)) == (405, "UNSUPPORTED")
    http = serve(tmp_path / "b", allow_delete=True)
    push(http)
    push(http, repo="other/app")
    assert http.delete(f"/v2/team/app/blobs/{DIGEST}").status_code == 202
    assert http.head(f"/v2/team/app/blobs/{DIGEST}").status_code == 404
    assert http.get(f"/v2/other/app/blobs/{DIGEST}").content == DATA
    assert http.delete(f"/v2/other/app/blobs/{DIGEST}").status_code == 202
    assert http.delete(f"/v2/other/app/blobs/{DIGEST}").status_code == 404
    assert not [path for path in (tmp_path / "b" / "data" / "blobs").rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["Team/app", "team//app", "../app", "team/app_", "a" * 256])
def test_a_bad_repository_name_is_refused(name: str, http: httpx.Client) -> None:
    answer = http.post(f"/v2/{name}/blobs/uploads/".replace("..", "%2e%2e"))
    assert (answer.status_code, code(answer)) == (400, "NAME_INVALID")


def test_a_method_that_makes_no_sense(http: httpx.Client) -> None:
    answer = http.patch(f"/v2/team/app/blobs/{DIGEST}")
    assert (answer.status_code, code(answer)) == (405, "UNSUPPORTED")


def test_pushing_again_heals_a_damaged_file_and_until_then_the_blob_is_not_there(
    http: httpx.Client, tmp_path: Path
) -> None:
    push(http)
    (file,) = [path for path in (tmp_path / "data" / "blobs").rglob("*") if path.is_file()]
    file.unlink()
    assert http.head(f"/v2/team/app/blobs/{DIGEST}").status_code == 404
    push(http)
    assert http.get(f"/v2/team/app/blobs/{DIGEST}").content == DATA


def test_bytes_without_a_row_are_swept_away_at_the_start(tmp_path: Path) -> None:
    orphan = tmp_path / "data" / "blobs" / "sha256" / "ab" / ("ab" + "0" * 62)
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"killed between the rename and the commit")
    create_app(Config(port=0, data=tmp_path / "data"), now=lambda: datetime.now(UTC))
    assert not orphan.exists()
