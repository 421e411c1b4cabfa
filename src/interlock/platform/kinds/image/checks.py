"""The check of an image delivery's bytes: nothing changes but tag and digest."""

from __future__ import annotations

from interlock.errors import InputError
from interlock.platform.checks import Check
from interlock.platform.checks.files import first_difference
from interlock.platform.checks.reasons import PUSH, Reason, table
from interlock.platform.domain.verdict import Finding
from interlock.platform.estate import layout
from interlock.platform.facts import Facts, case, change, ground, missing

REASONS = table(
    {
        "image-diff-other": Reason("More than tag and digest of the image would change.", PUSH),
        "image-file-invalid": Reason("The values file is not strict YAML with an image of three texts.", PUSH),
    }
)


class ImageTextDiff(Check):
    """Recomputed, not inspected: the base's file with tag and digest set must be the head's file, byte for byte."""

    id = "image-text-diff"
    claim = "Exactly image.tag and image.digest of the environment's values file change, and no other byte."

    def judge(self, facts: Facts) -> Finding:
        found, service = facts.get(change.read), facts.get(case.read).service or ""
        path = layout.values(service, facts.get(ground.environment).name)
        if others := sorted(found.paths - {path}):
            return self.invalid("image-diff-other", f"also changed: {', '.join(others[:3])}")
        if path not in found.before or path not in found.after:
            raise missing(path)
        try:
            image = layout.image_in(found.after[path], file=path)
            expected = layout.set_image(found.before[path], image.tag, image.digest, file=path)
        except InputError as error:
            return self.invalid("image-file-invalid", str(error))
        if expected != found.after[path]:
            return self.invalid("image-diff-other", first_difference(path, expected, found.after[path]))
        registered = facts.get(ground.service)
        if registered is not None and image.repository != registered.image:
            return self.invalid("image-wrong-repository", f"{image.repository}, registered {registered.image}")
        return self.valid(f"{path}: {image.tag}@{image.digest[:19]}")
