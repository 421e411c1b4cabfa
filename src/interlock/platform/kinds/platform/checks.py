"""The checks of an edit of the platform repo: what it gives is whole, and somebody can change it again."""

from __future__ import annotations

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.platform.checks import Check, lockout
from interlock.platform.checks.files import first_difference
from interlock.platform.checks.reasons import PUSH, Reason, table
from interlock.platform.domain.people import Person
from interlock.platform.domain.verdict import Finding
from interlock.platform.estate import Estate, lint
from interlock.platform.facts import Facts, change, edit, ground, missing

REASONS = table(
    {
        "platform-broken": Reason("What the merge gives is no estate that can be read.", PUSH),
        "platform-check-unknown": Reason(
            "checks.yaml would name a check that this version of the software does not have.",
            "leave it out, or run the version that has it first",
        ),
        "platform-path-unknown": Reason(
            "A golden path would be named that this software does not have, or whose Pipeline is not in the catalog.",
            "name one that there is, with its Pipeline",
        ),
        "catalog-lint": Reason("A task of the catalog would break its rules.", PUSH),
        "platform-generated-differs": Reason(
            "An object of Argo CD is not what is generated of the edited values.",
            "`interlock platform edit` generates them; do not write them by hand",
        ),
        "platform-key-fixed": Reason(
            "The seal key, the forge's and the genesis key are trust roots that no edit of the platform repo changes.",
            "leave the file as it is",
        ),
        "platform-key-invalid": Reason(
            "A key file would hold something else than public keys.",
            "ECDSA P-256 public keys in PEM, the current first",
        ),
        "key-overlap-short": Reason(
            "A key would go before its successor has stood beside it for as long as `keys.overlap` says.",
            "add the successor first, and take the old key out when the overlap is over",
        ),
        "platform-fixed": Reason(
            "What the estate is called would change: everything that was sealed names it so.",
            "leave the field as it is",
        ),
        "person-removed": Reason(
            "An entry of people.yaml would be gone, and nobody could say whose commits those were.",
            "`interlock person leave` ends it with validUntil; the id is never anybody else's",
        ),
        "person-moved": Reason(
            "An account or key of one person would be another's: two people would be one, or one would be two.",
            "give the other person accounts and keys of their own",
        ),
        "person-reused": Reason(
            "The id of a person would be somebody else's: nothing by which they were known is left.",
            "choose another id; change accounts, keys and address of one person one after the other",
        ),
        "freeze-past": Reason(
            "A freeze that is over would be another, or one would be said to have been.",
            "leave freezes that are over as they are, or take them out",
        ),
        "estate-locked-out": Reason(
            "Afterwards nobody could approve the next change of the platform.",
            "keep enough people of the platform's team: those who must approve, and one who asks",
        ),
    }
)
_KINDS = ("Task", "Pipeline")


def _after(facts: Facts) -> Estate:
    """Raises NotFoundError ``fact-missing`` where it does not load, which another check says."""
    found = facts.get(edit.read).after
    if found is None:
        raise missing("the estate after the merge")
    return found


class Loads(Check):
    id = "platform-loads"
    claim = "What the merge gives is a whole estate: its files agree, and checks and golden paths that it names exist."

    def judge(self, facts: Facts) -> Finding:
        found = facts.get(edit.read)
        if found.after is None:
            return self.invalid("platform-broken", found.problem)
        if unknown := facts.get(edit.unknown_checks):
            return self.invalid("platform-check-unknown", ", ".join(unknown[:3]))
        paths = found.after.platform.golden_paths
        named = {f"{edit.CATALOG}pipelines/{item.pipeline}.yaml" for item in paths}
        if paths == found.before.platform.golden_paths:
            named &= facts.get(change.read).paths  # what this edit has no part in is not its fault
        else:
            try:
                facts.get(edit.pipelines)
            except InputError as error:
                return self.invalid("platform-path-unknown", str(error))
        if named and (absent := sorted(named - facts.get(edit.catalog).keys())):
            return self.invalid("platform-path-unknown", f"{absent[0]} is missing")
        return self.valid(f"{len(found.after.services)} services, {len(found.after.people.persons)} people")


class CatalogLint(Check):
    """Whatever stands in the catalog is applied to the hub: tasks by the rules of tasks, and nothing but pipelines
    beside them."""

    id = "catalog-lint"
    claim = "Every file of the catalog that changes holds tasks and pipelines, and its tasks keep their rules."

    def judge(self, facts: Facts) -> Finding:
        found = facts.get(edit.read)
        before, toolbox = found.before.platform.toolbox, _after(facts).platform.toolbox
        changed = {item.path for item in facts.get(edit.differences) if item.path.startswith(edit.CATALOG)}
        files = facts.get(edit.catalog) if changed or toolbox != before else {}
        if toolbox != before:
            changed |= files.keys()
        for path in sorted(changed):
            if (problem := self._problem(path, files.get(path), toolbox)) is not None:
                return self.invalid("catalog-lint", problem)
        return self.valid(f"{len(changed)} files")

    def _problem(self, path: str, data: bytes | None, toolbox: str | None) -> str | None:
        if data is None:
            return None
        try:
            documents = [item.value for item in yaml.load_all(data, file=path)]
        except InputError as error:
            return str(error)
        other = [item for item in documents if not isinstance(item, dict) or item.get("kind") not in _KINDS]
        if other or not documents:
            return f"{path}: not all of it are tasks and pipelines"
        if any(_embeds(item) for item in documents):
            return f"{path}: a pipeline brings a task of its own; name one of the catalog"
        found = lint.lint((item for item in documents if item["kind"] == "Task"), toolbox=toolbox)
        return f"{path}: {found[0].task}: {found[0].code}: {found[0].detail}" if found else None


def _embeds(value: object) -> bool:
    """Whether something in it is specified where it is used: no rule of tasks is asked of that."""
    if isinstance(value, dict):
        return bool(value.keys() & {"taskSpec", "pipelineSpec"}) or any(map(_embeds, value.values()))
    return isinstance(value, list) and any(map(_embeds, value))


class ObjectsGenerated(Check):
    id = "platform-generated"
    claim = "Argo CD's objects are, byte for byte, those that are generated of the edited values."

    def judge(self, facts: Facts) -> Finding:
        _after(facts)
        found = facts.get(edit.generated)
        for path, data in found.expected.items():
            present = found.present.get(path)
            if present == data:
                continue
            told = f"{path} is {'none of them' if data is None else 'missing'}"
            if data is not None and present is not None:
                told = first_difference(path, data, present)
            return self.invalid("platform-generated-differs", told)
        return self.valid(f"{len(found.expected)} of them change")


class KeysFixed(Check):
    id = "platform-roots"
    claim = "Trust roots and the names of the estate stay."

    def judge(self, facts: Facts) -> Finding:
        before, after = facts.get(edit.read).before, _after(facts)
        keys = [name for name in ("seal", "forge") if getattr(before.keys, name) != getattr(after.keys, name)]
        if keys:
            return self.invalid("platform-key-fixed", ", ".join(f"keys/{name}.asc" for name in keys))
        if before.keys.genesis not in (None, after.keys.genesis):
            return self.invalid("platform-key-fixed", "keys/genesis.pub")
        old, new = ((x.organisation, x.git, x.platform.repository) for x in (before.platform, after.platform))
        if old != new:
            return self.invalid("platform-fixed", f"{' '.join(new)}, was {' '.join(old)}")
        named = {item.name: item.namespaces for item in before.platform.environments}
        for item in after.platform.environments:
            if item.namespaces != named.get(item.name, item.namespaces):
                return self.invalid("platform-fixed", f"{item.name}: namespaces {item.namespaces}")
        return self.valid()


class GenesisKey(Check):
    """Always valid: it is there to be read, in the decision and whatever tells of it."""

    id = "genesis-key"
    claim = "If nobody approves the edit, the estate's offline genesis key signed it, and that is said."

    def judge(self, facts: Facts) -> Finding:
        used = facts.get(change.genesis)
        return self.valid("SIGNED BY THE GENESIS KEY, APPROVED BY NOBODY" if used else "not used")


class KeysOverlap(Check):
    """What the old key signed is still on its way when the new one comes."""

    id = "keys-overlap"
    claim = "Keys of releases and statements are replaced with an overlap."

    def judge(self, facts: Facts) -> Finding:
        overlap, now = facts.get(edit.read).before.platform.keys.overlap, facts.get(ground.moment)
        for item in facts.get(edit.rotations):
            if item.problem:
                return self.invalid("platform-key-invalid", f"{item.path}: {item.problem}")
            since = item.since.get(item.after[0])
            if set(item.before) - set(item.after) and (since is None or now < since + overlap):
                told = f"was sealed at {since.isoformat()}" if since else "comes with this edit"
                return self.invalid("key-overlap-short", f"{item.path}: its successor {told}")
        return self.valid()


class PeopleApart(Check):
    """What is known of earlier people is the file itself: so entries end, and are never taken out."""

    id = "people-apart"
    claim = "Everybody stays who they were: no entry goes, no account or key changes hands, no id is given again."

    def judge(self, facts: Facts) -> Finding:
        before, after = facts.get(edit.read).before.people, _after(facts).people
        there = {item.id: item for item in after.persons}
        for person in before.persons:
            now = there.get(person.id)
            if now is None:
                return self.invalid("person-removed", person.id)
            if _marks(person) and not _marks(person) & _marks(now):
                return self.invalid("person-reused", person.id)
        owner = {mark: item.id for item in before.persons for mark in _held(item)}
        for person in after.persons:
            for mark in sorted(_held(person)):
                if owner.get(mark, person.id) != person.id:
                    return self.invalid("person-moved", f"{' '.join(mark)}: {owner[mark]} and {person.id}")
        return self.valid(f"{len(after.persons)} people")


def _held(person: Person) -> frozenset[tuple[str, str]]:
    """Accounts and keys."""
    keys = {("key", item) for item in person.key_fingerprints}
    return frozenset({(str(system), login) for system, login in person.accounts} | keys)


def _marks(person: Person) -> frozenset[tuple[str, str]]:
    """By what a person is known again."""
    return _held(person) | {("email", person.email.casefold())}


class FreezesPast(Check):
    id = "freezes-past"
    claim = "What was frozen was frozen: freezes that are over stay, or leave the file."

    def judge(self, facts: Facts) -> Finding:
        before, after = facts.get(edit.read).before.platform.freezes, _after(facts).platform.freezes
        now = facts.get(ground.moment)
        gone = {item.name for item in before if item.end <= now and item not in after}
        for item in after:
            if item not in before and (item.end <= now or item.name in gone):
                return self.invalid("freeze-past", item.name)
        return self.valid()


class Unlocked(Check):
    """Whoever asks does not count, so one more than those who must approve; and who decides on a record, where one may
    be asked for. Also at the times when an entry of people.yaml begins or ends."""

    id = "platform-unlocked"
    claim = "Whoever of the platform's team asks for the next change, others can approve it."

    def judge(self, facts: Facts) -> Finding:
        before, after = facts.get(edit.read).before, _after(facts)
        now = facts.get(ground.moment)
        for at in (now, *lockout.turns(after.people, now)):
            problem = lockout.of(after, at)
            if problem and not (at > now and lockout.of(before, at)):
                return self.invalid("estate-locked-out", problem)
        return self.valid()
