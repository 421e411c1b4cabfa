"""Logs of containers: `writing` and following, `reading` parts, `kubelet` (its API for them), `pod_records`."""

from interlock.tekton.engine.logs.writing import BOARD, Board, LogWriter, Times, path_of

__all__ = ["BOARD", "Board", "LogWriter", "Times", "path_of"]
