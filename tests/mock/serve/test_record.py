"""The published record: sizes, hashes, ranges, and the guests' limit."""

import hashlib

import pytest
import requests

from . import asking

FILES = {"5x64x64_testing.hdf5": bytes(range(256)) * 2000, "small file.csv": b"object_id\n1\n", "empty": b""}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    (folder / ".hidden").write_bytes(b"x")
    (folder / "inner").mkdir()
    (folder.parent / "secret").write_bytes(b"x")
    with asking.served(release=folder, a_minute=1000) as server:
        yield server


def get(server, path: str, **headers) -> requests.Response:
    return requests.get(server.url + path, headers=headers, timeout=5)


def test_the_record_lists_sizes_hashes_and_links(published):
    files = get(published, "/api/records/11117528").json()["files"]
    assert {file["key"]: file["size"] for file in files} == {name: len(data) for name, data in FILES.items()}
    for file in files:
        assert file["checksum"] == "md5:" + hashlib.md5(FILES[file["key"]]).hexdigest()
        assert requests.get(file["links"]["self"], timeout=5).content == FILES[file["key"]]
    assert get(published, "/api/records/1").status_code == 404


def test_ranges_are_sent_where_the_service_knows_them(published):
    data = FILES["5x64x64_testing.hdf5"]
    path = "/records/11117528/files/5x64x64_testing.hdf5"
    tag = get(published, path).headers["etag"]
    for wanted, start, end in (("1000-1999", 1000, 2000), ("511990-", 511990, 512000), ("-5", 511995, 512000)):
        answer = get(published, path, Range=f"bytes={wanted}")
        assert answer.status_code == 206 and answer.content == data[start:end]
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/512000"
    assert get(published, path, Range="bytes=512000-").status_code == 416
    # A file that has changed since is sent from its beginning.
    assert get(published, path, Range="bytes=5-", **{"If-Range": tag}).status_code == 206
    assert get(published, path, Range="bytes=5-", **{"If-Range": '"other"'}).content == data
    # This address says that it knows ranges, and does not.
    answer = get(published, f"/api{path}/content", Range="bytes=5-")
    assert (answer.status_code, answer.headers["accept-ranges"], answer.content) == (200, "bytes", data)


@pytest.mark.parametrize("name", [".hidden", "inner", "..%2Fsecret", "%2Fetc%2Fpasswd", "none"])
def test_no_other_file_is_sent(published, name):
    assert get(published, f"/records/11117528/files/{name}").status_code == 404
    assert get(published, f"/api/records/11117528/files/{name}/content").status_code == 404


def test_guests_have_so_many_requests_a_minute(tmp_path):
    with asking.served(release=tmp_path, a_minute=3) as server:
        found = [get(server, "/api/records/11117528") for _ in range(4)]
        assert [answer.status_code for answer in found] == [200, 200, 200, 429]
        assert [answer.headers["x-ratelimit-remaining"] for answer in found] == ["2", "1", "0", "0"]
        # It comes with successes too.
        assert all(1 <= int(answer.headers["retry-after"]) <= 61 for answer in found)
