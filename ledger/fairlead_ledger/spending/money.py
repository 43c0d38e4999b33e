"""Money and rates as decimal text, exactly: whole numbers in, no float anywhere."""

NANO_DIGITS = 9
PER_MILLION_DIGITS = 6


def money_text(nano: int, least_digits: int = 2) -> str:
    """Return nano-units as units, with as many digits as it takes and at least so many."""
    return decimal_text(nano, NANO_DIGITS, least_digits)


def decimal_text(value: int, digits: int, least_digits: int = 0) -> str:
    """Return `value` divided by 10 to the power of `digits`."""
    sign, whole = ("-" if value < 0 else ""), abs(value)
    units, rest = divmod(whole, 10**digits)
    fraction = f"{rest:0{digits}}".rstrip("0").ljust(least_digits, "0") if digits else ""
    return f"{sign}{units}.{fraction}" if fraction else f"{sign}{units}"


def percent_text(part: int, whole: int) -> str:
    """Return a share in percent with one digit, rounded half up; 0 of 0 is 0."""
    tenths = (part * 2000 + whole) // (2 * whole) if whole else 0
    return f"{decimal_text(tenths, 1, 1)} %"
