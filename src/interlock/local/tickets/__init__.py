"""The ticket system: the part of ServiceNow's Table API that change records need, with its rules enforced here.

Tables: ``change_request``, ``sysapproval_approver``, ``sys_audit`` (read), ``sys_user`` (read). `create_app` for tests
and embedding, ``python -m interlock.local.tickets --config FILE`` as a process.
"""

from interlock.local.tickets.accounts import APPROVER, ITIL, User, write_users
from interlock.local.tickets.app import create_app
from interlock.local.tickets.config import Config

__all__ = ["APPROVER", "ITIL", "Config", "User", "create_app", "write_users"]
