"""The life of a standalone run: start, tell when ready, drain at the first signal, end at the second."""

import asyncio
import logging
import os
import signal
import sys

from fairlead_operator.cli.banner import banner_of
from fairlead_operator.cli.logs import LogFormat
from fairlead_operator.cluster.local_cluster import LocalCluster
from fairlead_operator.cluster.local_settings import LocalSettings
from fairlead_operator.price_book.shelf import Shelf
from fairlead_operator.reconciler import Reconciler

log = logging.getLogger(__name__)


async def run_standalone(settings: LocalSettings) -> int:
    """Run until a signal comes; return the exit code. Raises StartRefused."""
    cluster = LocalCluster(settings, environ=os.environ)
    signals = _Signals(cluster)
    await cluster.start()
    for line in cluster.problems:
        log.warning("a file is not in force", extra={"problem": line})
    reconciling = asyncio.create_task(Reconciler(cluster, shelf=Shelf()).run(), name="reconcile")
    telling = asyncio.create_task(_tell_when_ready(cluster, settings), name="tell when ready")
    ending = asyncio.create_task(signals.first.wait(), name="wait for a signal")
    try:
        await asyncio.wait((reconciling, ending), return_when=asyncio.FIRST_COMPLETED)
        if not ending.done():
            log.error("the reconciler ended", exc_info=reconciling.exception())
        return 0 if ending.done() else 1
    finally:
        for task in (reconciling, telling, ending):
            task.cancel()
        await asyncio.gather(reconciling, telling, ending, return_exceptions=True)
        await cluster.stop()


class _Signals:
    """SIGINT, SIGTERM and SIGHUP: the first lets calls end, the second ends them."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.first = asyncio.Event()
        self._cluster = cluster
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._take)

    def _take(self) -> None:
        if self.first.is_set():
            log.info("ending at once")
            self._cluster.kill()
            return
        log.info("draining: calls in flight may end; a second signal ends them now")
        self.first.set()


async def _tell_when_ready(cluster: LocalCluster, settings: LocalSettings) -> None:
    await cluster.wait_ready()
    if settings.log_format == LogFormat.JSON:
        addresses = {"listen": cluster.address_of(cluster.gateway), "admin": cluster.admin_address}
        log.info("ready", extra={"gateway": cluster.gateway, **addresses})
    else:
        print(banner_of(cluster, settings), file=sys.stderr, flush=True)
