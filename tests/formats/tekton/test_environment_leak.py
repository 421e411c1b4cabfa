"""A script that prints its environment is found by reading it, and prose about it is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import RefusedError
from interlock.formats.tekton import environment_leak, model, shell
from interlock.formats.tekton.task import Step, TaskSpec

CATALOG = Path(__file__).parents[4] / "shared/conformance/tekton-catalog"

PRINTS = [
    "env",
    "printenv",
    "set",
    "export",
    "export -p",
    "declare -p",
    "declare -x",
    "typeset",
    "readonly -p",
    "env -0",
    "printenv -0",
    "compgen -v",
    "compgen -e",
    "cat /proc/self/environ",
    "cat /proc/$$/environ",
    'tr "\\0" "\\n" < /proc/1/environ',
    "xargs -0 -n1 < /proc/self/environ",
    'python -c "import os; print(os.environ)"',
    "python3 -c 'import os\nfor k,v in os.environ.items(): print(k,v)'",
    'node -e "console.log(process.env)"',
    "node -p process.env",
    "sh -c env",
    "bash -ec 'set -e; env'",
    "eval env",
    'eval "$X; env"',
    'echo "$(env)"',
    "echo `env`",
    "trap 'env' EXIT",
    "sudo env",
    "sudo -u root env",
    "command env",
    "exec env",
    "xargs env",
    "timeout 5 env",
    "timeout -k 1 5 env",
    "nice -n 5 env",
    "busybox env",
    "/usr/bin/env",
    "FOO=1 env",
    "if true; then env; fi",
    "{ env; }",
    "( env )",
    "true && env",
    "env | sort",
    "env | tee x",
    "env >&2",
    "env 2>/dev/null",
    "f() { env; }\nf",
    "case x in a) env;; esac",
    "for i in a; do env; done",
    "env -u FOO",
    "cat <<EOF\n$(env)\nEOF",
    "sh <<EOF\nenv\nEOF",
    'sh <<"EOF"\nenv\nEOF',
    "while read x; do printenv; done",
    "x=$(env)",
    "env > /dev/stdout",
    "! env",
    "time env",
    'bash -c "env"',
    "sh -c 'printenv | sort'",
    "env|sort",
    "env;",
    "env&",
    "echo a\\\n b; env",
    "export -p > /dev/stderr",
    "nohup env",
    "python3 <<EOF\nimport os\nprint(dict(os.environ))\nEOF",
    "#!/usr/bin/env python3\nimport os\nprint(os.environ)",
    "#!/usr/bin/env node\nconsole.log(JSON.stringify(process.env))",
    "diff <(env) <(sort x)",
    "( env ) | cat",
    "perl -e 'print \"$_=$ENV{$_}\\n\" for keys %ENV'",
    "awk 'BEGIN{for(k in ENVIRON)print k,ENVIRON[k]}'",
    "env # hi",
    'env -S "printenv"',
    "bash -lc env",
    "echo hi | env",
    "sudo -E FOO=1 env",
    'cat "/proc/self/environ"',
    "strings /proc/*/environ",
    "function x { env; }; x",
]

FINE = [
    "env VAR=x cmd",
    "env -i",
    "env -i sh",
    "set -e",
    "set -euo pipefail",
    "set -- a b",
    "set +x",
    "# env",
    "echo env",
    'echo "run env to see"',
    "cat <<EOF\nenv\nprintenv\nEOF",
    "printenv HOME",
    "env | grep -q X",
    "env > file",
    "x=$(env | wc -l)",
    "declare -A m",
    "export A=b",
    "local x=1",
    'echo "$PW" | docker login --password-stdin',
    "docker run --env X=1 y",
    "kubectl set env deployment/x A=b",
    "command -v env",
    "which env",
    "type printenv",
    "/usr/bin/env python3 x.py",
    "case $x in env) echo;; printenv|set) y;; esac",
    "for i in env set; do echo $i; done",
    "env() { echo; }",
    "arr=(env set)",
    "[[ $a && env ]]",
    "[ env = env ]",
    "echo 'it is set'",
    "git config set x y",
    "helm env x",
    "go env",
    "npm run env",
    'if [ -z "$X" ]; then echo "set X"; fi',
    "readonly X=1",
    "typeset -i n",
    "declare -p FOO",
    "python -c \"import os; print(os.environ['HOME'])\"",
    "python -c \"import os; print(os.environ.get('X'))\"",
    'python -c "import subprocess,os; subprocess.run([1], env=os.environ)"',
    'node -e "console.log(process.env.HOME)"',
    "node -e 'console.log(process.env[\"A\"])'",
    'echo "see /proc/self/environ"',
    "set -o pipefail",
    "export FOO",
    "export PATH=$PATH:/x",
    "unset X",
    "source .env",
    "cat .env",
    "$(env X=1 sh -c true)",
    "cat <<'EOF'\n$(env)\nEOF",
    "echo $((1+2)); ((x++))",
    "yq e .env file",
    "echo \\\nenv",
    'env "FOO=$x" cmd',
    "env $CMD",
    "make -e",
    "trap - EXIT",
    'trap "" INT',
    "echo 'a' # ; env",
    '"${env}" x',
    "foo; # env\nbar",
    "a=1 b=2",
    'echo "a;env"',
    "if ! grep -q set file; then :; fi",
    'x="$(cat <<EOF\nenv\nEOF\n)"',
]


def errors(script: str) -> list[environment_leak.Finding]:
    return [item for item in environment_leak.of_script(script) if item.severity == "error"]


@pytest.mark.parametrize("script", PRINTS)
def test_what_prints_the_environment_is_found(script: str) -> None:
    assert errors(script)


@pytest.mark.parametrize("script", FINE)
def test_what_does_not_is_left_alone(script: str) -> None:
    assert errors(script) == []


@pytest.mark.parametrize("script", ["set -x", "set -eux", "set -o xtrace", "bash -x run.sh", "#!/bin/sh -x\necho"])
def test_showing_commands_as_they_run_is_a_warning(script: str) -> None:
    assert [item.severity for item in environment_leak.of_script(script)] == ["warning"]


@pytest.mark.parametrize(
    ("command", "args", "found"),
    [
        (["env"], [], True),
        (["sh", "-c"], ["echo a; printenv"], True),
        (["sh", "-c", 'exec "$@"', "--"], ["env"], False),
        (["printenv"], ["HOME"], False),
        (["interlock-toolbox"], ["env"], False),
        (["python3", "-c", "import os; print(dict(os.environ))"], [], True),
    ],
)
def test_commands_are_read_like_scripts(command: list[str], args: list[str], found: bool) -> None:
    step = model.parse(Step, {"image": "x", "command": command, "args": args})
    assert bool(environment_leak.of_step(step)) is found


def test_the_refusal_names_step_line_and_command() -> None:
    steps = [
        {"image": "x", "script": "true"},
        {"name": "show", "image": "x", "script": "#!/bin/sh\necho a\n  printenv -0 | sort\n"},
    ]
    with pytest.raises(RefusedError) as caught:
        environment_leak.refuse(model.parse(TaskSpec, {"steps": steps}))
    assert caught.value.code == "task-prints-environment"
    assert caught.value.message == 'step "step-show" prints its environment: printenv -0 (line 3 of its script)'


def test_what_is_nested_too_deeply_to_be_read_is_refused() -> None:
    script = "sh -c " * 1 + "$(" * 200 + "env" + ")" * 200
    assert errors(script)


def published_steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(CATALOG.glob("*.yaml")):
        pending: list[Any] = list(yaml.safe_load_all(path.read_text()))
        while pending:
            item = pending.pop()
            if isinstance(item, dict):
                if isinstance(item.get("image"), str) and (
                    item.get("script") or item.get("command") or item.get("args")
                ):
                    yield path.name, item
                pending += item.values()
            elif isinstance(item, list):
                pending += item


@pytest.mark.skipif(not CATALOG.is_dir(), reason="the published catalog is not on this machine")
def test_no_false_alarm_on_the_published_catalog() -> None:
    count = 0
    for name, item in published_steps():
        count += 1
        wanted = {"script": item["script"]} if item.get("script") else {}
        wanted |= {key: [str(text) for text in item[key]] for key in ("command", "args") if item.get(key)}
        found = environment_leak.of_step(model.parse(Step, {"image": "x", **wanted}))
        assert all(finding.severity == "warning" and "x" in finding.text for finding in found), (name, found)
    assert count > 100


@given(st.text(alphabet="env \n;|&(){}$`'\"#<>\\=[]acsifordneh!*~", max_size=60))
def test_any_text_is_read_to_its_end(script: str) -> None:
    for command in shell.commands(script):
        assert command.words or command.redirects
        assert 1 <= command.line <= script.count("\n") + 1


@given(st.lists(st.sampled_from(["echo", "a", "b-c", "$x", "'q u'", '"d $y"', "\\ "]), min_size=1, max_size=6))
def test_words_of_a_simple_command_are_kept_apart(words: list[str]) -> None:
    [command] = shell.commands(" ".join(words))
    assert len(command.words) == len(words)
