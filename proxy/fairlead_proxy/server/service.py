"""The seam between connections and what stands behind a port."""

from typing import Protocol

from fairlead_proxy.exchange.errors import Answer
from fairlead_proxy.server.admission import Admission
from fairlead_proxy.server.visit import Visit


class Service(Protocol):
    """What stands behind a port. A fault of it is logged, and answered for it."""

    def admit(self, visit: Visit) -> None:
        """Look at a request whose headers have been checked; raise CallRefused to refuse it before its body is read.
        One that needs no body may be answered now, and is then not served.
        """
        ...

    def readmit(self, visit: Visit, admission: Admission, size: int) -> bool:
        """A head has come again that brought this admission before, with a body of so many bytes: say whether it still
        holds, and if so do as `admit` and `hold` do.
        """
        ...

    def hold(self, visit: Visit, size: int) -> None:
        """So many bytes more of the body are kept; raise CallRefused where there is no room for them."""
        ...

    def serve(self, visit: Visit, body: bytes) -> None:
        """Answer, now or later; or raise CallRefused."""
        ...

    def refuse(self, visit: Visit, answer: Answer) -> None:
        """Give this answer to a visit that was not served."""
        ...

    def ended(self, visit: Visit) -> None:
        """The visit is over, whatever came of it. Told once for each, also for those that were never admitted."""
        ...
