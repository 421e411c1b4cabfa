"""Fixed scripts, run: the same for harmless values, and nothing of a hostile value runs."""
# ruff: noqa: E501 - tables of pieces

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.formats import yaml
from interlock.tekton.engine.images import Images
from interlock.tekton.engine.images.tools import Machine
from interlock.tekton.spec import injection

Sandbox: TypeAlias = Any

HARMLESS = ["value", "main", "v1.2.3", "feature/x-y_z", "42"]
HOSTILE = [
    "$(touch /tmp/pwned)",
    "`touch /tmp/pwned`",
    '"; touch /tmp/pwned; echo "',
    "'; touch /tmp/pwned; echo '",
    "a\ntouch /tmp/pwned\n",
    "x; touch /tmp/pwned #",
    "x && touch /tmp/pwned",
    "EOF\ntouch /tmp/pwned\n",
    "${IFS}$(touch${IFS}/tmp/pwned)",
    '" + str(__import__("os").system("touch /tmp/pwned")) + "',
    "' + require('child_process').execSync('touch /tmp/pwned') + '",
    "${require(`child_process`).execSync(`touch /tmp/pwned`)}",
]
SHELL = r"""
set -e
echo one $(params.x) two
echo "three $(params.x)"
echo 'four $(params.x) five'
y=$(params.x)
echo "six $y $(printf '%s' $(params.x))"
cat <<EOF
seven $(params.x)
EOF
cat <<'EOF'
eight $(params.x) $HOME `date` \ \$
EOF
# nine $(params.x)
case $(params.x) in
  $(params.x)) echo ten ;;
esac
if [ "$(params.x)" = '$(params.x)' ]; then echo eleven; fi
sh -c 'echo twelve "$(params.x)"'
echo "${NONE:-$(params.x)}" ${NONE:-$(params.x)}
env A=$(params.x) sh -c 'echo thirteen "$A"'
for word in $(params.x); do echo "fourteen $word"; done
"""
BASH = r"""#!/usr/bin/env bash
[[ $(params.x) == "$(params.x)" ]] && echo same
list=(a $(params.x))
echo "${list[1]}" $'\t$(params.x)\t'
cat <<< "$(params.x)"
"""
PYTHON = r"""#!/usr/bin/env python3
# $(params.x)
value = "$(params.x)"
print(value, 'in $(params.x)', f"f $(params.x) {value}", r"raw $(params.x)")
print('''lines
$(params.x)''', "beside "
      "$(params.x)")
"""
NODE = r"""#!/usr/bin/env node
// $(params.x)
const value = '$(params.x)';
console.log(value, "in $(params.x)", `template $(params.x) ${value}`);
"""
SCRIPTS = {"ubuntu": SHELL, "alpine": SHELL, "bash": BASH, "python": PYTHON, "node": NODE}


@pytest.fixture
def images(sandbox: Sandbox) -> Images:
    toolbox = {"name": "t", "version": "0", "digest": "sha256:0"}
    machine = Machine.this(os.environ.get("PATH", ""))
    return Images(sandbox.system, sandbox.folder / "store", toolbox=toolbox, machine=machine)


def fixed(image: str, script: str) -> dict[str, Any]:
    """The step after the fix."""
    text = f"steps:\n  - image: {image}\n    script: |\n" + textwrap.indent(script, "      ")
    done = injection.fix(text)
    assert done.left == ()
    step: dict[str, Any] = yaml.load(done.text, file="test").value["steps"][0]
    return step


def substituted(text: str, value: str) -> str:
    """As Tekton substitutes."""
    return text.replace("$(params.x)", value)


def run(sandbox: Sandbox, images: Images, image: str, script: str, env: Mapping[str, str]) -> tuple[int, str]:
    root = images.root(image, script=script, command=())
    done = sandbox.run(root, script=script, environment=env)
    return done.returncode, done.stdout


def needed(image: str) -> None:
    tool = {"alpine": "busybox", "bash": "busybox", "node": "node", "ubuntu": "dash"}.get(image, "sh")
    if shutil.which(tool, path="/usr/local/bin:/usr/bin:/bin") is None:
        pytest.skip(f"no {tool} on this machine")


@pytest.mark.parametrize("image", SCRIPTS)
def test_a_harmless_value_does_what_it_did(sandbox: Sandbox, images: Images, image: str) -> None:
    needed(image)
    step = fixed(image, SCRIPTS[image])
    for value in HARMLESS:
        before = run(sandbox, images, image, substituted(SCRIPTS[image], value), {})
        env = {item["name"]: substituted(item["value"], value) for item in step["env"]}
        assert before[0] == 0
        assert run(sandbox, images, image, step["script"], env) == before, value


@pytest.mark.parametrize("image", SCRIPTS)
def test_nothing_of_a_hostile_value_runs(sandbox: Sandbox, images: Images, image: str) -> None:
    needed(image)
    step = fixed(image, SCRIPTS[image])
    for value in HOSTILE:
        env = {item["name"]: substituted(item["value"], value) for item in step["env"]}
        code, output = run(sandbox, images, image, step["script"], env)
        assert not (sandbox.folder / "tmp" / "pwned").exists(), value
        assert code == 0, value
        assert value.split("\n")[0] in output, value


def test_the_unfixed_scripts_do_run_them(sandbox: Sandbox, images: Images) -> None:
    """The values are hostile, each in some language."""
    harmless = []
    marker: Path = sandbox.folder / "tmp" / "pwned"
    for value in HOSTILE:
        ran = False
        for image in ("ubuntu", "python", "node"):
            if image == "node" and shutil.which("node") is None:
                continue
            marker.unlink(missing_ok=True)
            run(sandbox, images, image, substituted(SCRIPTS[image], value), {})
            ran = ran or marker.exists()
        if not ran:
            harmless.append(value)
    assert harmless == []


_pieces = st.sampled_from(
    ["$(params.x)", "$(params.x)", "$(params.x)", " ", "\n", "echo ", '"', "'", "a", "\\", "$Y", "${Y:-", "}", "$(echo ",
     ")", "`echo ", "`", "<<EOF\n", "EOF\n", "<<'E'\n", "\nE\n", "#", " ;", " && ", "if true; then ", "; fi\n", "case a in ",
     ") echo b;;", " esac\n", "(", "{ ", "; }\n", "x=", "for i in ", "; do echo $i; done\n", "$((1+", "))", "[ ", " ]",
     "f() { ", "$'", "=", "~", " > /dev/null", "<<-T\n", "\tT\n", "!"]
)  # fmt: skip
_values = st.sampled_from(
    ["$(>pwned)", "`>pwned`", '";>pwned;"', "';>pwned;'", "a\n>pwned\n", "x;>pwned #", ")\n>pwned\n(", "\nEOF\n>pwned\n",
     "\nE\n>pwned\n", "}>pwned;{", "\\\n>pwned\n", ";;esac;>pwned;"]
)  # fmt: skip


@pytest.mark.skipif(not Path("/usr/bin/dash").exists(), reason="no dash on this machine")
@settings(max_examples=150, deadline=None)
@given(st.lists(_pieces, min_size=2, max_size=14).map("".join), st.lists(_values, min_size=1, max_size=3))
def test_whatever_the_script_a_hostile_value_runs_nothing(script: str, values: list[str]) -> None:
    done = injection.fix(yaml.dump({"steps": [{"image": "a", "script": script}]}))
    step = yaml.load(done.text, file="test").value["steps"][0]
    if done.left or "env" not in step:
        return
    for value in values:
        with tempfile.TemporaryDirectory() as folder:
            env = {"PATH": "/nowhere", **{item["name"]: value for item in step["env"]}}
            subprocess.run(
                ["/usr/bin/dash", "-c", step["script"]],
                env=env, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False,
            )  # fmt: skip
            assert not Path(folder, "pwned").exists()
