"""The platform's one long-running process: level-triggered loops that read the world, decide, and act.

A webhook only wakes a loop; a resync finds the same with every webhook lost. Every act is idempotent and derived from
what forge, clusters, registry, ticket system and ledger say now, so a kill at any moment is finished by the next round.
"""
