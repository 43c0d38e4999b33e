"""The certificates that a gateway's listeners show, out of the Secrets that they name."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from fairlead_operator.compiler.references import find_value
from fairlead_operator.inventory import Inventory
from fairlead_operator.verdict import Reason, Ruling, Truth
from fairlead_proxy.contract.config import Gateway, Listener
from fairlead_proxy.contract.keys import Certificate

CHAIN_ENTRY, KEY_ENTRY = "tls.crt", "tls.key"
"""Source: https://kubernetes.io/docs/concepts/configuration/secret/#tls-secrets"""


@dataclass(frozen=True, slots=True)
class ShownCertificates:
    """`found`: by listener name. `missing`: why the first listener without one has none; None: each has its own."""

    found: Mapping[str, Certificate] = field(default_factory=dict, repr=False)
    missing: Ruling | None = None


def find_certificates(gateway: Gateway, inventory: Inventory, account: str) -> ShownCertificates:
    """Return what the TLS listeners of a gateway show. `account` as in `find_key`."""
    found: dict[str, Certificate] = {}
    missing: list[Ruling] = []
    for number, listener in enumerate(gateway.listeners):
        if not listener.secret:
            continue
        certificate = _find(listener, gateway.namespace, inventory, account)
        if isinstance(certificate, Certificate):
            found[listener.name] = certificate
        elif certificate.reason is Reason.SECRET_NOT_PERMITTED:
            missing.append(certificate)
        else:
            place = f"spec.listeners[{number}].tls.secretName: "
            missing.append(replace(certificate, message=place + certificate.message))
    return ShownCertificates(found, next(iter(missing), None))


def _find(listener: Listener, namespace: str, inventory: Inventory, account: str) -> Certificate | Ruling:
    secret = listener.secret
    chain = find_value(inventory, namespace, f"{secret}/{CHAIN_ENTRY}", account, wanted="the chain as PEM")
    if isinstance(chain, Ruling):
        return chain
    key = find_value(inventory, namespace, f"{secret}/{KEY_ENTRY}", account, wanted="the private key as PEM")
    if isinstance(key, Ruling):
        return key
    fault = _fault(chain, key)
    if fault:
        return Ruling(Truth.FALSE, Reason.SECRET_KEY_MISSING, f"the Secret {secret}: {fault}")
    return Certificate(chain=chain.decode("ascii"), key=key.decode("ascii"), expires_at=_end_of(chain))


@lru_cache(maxsize=64)
def _end_of(chain: bytes) -> float:
    """Return when the first certificate of a good chain ends, in Unix seconds; 0 where no calendar has that day."""
    try:
        return x509.load_pem_x509_certificates(chain)[0].not_valid_after_utc.timestamp()
    except (ValueError, OverflowError):
        return 0.0


@lru_cache(maxsize=64)
def _fault(chain: bytes, key: bytes) -> str:
    """Return why these two are no pair that can be shown, empty where they are; quotes nothing of either."""
    try:
        chain.decode("ascii")
        own = x509.load_pem_x509_certificates(chain)[0]
    except ValueError:
        return f"{CHAIN_ENTRY} is no chain of PEM certificates; put it there, the listener's own certificate first"
    try:
        key.decode("ascii")
        public = load_pem_private_key(key, password=None).public_key()
    except TypeError:
        return f"{KEY_ENTRY} is encrypted; put the private key there as PEM without a password"
    except Exception:
        return f"{KEY_ENTRY} is no private key that can be read; put it there as PEM"
    if own.public_key() != public:
        return (
            f"{KEY_ENTRY} does not belong to the first certificate of {CHAIN_ENTRY}; put both there as they were issued"
        )
    return ""
