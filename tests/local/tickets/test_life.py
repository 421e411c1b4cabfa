"""The life of a change record: who may do what, and what the platform keeps of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interlock.clients.tickets import ChangeRequest, State
from interlock.errors import ConflictError, InputError, NotFoundError, RefusedError

START = datetime(2026, 5, 4, 14, 0, tzinfo=UTC)
FIELDS: dict[str, Any] = {
    "short_description": "payments: main-0123456789ab to prod",
    "description": "digest sha256:…",
    "requested_by": "dana",
    "cmdb_ci": "payments",
    "correlation_id": "acme/env-prod#7",
    "start_date": START,
    "end_date": START + timedelta(hours=2),
    "justification": "why",
    "implementation_plan": "how",
    "backout_plan": "back",
    "test_plan": "test",
}


def opened(as_: Any, **changes: Any) -> ChangeRequest:
    record: ChangeRequest = as_("interlock").create({**FIELDS, **changes})
    return record


def asked(as_: Any, **changes: Any) -> ChangeRequest:
    record: ChangeRequest = as_("interlock").request_approval(opened(as_, **changes).sys_id)
    return record


def approved(as_: Any, **changes: Any) -> ChangeRequest:
    record: ChangeRequest = as_("carol").approve(asked(as_, **changes).number, "go")
    return record


def move(as_: Any, record: ChangeRequest, state: State, **values: str) -> ChangeRequest:
    found: ChangeRequest = as_("interlock").update(record.sys_id, {"state": str(state.value), **values})
    return found


def test_a_record_is_opened(as_: Any) -> None:
    record = opened(as_)
    assert record.number == "CHG0030001"
    assert (record.state, record.approval, record.type) == (State.NEW, "not requested", "normal")
    assert (record.requested_by, record.opened_by) == ("dana", "interlock")
    assert (record.start, record.end) == (START, START + timedelta(hours=2))
    assert (record.cmdb_ci, record.on_hold, record.conflict_status) == ("payments", False, "Not Run")
    assert record.mod_count == 0
    assert opened(as_).number == "CHG0030002"
    assert as_("pat").get("CHG0030001") == record
    assert as_("pat").find({"correlation_id": "acme/env-prod#7", "cmdb_ci": "payments"})[0] == record


def test_the_whole_way_to_closed(as_: Any) -> None:
    platform = as_("interlock")
    record = asked(as_)
    assert (record.state, record.approval) == (State.AUTHORIZE, "requested")
    assert {(row.approver, row.state) for row in platform.approvals(record.sys_id)} == {
        ("carol", "requested"),
        ("chris", "requested"),
    }
    record = as_("carol").approve(record.number, "reviewed")
    assert (record.state, record.approval) == (State.SCHEDULED, "approved")
    rows = {row.approver: row for row in platform.approvals(record.sys_id)}
    assert (rows["carol"].state, rows["carol"].comments) == ("approved", "reviewed")
    assert rows["chris"].state == "not_required"
    assert platform.implement(record.sys_id).state == State.IMPLEMENT
    record = platform.close(record.sys_id, notes="sealed as 0123")
    assert (record.state, record.close_code) == (State.CLOSED, "successful")
    assert platform.close(record.sys_id, notes="again") == record


def test_closing_at_once_goes_through_every_state(as_: Any) -> None:
    record = as_("interlock").close(approved(as_).sys_id, notes="done")
    states = [row.new for row in as_("interlock").history(record.sys_id) if row.field_name == "state"]
    assert states == ["-4", "-3", "-2", "-1", "0", "3"]


def test_asking_and_answering_again_changes_nothing(as_: Any) -> None:
    record = asked(as_)
    assert as_("interlock").request_approval(record.sys_id) == record
    record = as_("carol").approve(record.number, "go")
    assert as_("carol").approve(record.number, "go") == record


def test_a_rejection_sends_it_back(as_: Any) -> None:
    record = as_("carol").reject(asked(as_).number, "not in the freeze")
    assert (record.state, record.approval) == (State.NEW, "rejected")
    with pytest.raises(ConflictError) as caught:
        as_("interlock").close(record.sys_id, notes="x")
    assert caught.value.code == "ticket-not-approved"
    record = as_("interlock").request_approval(record.sys_id)
    assert record.approval == "requested"
    assert as_("carol").approve(record.number).approval == "approved"


def test_a_rejection_needs_words(as_: Any) -> None:
    with pytest.raises(InputError, match="comments"):
        as_("carol").reject(asked(as_).number, " ")


class TestWhoMayApprove:
    def test_only_who_has_the_role(self, as_: Any) -> None:
        record = asked(as_)
        for name in ("dana", "pat", "interlock"):
            with pytest.raises(RefusedError) as caught:
                as_(name).approve(record.number)
            assert caught.value.code == "ticket-approval-not-requested"

    def test_only_what_was_asked(self, as_: Any) -> None:
        with pytest.raises(RefusedError) as caught:
            as_("carol").approve(opened(as_).number)
        assert caught.value.code == "ticket-approval-not-requested"

    def test_never_the_own_record(self, as_: Any) -> None:
        for record in (asked(as_, requested_by="chris"), as_("interlock").request_approval(
            as_("chris").create({**FIELDS, "requested_by": "dana"}).sys_id
        )):  # fmt: skip
            assert {row.approver for row in as_("pat").approvals(record.sys_id)} == {"carol"}
            with pytest.raises(RefusedError):
                as_("chris").approve(record.number)

    def test_not_even_by_becoming_the_requester_later(self, as_: Any, http: Any) -> None:
        record = asked(as_)
        as_("interlock").update(record.sys_id, {"requested_by": "chris"})
        with pytest.raises(RefusedError) as caught:
            as_("chris").approve(record.number)
        assert "own change" in str(caught.value)

    def test_not_for_somebody_else(self, as_: Any, http: Any) -> None:
        record = asked(as_)
        row = next(row for row in as_("dana").approvals(record.sys_id) if row.approver == "carol")
        answer = http.patch(f"sysapproval_approver/{row.sys_id}", json={"state": "approved"})
        assert answer.status_code == 403
        assert as_("dana").get(record.number).approval == "requested"

    def test_not_twice(self, as_: Any) -> None:
        record = approved(as_)
        with pytest.raises(RefusedError):
            as_("carol").reject(record.number, "changed my mind")
        with pytest.raises(RefusedError):
            as_("chris").approve(record.number)

    def test_not_by_writing_the_summary(self, as_: Any) -> None:
        record = asked(as_)
        with pytest.raises(InputError, match="approval cannot be set"):
            as_("interlock").update(record.sys_id, {"approval": "approved"})

    def test_somebody_must_be_there_to_ask(self, as_: Any, config: Any, serve: Any) -> None:
        from interlock.clients.tickets import TicketsClient
        from interlock.local.tickets import APPROVER, ITIL, User, write_users

        write_users(config.users, [User(name="solo", token="token-of-solo-0123", roles=(ITIL, APPROVER))])
        with serve(config) as url, TicketsClient(url, "token-of-solo-0123") as solo:
            record = solo.create({"short_description": "x"})
            with pytest.raises(RefusedError, match="nobody can be asked"):
                solo.request_approval(record.sys_id)


class TestStates:
    @pytest.mark.parametrize("state", [State.AUTHORIZE, State.SCHEDULED, State.IMPLEMENT, State.REVIEW, State.CLOSED])
    def test_a_new_record_does_not_jump(self, state: State, as_: Any) -> None:
        with pytest.raises(RefusedError):
            move(as_, opened(as_), state)

    @pytest.mark.parametrize("state", [State.SCHEDULED, State.IMPLEMENT, State.CLOSED])
    def test_nothing_happens_without_the_approval(self, state: State, as_: Any) -> None:
        with pytest.raises(RefusedError):
            move(as_, asked(as_), state)

    def test_a_record_is_not_born_approved(self, as_: Any) -> None:
        with pytest.raises(RefusedError):
            opened(as_, state="-2")
        with pytest.raises(InputError):
            opened(as_, approval="approved")

    def test_on_hold_waits(self, as_: Any) -> None:
        record = approved(as_)
        as_("interlock").update(record.sys_id, {"on_hold": "true"})
        with pytest.raises(RefusedError):
            move(as_, record, State.IMPLEMENT)
        assert move(as_, record, State.IMPLEMENT, on_hold="false").state == State.IMPLEMENT

    @pytest.mark.parametrize("state", list(State)[:-2])
    def test_closed_stays_closed(self, state: State, as_: Any) -> None:
        record = as_("interlock").close(approved(as_).sys_id, notes="done")
        with pytest.raises(RefusedError):
            move(as_, record, state)

    def test_a_closed_record_takes_notes_only(self, as_: Any) -> None:
        record = as_("interlock").close(approved(as_).sys_id, notes="done")
        with pytest.raises(RefusedError):
            as_("interlock").update(record.sys_id, {"description": "another story"})
        assert "seen" in as_("interlock").update(record.sys_id, {"work_notes": "seen"}).raw["work_notes"]

    def test_closing_needs_code_and_notes(self, as_: Any) -> None:
        record = move(as_, move(as_, approved(as_), State.IMPLEMENT), State.REVIEW)
        with pytest.raises(InputError, match="mandatory"):
            move(as_, record, State.CLOSED)
        with pytest.raises(InputError, match="mandatory"):
            move(as_, record, State.CLOSED, close_code="successful", close_notes=" ")

    def test_a_canceled_record_is_dead(self, as_: Any) -> None:
        record = as_("interlock").cancel(asked(as_).sys_id, reason="superseded")
        assert (record.state, record.approval) == (State.CANCELED, "requested")
        assert {row.state for row in as_("pat").approvals(record.sys_id)} == {"cancelled"}
        with pytest.raises(RefusedError):
            as_("carol").approve(record.number)
        assert as_("interlock").cancel(record.sys_id, reason="again") == record

    def test_a_standard_change_is_approved_beforehand(self, as_: Any) -> None:
        record = move(as_, opened(as_, type="standard"), State.SCHEDULED)
        assert (record.approval, as_("pat").approvals(record.sys_id)) == ("approved", [])

    def test_an_emergency_change_skips_the_assessment(self, as_: Any) -> None:
        record = as_("interlock").request_approval(opened(as_, type="emergency").sys_id)
        states = [row.new for row in as_("pat").history(record.sys_id) if row.field_name == "state"]
        assert states == ["-3"]

    def test_the_type_is_fixed_after_new(self, as_: Any) -> None:
        with pytest.raises(RefusedError, match="type"):
            as_("interlock").update(asked(as_).sys_id, {"type": "standard"})


class TestWhatIsKept:
    def test_a_change_of_the_plan_after_the_approval_is_seen(self, as_: Any) -> None:
        before = approved(as_)
        after = as_("dana").update(before.sys_id, {"implementation_plan": "something else"})
        assert after.approval == "approved"
        assert after.mod_count == before.mod_count + 1
        assert after.plan_digest() != before.plan_digest()
        last = as_("pat").history(before.sys_id)[-1]
        assert (last.field_name, last.old, last.new) == ("implementation_plan", "how", "something else")
        assert (last.user, last.checkpoint) == ("dana", after.mod_count)
        (said,) = [row for row in as_("pat").approvals(before.sys_id) if row.state == "approved"]
        assert last.on is not None
        assert said.updated_on is not None
        assert last.on > said.updated_on

    def test_states_and_notes_are_no_change_of_the_plan(self, as_: Any) -> None:
        before = approved(as_)
        after = as_("interlock").update(before.sys_id, {"state": "-1", "work_notes": "started"})
        assert after.plan_digest() == before.plan_digest()

    def test_writing_what_is_there_is_no_change(self, as_: Any) -> None:
        record = opened(as_)
        assert as_("interlock").update(record.sys_id, {"description": record.description}) == record
        assert as_("pat").history(record.sys_id) == []

    def test_the_history_is_nobodys_to_write(self, as_: Any, http: Any) -> None:
        as_("interlock").update(opened(as_).sys_id, {"description": "x"})
        row = http.get("sys_audit").json()["result"][0]
        assert http.patch(f"sys_audit/{row['sys_id']}", json={"newvalue": "y"}).status_code in (400, 403)
        assert http.post("sys_audit", json={}).status_code == 403
        assert http.delete(f"sys_audit/{row['sys_id']}").status_code == 405
        assert http.delete(f"change_request/{row['documentkey']}").status_code == 405

    def test_notes_are_kept_with_who_and_when(self, as_: Any) -> None:
        record = opened(as_, work_notes="first")
        record = as_("dana").update(record.sys_id, {"work_notes": "second"})
        notes = record.raw["work_notes"]
        assert notes.index("second") < notes.index("first")
        assert "dana (Work notes)" in notes

    def test_everything_is_there_after_a_restart(self, config: Any, serve: Any) -> None:
        from interlock.clients.tickets import TicketsClient

        with serve(config) as url, TicketsClient(url, "token-of-interlock") as tickets:
            record = tickets.request_approval(tickets.create(FIELDS).sys_id)
        with serve(config) as url, TicketsClient(url, "token-of-carol-012") as tickets:
            assert tickets.get(record.number) == record
            assert tickets.approve(record.number).approval == "approved"
        with serve(config) as url, TicketsClient(url, "token-of-interlock") as tickets:
            assert tickets.create(FIELDS).number == "CHG0030002"


def test_who_may_write(as_: Any) -> None:
    for name in ("carol", "pat"):
        with pytest.raises(RefusedError) as caught:
            as_(name).create(FIELDS)
        assert caught.value.code == "tickets-forbidden"
        with pytest.raises(RefusedError):
            as_(name).update(opened(as_).sys_id, {"description": "x"})


def test_a_record_that_is_not_there(as_: Any) -> None:
    with pytest.raises(NotFoundError) as caught:
        as_("pat").get("CHG0099999")
    assert caught.value.code == "ticket-not-found"
    with pytest.raises(NotFoundError):
        as_("pat").read("0" * 32)


def test_an_unknown_requester(as_: Any) -> None:
    with pytest.raises(NotFoundError) as caught:
        opened(as_, requested_by="nobody")
    assert caught.value.code == "ticket-user-unknown"


def test_a_window_ends_after_it_starts(as_: Any) -> None:
    with pytest.raises(InputError, match="end_date"):
        opened(as_, end_date=START - timedelta(hours=1))
    with pytest.raises(InputError, match="end_date"):
        as_("interlock").update(opened(as_).sys_id, {"end_date": START - timedelta(hours=1)})
