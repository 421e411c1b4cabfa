"""The template language, as text/template and sprig have it. Expected texts are what helm 3.22 prints."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from interlock.errors import InputError, UnsupportedError

Evaluate = Callable[..., str]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("a {{- 1 -}} b", "a1b"),
        ("a {{/* nothing */}} b", "a  b"),
        ("a {{- /* nothing */ -}} b", "ab"),
        ("{{ if true }}yes{{ else }}no{{ end }}", "yes"),
        ("{{ if .Values.none }}a{{ else if .Values.s }}b{{ else }}c{{ end }}", "b"),
        ("{{ with .Values.map }}{{ .a }}{{ end }}", "one"),
        ("{{ with .Values.none }}x{{ else }}nothing{{ end }}", "nothing"),
        ("{{ range .Values.list }}[{{ . }}]{{ end }}", "[x][z]"),
        ("{{ range $i, $v := .Values.list }}{{ $i }}={{ $v }};{{ end }}", "0=x;1=z;"),
        ("{{ range $k, $v := .Values.map }}{{ $k }}{{ $v }}{{ end }}", "aonebtwo"),
        ("{{ range .Values.empty }}x{{ else }}none{{ end }}", "none"),
        ("{{ range .Values.list }}{{ if eq . `z` }}{{ break }}{{ end }}{{ . }}{{ end }}", "x"),
        ("{{ range .Values.list }}{{ if eq . `x` }}{{ continue }}{{ end }}{{ . }}{{ end }}", "z"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 3 }}{{ end }}{{ $x }}", "2"),
        ("{{ $.Release.Name }}/{{ .Chart.Name }}/{{ .Template.BasePath }}", "demo-prod/demo/demo/templates"),
        ("{{ .Values.none }}", "<no value>"),  # as helm: only the end result is cleaned
        ("{{ (index .Values.list 1) }}", "z"),
        ("{{ .Values.map }}", "map[a:one b:two]"),
        ("{{ .Values.list }}", "[x z]"),
        ("{{ .Values.port }} {{ .Values.big }} {{ .Values.huge }} {{ .Values.half }}", "7800 999999 1e+06 0.5"),
        ("{{ .Values.huge | int }}", "1000000"),
        ("{{ eq (.Values.port | int) 7800 }}", "true"),
        ('{{ template "named" .Values.map }}', "<one>"),
        ('{{ include "named" .Values.map | upper }}', "<ONE>"),
    ],
)
def test_actions(evaluate: Evaluate, template: str, expected: str) -> None:
    values = (
        "s: text\nmap: {b: two, a: one}\nlist: [x, z]\nempty: []\nport: 7800\nbig: 999999\nhuge: 1000000\nhalf: 0.5\n"
    )
    assert evaluate(template, values=values, helpers='{{ define "named" }}<{{ .a }}>{{ end }}') == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('default "d" ""', "d"),
        ('default "d" "v"', "v"),
        ('quote "a\\"b" nil 1', '"a\\"b" "1"'),
        ('squote "a"', "'a'"),
        ('"abcdef" | trunc 3', "abc"),
        ('"abcdef" | trunc -2', "ef"),
        ('"name-" | trimSuffix "-"', "name"),
        ('"v1.2" | trimPrefix "v"', "1.2"),
        ('"a b" | replace " " "_"', "a_b"),
        ('printf "%s-%d-%v-%q" "a" 1 true "b"', 'a-1-true-"b"'),
        ('printf "%05d|%-3s|%.2f" 42 "x" 1.5', "00042|x  |1.50"),
        ('"a" | indent 2', "  a"),
        ('"a\\nb" | nindent 2', "\n  a\n  b"),
        ('hasKey (dict "a" 1) "a"', "true"),
        ('get (dict "a" 1) "b"', ""),
        ('dict "a" (list 1 "x") | toYaml', "a:\n- 1\n- x"),
        ('dict "b" "true" "a" "1" "c" "x: y" | toYaml', 'a: "1"\nb: "true"\nc: \'x: y\''),
        ('dict "a10" 1 "a9" 2 | toYaml', "a9: 2\na10: 1"),
        ('dict "a" "<x>" | toJson', '{"a":"\\u003cx\\u003e"}'),
        ('merge (dict "a" 1) (dict "a" 2 "b" 3) | toJson', '{"a":1,"b":3}'),
        ('mergeOverwrite (dict "a" 1) (dict "a" 2 "b" 3) | toJson', '{"a":2,"b":3}'),
        ('merge (dict "m" (dict "x" 1)) (dict "m" (dict "y" 2)) | toJson', '{"m":{"x":1,"y":2}}'),
        ('omit (dict "a" 1 "b" 2) "a" | toJson', '{"b":2}'),
        ('pick (dict "a" 1 "b" 2) "a" | toJson', '{"a":1}'),
        ('merge (dict "a" 0 "c" "") (dict "a" 5 "b" nil "c" (dict "x" 1)) | toJson', '{"a":5,"c":{"x":1}}'),
        ('mergeOverwrite (dict "a" 1 "l" (list 1)) (dict "a" "" "l" (list)) | toJson', '{"a":"","l":[]}'),
        ('"Ab" | lower', "ab"),
        ('"Ab" | upper', "AB"),
        ('"x" | sha256sum | trunc 12', "2d711642b726"),
        ('ternary "yes" "no" true', "yes"),
        ("empty 0", "true"),
        ("empty (list 1)", "false"),
        ("not true", "false"),
        ('and 1 "" "never"', ""),
        ('or "" "first" (fail "not reached")', "first"),
        ("eq 1 2 1", "true"),
        ('ne "a" "b"', "true"),
        ("lt 1 2", "true"),
        ("ge 2 2", "true"),
        ('len "äb"', "3"),
        ('join "," (list 1 "a" true)', "1,a,true"),
        ('splitList "." "a.b" | toJson', '["a","b"]'),
        ('has "a" (list "b" "a")', "true"),
        ("concat (list 1) (list 2) | toJson", "[1,2]"),
        ("uniq (list 1 1 2) | toJson", "[1,2]"),
        ('list "b" "a" | sortAlpha | toJson', '["a","b"]'),
        ("first (list 1 2)", "1"),
        ('coalesce "" nil 3', "3"),
        ("kindOf (list)", "slice"),
        ('kindIs "map" (dict)', "true"),
        ('add 1 "2"', "3"),
        ("add 9223372036854775807 1", "-9223372036854775808"),
        ("mul 4611686018427387904 4", "0"),
        ('int "99999999999999999999"', "0"),
        (f'int "{"9" * 5000}"', "0"),
        (f"int {'9' * 400}.0", "0"),
        (f'dict "{"9" * 5000}" 1 "²" 2 "٣" 3 | len', "3"),
        (f'dict "a{"9" * 5000}" 1 "a2" 2 "a02" 3 "²" 4 | toYaml | trunc 12', "²: 4\na02: 3"),
        ("div 7 2", "3"),
        ('contains "b" "abc"', "true"),
        ('hasPrefix "a" "abc"', "true"),
        ('b64enc "a" | b64dec', "a"),
        ('(fromYaml "a: [1]").a | toJson', "[1]"),
        ('required "needed" "x"', "x"),
        ("toString 1.5", "1.5"),
        ("print 1 nil", "1<nil>"),
    ],
)
def test_functions(evaluate: Evaluate, expression: str, expected: str) -> None:
    assert evaluate("{{ " + expression + " }}") == expected


@pytest.mark.parametrize(
    ("template", "code", "place", "message"),
    [
        ('{{ required "owner is required" .Values.owner }}', "helm-required", "1:22", "owner is required"),
        ('{{ fail "no" }}', "helm-fail", "1:22", "no"),
        ("{{ .Values.a.b }}", "helm-template", "1:22", "nil pointer evaluating interface {}.b"),
        ("{{ eq .Values.number 1 }}", "helm-template", "1:22", "incompatible types for comparison"),
        ('{{ trunc "3" "abc" }}', "helm-template", "1:22", "wrong type of value for trunc"),
        ("{{ lower }}", "helm-template", "1:22", "wrong number of arguments for lower"),
        ("{{ index .Values.l 5 }}", "helm-template", "1:22", "index out of range"),
        ('{{ include "absent" . }}', "helm-template", "1:22", "no template 'absent' is defined"),
        ("{{ $x }}", "helm-template", "1:22", "undefined variable $x"),
        ("{{ .Values.l | range }}", "helm-unsupported", "1:34", "function range"),
    ],
)
def test_faults_say_where(evaluate: Evaluate, template: str, code: str, place: str, message: str) -> None:
    with pytest.raises((InputError, UnsupportedError)) as caught:
        evaluate(template, values="number: 1\nl: [a]")
    assert caught.value.code == code
    assert message in caught.value.message
    assert str(caught.value.where) == f"chart/templates/it.yaml:{place}"


@pytest.mark.parametrize(
    ("template", "construct"),
    [
        ("{{ now }}", "function now"),
        ('{{ lookup "v1" "Secret" "" "x" }}', "function lookup"),
        ("{{ genPrivateKey `rsa` }}", "function genPrivateKey"),
        ("{{ .Capabilities.KubeVersion }}", ".Capabilities"),
        ("{{ .Files.Get `x` }}", ".Files"),
        ("{{ .Chart.Nonsense }}", "built-in field Nonsense"),
        ('{{ block "x" . }}{{ end }}', "block"),
        ("{{ 'a' }}", "character constant"),
        ("{{ 0x1F }}", "number 0x1F"),
        ('{{ printf "%x" 1 }}', "printf verb %x"),
    ],
)
def test_what_is_not_handled_is_named(evaluate: Evaluate, template: str, construct: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        evaluate(template)
    assert construct in caught.value.message
    assert str(caught.value.where).startswith("chart/templates/it.yaml:1:")


@pytest.mark.parametrize(
    "template",
    [
        "{{ if true }}",
        "{{ end }}",
        "{{ else }}",
        "{{ (1 }}",
        "{{ 1) }}",
        "{{ . ",
        "{{ /* a */ }}",
        "{{/* a",
        '{{ "a }}',
        "{{ }}",
        "{{ 1 | 2 }}",
        "{{ range }}x{{ end }}",
        "{{ if true }}{{ define `x` }}{{ end }}{{ end }}",
        "{{ nil }}",
        "{{ ~ }}",
    ],
)
def test_what_is_no_template_is_refused_with_its_place(render: Callable[..., object], template: str) -> None:
    with pytest.raises(InputError) as caught:
        render({"templates/x.yaml": template})
    assert caught.value.code == "helm-template"
    assert str(caught.value.where).startswith("chart/templates/x.yaml")


def test_templates_that_include_each_other_end(evaluate: Evaluate) -> None:
    with pytest.raises(InputError) as caught:
        evaluate('{{ include "a" . }}', helpers='{{ define "a" }}{{ include "a" . }}{{ end }}')
    assert caught.value.code == "helm-recursion"


def test_a_template_that_never_ends_is_stopped(evaluate: Evaluate) -> None:
    with pytest.raises(InputError) as caught:
        evaluate("{{ range 5000 }}{{ range 5000 }}{{ end }}{{ end }}x")
    assert "steps" in caught.value.message
