"""Run upstream's examples, print the score and write docs/reference/tekton-conformance.md (`make conformance`)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .conformance_suite import corpus, page
from .conformance_suite.suite import UPSTREAM, Suite

PAGE = corpus.ROOT / "docs/reference/tekton-conformance.md"


def main() -> int:
    """Exit code 0: everything that can run passed, or the folder is absent; 1: something differs."""
    folder = corpus.upstream()
    if folder is None:
        print("upstream's examples (../shared/conformance/tekton-examples) are absent: nothing to score")
        print("the project's own examples (examples/tekton) are run by `make test`")
        return 0
    names = corpus.names(folder)
    with tempfile.TemporaryDirectory(prefix="conformance-") as work:
        suite = Suite(folder, names, UPSTREAM, Path(work))
        try:
            verdicts = [suite.verdict(name) for name in names]
        finally:
            suite.close()
    print(page.text(verdicts), end="")
    if corpus.complete(folder):
        PAGE.write_text(page.markdown(verdicts))
        print(f"wrote {PAGE.relative_to(corpus.ROOT)}")
    return 1 if any(verdict.differences for verdict in verdicts) else 0


if __name__ == "__main__":
    raise SystemExit(main())
