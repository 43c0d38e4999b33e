"""Which provider's key is more than a header, and who signs with it: one signer for each key, kept over swaps."""

import asyncio
import hashlib
import importlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.names import ProviderType
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.signing.entra import fetch_entra_token
from fairlead_proxy.upstream.signing.key_material import (
    AccessKeys,
    ServiceAccount,
    describes_itself,
    read_access_keys,
    read_app_secret,
    read_service_account,
    refused,
)
from fairlead_proxy.upstream.signing.signer import Signer
from fairlead_proxy.upstream.signing.token_endpoint import Granted
from fairlead_proxy.upstream.signing.token_signer import Fetch, TokenSigner
from fairlead_proxy.upstream.transport import Headers, Lane, Transport

if TYPE_CHECKING:
    from fairlead_proxy.upstream.signing.sigv4 import SigV4

MOST_SIGNERS = 1024
"""How many are kept; the one that was not asked for the longest goes first. A default."""

THREADS = 2
"""For what google-auth and botocore do, which takes its time but waits for nothing. A default."""

_SIGNING_TYPES = frozenset({ProviderType.BEDROCK, ProviderType.VERTEX_AI, ProviderType.AZURE_OPENAI})
_REGION = re.compile(r"//bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")
"""Source: https://docs.aws.amazon.com/general/latest/gr/bedrock.html"""


class Signers:
    """The signers of a process. `transport` leads to token endpoints; `unix` is the clock, in Unix seconds.

    Its threads are its own: the loop's serve the configuration, and must not be held up by anybody's keys.
    """

    def __init__(self, transport: Transport, unix: Callable[[], float]) -> None:
        self._transport = transport
        self._unix = unix
        self._signers: OrderedDict[_Identity, Signer] = OrderedDict()
        self._tasks: set[asyncio.Task[UpstreamFailure | None]] = set()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="signing")

    def of(self, provider: Provider, key: str) -> Signer | None:
        """Return who signs with a key, the same one for the same provider and key; None: the key is a plain header.

        Material that is not of its form has a signer that says so when it is asked to be ready.
        """
        if provider.type not in _SIGNING_TYPES or not describes_itself(key):
            return None
        identity = _identity(provider, key)
        signer = self._signers.get(identity)
        if signer is None:
            signer = self._signers[identity] = self._make(provider, key)
            if len(self._signers) > MOST_SIGNERS:
                self._signers.popitem(last=False)
        else:
            self._signers.move_to_end(identity)
        return signer

    def keep(self, used: Iterable[tuple[Provider, str]]) -> None:
        """Drop every signer but those of these keys: a configuration has been swapped."""
        wanted = {_identity(provider, key) for provider, key in used if provider.type in _SIGNING_TYPES}
        for identity in [identity for identity in self._signers if identity not in wanted]:
            del self._signers[identity]

    async def close(self) -> None:
        """End every fetch that is under way; whoever waits for one is told."""
        self._signers.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _make(self, provider: Provider, key: str) -> Signer:
        try:
            match provider.type:
                case ProviderType.BEDROCK:
                    return _LateSigV4(read_access_keys(key), _region_of(provider), self._threads)
                case ProviderType.VERTEX_AI:
                    account = read_service_account(key)
                    return self._by_token(lambda: self._fetch_google(provider, account))
                case _:
                    app = read_app_secret(key)
                    return self._by_token(lambda: fetch_entra_token(self._transport, provider, app, self._unix))
        except UpstreamFailure as failure:
            return _Unusable(failure.bare())

    def _by_token(self, fetch: Fetch) -> TokenSigner:
        return TokenSigner(fetch, self._unix, self._own)

    async def _fetch_google(self, provider: Provider, account: ServiceAccount) -> Granted:
        fetch: Callable[[Transport, Provider, ServiceAccount, Callable[[], float], Executor], Awaitable[Granted]]
        fetch = (await _import_late("google", self._threads)).fetch_google_token
        return await fetch(self._transport, provider, account, self._unix, self._threads)

    def _own(self, task: asyncio.Task[UpstreamFailure | None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Identity(NamedTuple):
    """What a signer is kept by: all that it works with. The key stands in it as its hash."""

    id: str
    type: ProviderType
    url: str
    region: str
    ca_pem: str
    forward_proxy: str
    key: str


class _LateSigV4:
    """See Signer."""

    def __init__(self, keys: AccessKeys, region: str, threads: Executor) -> None:
        self._keys = keys
        self._region = region
        self._threads = threads
        self._signing: SigV4 | None = None

    def headers(self, lane: Lane, body: bytes, now: float) -> Headers | None:
        return None if self._signing is None else self._signing.headers(lane, body, now)

    async def ready(self) -> None:
        if self._signing is None:
            make: Callable[[AccessKeys, str], SigV4] = (await _import_late("sigv4", self._threads)).SigV4
            self._signing = make(self._keys, self._region)

    def forget(self, refused: Headers) -> bool:
        """Nothing is kept that could be got anew."""
        return False


class _Unusable:
    """See Signer: of a key whose material is not of its form."""

    def __init__(self, failure: UpstreamFailure) -> None:
        self._failure = failure

    def headers(self, lane: Lane, body: bytes, now: float) -> Headers | None:
        return None

    async def ready(self) -> None:
        raise UpstreamFailure(self._failure.failure, self._failure.detail)

    def forget(self, refused: Headers) -> bool:
        """A key that cannot be used stays so."""
        return False


async def _import_late(name: str, threads: Executor) -> ModuleType:
    """Import a module of this room in a thread, once it is needed: botocore.auth and google.oauth2 take about 25 MB and
    0.1 s each, which a process without such providers must not pay.
    """
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(threads, importlib.import_module, f"{__package__}.{name}")


def _identity(provider: Provider, key: str) -> _Identity:
    return _Identity(
        provider.id,
        provider.type,
        provider.url,
        provider.region,
        provider.ca_pem,
        provider.forward_proxy,
        hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest(),
    )


def _region_of(provider: Provider) -> str:
    """Return the region that is signed for: as it is given, else as the endpoint's own name says."""
    found = _REGION.search(provider.url)
    region = provider.region or (found[1] if found else "")
    if not region:
        raise refused("access keys sign for a region, and the provider names none")
    return region
