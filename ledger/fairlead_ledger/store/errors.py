"""What may go wrong with a store.

StoreError
├── StoreDown      it does not answer now, or refuses; to be tried again
├── StoreRefused   it answers, and will not have what it was given: again would be no different
├── StoreTooNew    a newer Fairlead has changed its tables
└── StoreAbsent    there is none where one was looked for
"""


class StoreError(Exception):
    """Of a store; the message is one line and holds no password."""


class StoreDown(StoreError):
    """It does not take or give anything now."""


class StoreRefused(StoreError):
    """It took nothing of a batch, because of something that stands in it."""


class StoreTooNew(StoreError):
    """Its tables are of a newer version than this program knows."""

    def __init__(self, where: str, found: int, known: int) -> None:
        super().__init__(
            f"{where}: its tables are of version {found}, and this program knows them up to {known}; "
            "upgrade Fairlead here too, or name another store"
        )


class StoreAbsent(StoreError):
    """There is no store here, or it has none of the ledger's tables."""
