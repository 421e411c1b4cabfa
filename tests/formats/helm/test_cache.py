"""What was parsed once is not parsed again, and nobody notices."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from interlock.errors import InputError
from interlock.formats import helm
from interlock.formats.helm.cache import Cache

CHART = {
    "chart/Chart.yaml": b"apiVersion: v2\nname: demo\nversion: 0.1.0\n",
    "chart/values.yaml": b"labels: {a: one}\nlist: [1]\n",
    "chart/templates/a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
    b"data: {{ toYaml .Values | nindent 2 }}\n",
}


def render(files: dict[str, bytes], **options: Any) -> dict[str, Any]:
    (made,) = helm.render(files, "chart", release_name="r", namespace="n", **options)
    return made.object


def test_what_is_done_to_an_answer_is_not_in_the_next() -> None:
    first = render(CHART)
    wanted = {"labels": {"a": "one"}, "list": [1]}
    assert first["data"] == wanted
    first["data"]["labels"]["a"] = "changed"
    first["data"]["list"].append(2)
    first["metadata"]["name"] = "changed"
    assert render(CHART)["data"] == wanted
    assert render(CHART)["metadata"] == {"name": "x"}


def test_a_template_that_changes_a_mapping_changes_that_rendering_only() -> None:
    change = b'{{- $_ := set .Values.labels "b" "two" -}}{{- $d := fromYaml "k: v" -}}{{- $_ := set $d "k2" "w" -}}'
    files = {**CHART, "chart/templates/a.yaml": change + CHART["chart/templates/a.yaml"]}
    with_change = render(files)
    assert with_change["data"]["labels"] == {"a": "one", "b": "two"}
    assert render(files) == with_change
    assert render(CHART)["data"]["labels"] == {"a": "one"}


def test_parameters_of_one_rendering_are_not_in_the_next() -> None:
    set_one = render(CHART, parameters=[helm.Parameter("labels.a", "set")])
    assert set_one["data"]["labels"]["a"] == "set"
    assert render(CHART)["data"]["labels"]["a"] == "one"


def test_an_error_says_its_own_file_each_time() -> None:
    for name in ("one", "two", "one"):
        with pytest.raises(InputError, match=f"{name}.yaml:1:4"):
            render({**CHART, f"chart/templates/{name}.yaml": b"{{ | }}"})


def test_what_a_file_says_now_counts() -> None:
    for text in (b"labels: {a: two}\n", b"labels: {a: three}\n"):
        assert render({**CHART, "chart/values.yaml": text})["data"] == {"labels": {"a": text[12:-2].decode()}}


@pytest.fixture
def counted() -> tuple[Cache[str, str], Callable[[], list[str]]]:
    """A cache of a hundred characters, and what it has read since it was last asked."""
    read: list[str] = []

    def parse(text: str) -> str:
        read.append(text)
        if text.startswith("bad"):
            raise ValueError(text)
        return text.upper()

    def since() -> list[str]:
        found, read[:] = list(read), []
        return found

    return Cache(parse, len, size=100), since


def test_the_least_recently_used_goes_first(counted: tuple[Cache[str, str], Callable[[], list[str]]]) -> None:
    cache, read = counted
    texts = [f"text-{number:04}" for number in range(11)]
    assert [cache(text) for text in texts] == [text.upper() for text in texts]
    assert read() == texts
    for text in (*texts, texts[0], "text-0011", texts[1], texts[0]):
        cache(text)
    # Eleven of nine characters fit; the twelfth drives out the one that was not used for longest.
    assert read() == ["text-0011", texts[1]]


def test_neither_large_texts_nor_errors_are_kept(counted: tuple[Cache[str, str], Callable[[], list[str]]]) -> None:
    cache, read = counted
    for text in ("0123456789", "0123456789"):
        cache(text)
    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            cache("bad")
    assert read() == ["0123456789", "0123456789", "bad", "bad"]


def test_several_threads_get_the_same(counted: tuple[Cache[str, str], Callable[[], list[str]]]) -> None:
    cache, _ = counted
    texts = [f"text-{number % 40:04}" for number in range(2000)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(cache, texts)) == [text.upper() for text in texts]
