"""Makes worker processes quickly: everything is imported once, and each worker is a fork of this.

Reads objects from standard input, one a line: variables of the environment. For each it forks a worker
and prints its process id. A worker is the real one, :func:`orchestrator.worker.process.work`, but for a
router that is there already.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import router
from orchestrator.kit.logs import configure_logging
from orchestrator.kit.settings import load_settings
from orchestrator.worker.process import work
from orchestrator.worker.work import warm_up
from router import Category, HashingEmbedder, Taxonomy, build_router

TAXONOMY = Taxonomy((Category("general", "General", "Everything."),))


def main() -> None:
    made = build_router(TAXONOMY, HashingEmbedder(), name="test")
    router.starter_router = lambda: made
    import celery.signals  # noqa: F401

    warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.environ.update(json.loads(line))
            with Path(os.environ["COE_DATA_DIR"], "workers.log").open("a") as log:
                os.dup2(log.fileno(), sys.stderr.fileno())
            settings = load_settings()
            configure_logging(settings)
            work(settings)
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
